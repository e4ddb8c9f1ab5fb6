//! One shard on this worker, from the lease to its release.
//!
//! ```text
//! waiting for parents ─► starting ─► waiting ⇄ processing (retrying) ─► ending ─► released
//!                                        └────── stop or loss ──────────────────────┘
//! ```

use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use rand::SeedableRng;
use rand::rngs::StdRng;
use tokio::runtime::Handle;
use tokio::sync::{Semaphore, mpsc, watch};
use tokio::time::{Instant, sleep, timeout};
use tokio_util::sync::CancellationToken;
use tokio_util::task::AbortOnDropHandle;
use tracing::Instrument;

use crate::checkpoint_pace::CheckpointPace;
use crate::gone_shard::GoneShard;
use crate::held_lease::HeldLease;
use crate::metrics::Metrics;
use crate::outcome::in_one_line;
use crate::processor_threads::ProcessorThreads;
use crate::settings::Decision;
use crate::shard_fetcher::ShardFetcher;
use crate::shard_processor::ProcessorFactory;
use crate::source::in_time;
use crate::streams::{StreamSet, leases_of, stream_of};
use crate::{
    BoxError, Checkpoint, CheckpointError, Checkpointer, DeadLetters, Lease, LeaseTable,
    LeaseTableError, ReadError, Settings, Shard, ShardStart, ShardStep, StatusBoard, shard_graph,
    tasks,
};

mod lease_sync;
mod processing;

pub(crate) use lease_sync::{SyncError, sync_leases};
use processing::{Processing, ProcessingEnd};

/// How often the rows of unfinished parents are read.
const PARENT_POLL_MAX: Duration = Duration::from_secs(2);
/// Writes of different rows that are under way at the same time, where many are due at once.
pub(crate) const CALLS_AT_ONCE: usize = 16;
/// Pause before a step that failed is repeated.
const STEP_PAUSE: Duration = Duration::from_millis(500);

/// What all shards of a worker share, and their processors.
pub(crate) struct ShardContext {
    pub(crate) site: Worksite,
    pub(crate) factory: ProcessorFactory,
}

impl std::ops::Deref for ShardContext {
    type Target = Worksite;

    fn deref(&self) -> &Worksite {
        &self.site
    }
}

/// What all shards of a worker share.
pub(crate) struct Worksite {
    pub(crate) settings: Arc<Settings>,
    pub(crate) table: Arc<dyn LeaseTable>,
    pub(crate) streams: StreamSet,
    /// Memory for reading ahead, in KiB.
    pub(crate) prefetch: Arc<Semaphore>,
    /// Threads of the processors' own, if they have some.
    pub(crate) processor_threads: Option<ProcessorThreads>,
    pub(crate) board: StatusBoard,
    pub(crate) metrics: Metrics,
    /// The application's name.
    pub(crate) application: String,
    pub(crate) dead_letters: Option<Arc<dyn DeadLetters>>,
    /// Finish the batch in hand, then release.
    pub(crate) stop: CancellationToken,
    /// The application said so; `stop` follows.
    pub(crate) told_to_stop: CancellationToken,
    /// Drop the batch in hand, then release.
    pub(crate) abandon: CancellationToken,
    /// Where the seeds of the fetchers' random pauses come from.
    pub(crate) seeds: AtomicU64,
}

impl fmt::Debug for ShardContext {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ShardContext").finish_non_exhaustive()
    }
}

/// How the work on a shard ended.
#[derive(Debug)]
pub(crate) enum ShardOutcome {
    /// Another worker has the lease, or may have it, or an earlier owner may still be at it: it is not released.
    Lost,
    /// The lease was given back.
    Released,
    /// The shard is finished.
    Finished,
    /// The processor failed as often as the policy allows. The lease was given back.
    Halted(BoxError),
}

/// Why a step towards the end of a shard failed; all are worth another try.
#[derive(Debug, thiserror::Error)]
enum EndError {
    #[error("shards could not be listed: {0}")]
    Stream(#[from] ReadError),
    #[error("shard {0} follows, and is not listed yet")]
    ChildNotListed(String),
    #[error("leases of children could not be made: {0}")]
    Sync(#[from] SyncError),
    #[error("the end of the shard could not be stored: {0}")]
    Checkpoint(#[from] CheckpointError),
}

/// Works on one shard until it is finished, lost or to be given back. Dropping this leaves the lease to expire.
///
/// Nothing is processed before `not_before`: until then the last owner may not know that it lost the lease.
pub(crate) async fn run(
    context: Arc<ShardContext>,
    held: Arc<HeldLease>,
    not_before: Instant,
) -> ShardOutcome {
    let renewing = Arc::clone(&held).keep(context.settings.renews_every());
    // A task of its own: whatever the rest waits for, the lease is renewed on time.
    let keeper = AbortOnDropHandle::new(tasks::spawn(renewing));
    let outcome = drive(&context, &held, not_before).await;
    context.board.leave(held.key());
    if held.has_twin() {
        tracing::error!(
            shard_id = %held.key(),
            "another live process uses this worker's id and has taken the lease: worker ids must be unique"
        );
    }
    if matches!(outcome, ShardOutcome::Lost) {
        held.leave();
    } else if let Err(error) = held.release().await {
        tracing::warn!(shard_id = %held.key(), %error, "lease could not be released and has to expire");
    }
    drop(keeper);
    tracing::info!(shard_id = %held.key(), ?outcome, "shard left");
    outcome
}

async fn drive(
    context: &Arc<ShardContext>,
    held: &Arc<HeldLease>,
    not_before: Instant,
) -> ShardOutcome {
    let quarantine = not_before.saturating_duration_since(Instant::now());
    if !quarantine.is_zero() {
        context
            .board
            .enter(held.key(), ShardStep::WaitingForLastOwner);
        if pause(context, held, quarantine).await.is_some() {
            // The last owner may still be at it: whoever took a released lease would begin beside it. So it expires.
            return ShardOutcome::Lost;
        }
    }
    if let Some(outcome) = wait_for_parents(context, held).await {
        return outcome;
    }
    let mut failed_starts = 0;
    loop {
        let begun_at = held.row().await.checkpoint;
        match process(context, held).await {
            Ok(ProcessingEnd::Lost) => return ShardOutcome::Lost,
            Ok(ProcessingEnd::Stopped) => return ShardOutcome::Released,
            Ok(ProcessingEnd::Halted(error)) => return ShardOutcome::Halted(error),
            Ok(ProcessingEnd::Ended(children)) => return finish(context, held, &children).await,
            Ok(ProcessingEnd::StartsOver(error)) => {
                if held.row().await.checkpoint != begun_at {
                    failed_starts = 0;
                }
                failed_starts += 1;
                if let Some(outcome) = start_over(context, held, failed_starts, error).await {
                    return outcome;
                }
            }
            Err(panic) => {
                tracing::error!(
                    shard_id = %held.key(), %panic,
                    "processor panicked; a new one starts at the last checkpoint"
                );
                if let Some(outcome) = pause(context, held, STEP_PAUSE * 2).await {
                    return outcome;
                }
            }
        }
    }
}

/// `None` once a new processor may begin at the last checkpoint.
async fn start_over(
    context: &ShardContext,
    held: &HeldLease,
    failures: u32,
    error: BoxError,
) -> Option<ShardOutcome> {
    let policy = &context.settings.failure_policy;
    let text = in_one_line(&*error);
    tracing::error!(shard_id = %held.key(), failures, error = text, "processor starts over");
    let wait = match policy.after(failures) {
        Decision::Halt => return Some(ShardOutcome::Halted(error)),
        Decision::TryAgainAfter(wait) => wait,
        // There is no record to park.
        Decision::Park => policy.pause(failures),
    };
    let retrying = ShardStep::Retrying {
        failures,
        error: text,
    };
    context.board.enter(held.key(), retrying);
    pause(context, held, wait).await
}

/// `None` once no parent is unfinished.
async fn wait_for_parents(context: &ShardContext, held: &HeldLease) -> Option<ShardOutcome> {
    let parents = held.row().await.parent_shard_ids;
    loop {
        match unfinished_parents(context, &parents).await {
            Ok(waiting) if waiting.is_empty() => return None,
            Ok(waiting) => context
                .board
                .enter(held.key(), ShardStep::WaitingForParents(waiting)),
            Err(error) => {
                context.board.enter(
                    held.key(),
                    ShardStep::WaitingForParents(parents.iter().cloned().collect()),
                );
                tracing::warn!(shard_id = %held.key(), %error, "parents could not be looked up");
            }
        }
        let poll = (context.settings.failover_time / 5).min(PARENT_POLL_MAX);
        if let Some(outcome) = pause(context, held, poll).await {
            return Some(outcome);
        }
    }
}

async fn unfinished_parents(
    context: &ShardContext,
    parents: &BTreeSet<String>,
) -> Result<Vec<String>, LeaseTableError> {
    let mut rows = Vec::new();
    for parent in parents {
        rows.extend(in_table_time(context, context.table.get(parent)).await?);
    }
    Ok(shard_graph::unfinished(&rows))
}

/// One processor, from its making to its end. An error is a panic of the processor.
async fn process(
    context: &Arc<ShardContext>,
    held: &Arc<HeldLease>,
) -> Result<ProcessingEnd, tokio::task::JoinError> {
    let row = held.row().await;
    let (batches_done, done_batches) = watch::channel(0);
    context.board.enter(held.key(), ShardStep::Starting);
    let stream = context.streams.of(held.key());
    let fetcher = ShardFetcher {
        source: Arc::clone(&stream.source),
        listed_starts: Arc::clone(&stream.listed_starts),
        start: row.starting_sequence_number.clone(),
        prefetch: Arc::clone(&context.prefetch),
        shard_id: row.lease_key.clone(),
        settings: Arc::clone(&context.settings),
        board: context.board.clone(),
        metrics: context.metrics.clone(),
        held: Arc::clone(held),
        hash_key_range: row.hash_key_range,
        checkpoint: row.checkpoint.clone(),
        latest_at: row.latest_at,
        latest_to_store: None,
        gone: GoneShard::default(),
        batches_done: done_batches,
        jitter: StdRng::seed_from_u64(context.seeds.fetch_add(1, Ordering::Relaxed)),
    };
    let (to_processor, from_fetcher) = mpsc::channel(1);
    let _fetcher = AbortOnDropHandle::new(tasks::spawn(fetcher.run(to_processor)));
    let start = ShardStart {
        shard_id: row.lease_key,
        checkpoint: row.checkpoint,
        pending_checkpoint: row.pending_checkpoint,
    };
    let checkpointer = Checkpointer::new(Arc::clone(held), Handle::current());
    let context_of_task = Arc::clone(context);
    let held = Arc::clone(held);
    let processing = async move {
        let processor = (context_of_task.factory)(held.key());
        let pace = CheckpointPace::new(context_of_task.settings.checkpoint_policy, Instant::now());
        let processing = Processing {
            processor,
            checkpointer,
            pace,
            held,
            batches_done,
            context: context_of_task,
        };
        processing.run(start, from_fetcher).await
    };
    let task = match &context.processor_threads {
        Some(threads) => threads.spawn(processing.in_current_span()),
        None => tasks::spawn(processing),
    };
    AbortOnDropHandle::new(task).await
}

/// Leases the children and stores the end of the shard.
async fn finish(context: &ShardContext, held: &HeldLease, children: &[Shard]) -> ShardOutcome {
    context.board.enter(held.key(), ShardStep::Ending);
    loop {
        // Dropping a try leaves nothing half done that the next one would not find: leases that were made, or the end.
        let tried = tokio::select! {
            biased;
            () = held.lost().cancelled() => return ShardOutcome::Lost,
            () = context.abandon.cancelled() => return ShardOutcome::Released,
            tried = try_finish(context, held, children) => tried,
        };
        match tried {
            Ok(()) => return ShardOutcome::Finished,
            Err(EndError::Checkpoint(CheckpointError::LeaseLost)) => return ShardOutcome::Lost,
            Err(error) => {
                tracing::warn!(shard_id = %held.key(), %error, "shard could not be finished yet");
            }
        }
        // A stop leaves room for one try: the shard's last record has been processed. After that the lease is passed on, for
        // what is waited for may never come.
        if held.stop().is_cancelled() {
            return ShardOutcome::Released;
        }
        tokio::select! {
            biased;
            () = held.lost().cancelled() => return ShardOutcome::Lost,
            () = context.abandon.cancelled() => return ShardOutcome::Released,
            () = held.stop().cancelled() => {}
            () = sleep(STEP_PAUSE) => {}
        }
    }
}

async fn try_finish(
    context: &ShardContext,
    held: &HeldLease,
    children: &[Shard],
) -> Result<(), EndError> {
    let stream = context.streams.of(held.key());
    let listed = in_time(stream.source.list_shards()).await?;
    let shards = shard_graph::with_children(listed, held.key(), children)
        .map_err(EndError::ChildNotListed)?;
    let start = held.row().await.starting_sequence_number;
    let table = in_table_time(context, context.table.list()).await;
    let leases = leases_of(stream_of(held.key()), &table.map_err(SyncError::from)?);
    let suspects = &mut BTreeSet::new();
    sync_leases(context, &shards, &leases, start.as_ref(), suspects).await?;
    let child_ids: BTreeSet<String> = shards
        .iter()
        .filter(|shard| shard.parent_shard_ids.contains(held.key()))
        .map(|shard| shard.shard_id.clone())
        .collect();
    held.update(|row| {
        Ok(Lease {
            checkpoint: Checkpoint::ShardEnd,
            latest_at: None,
            pending_checkpoint: None,
            child_shard_ids: child_ids.clone(),
            ..row.clone()
        })
    })
    .await?;
    Ok(())
}

pub(crate) async fn in_table_time<T>(
    site: &Worksite,
    call: crate::TableFuture<T>,
) -> Result<T, LeaseTableError> {
    timeout(site.settings.call_timeout(), call)
        .await
        .unwrap_or(Err(LeaseTableError::TimedOut))
}

async fn pause(context: &ShardContext, held: &HeldLease, pause: Duration) -> Option<ShardOutcome> {
    tokio::select! {
        biased;
        () = held.lost().cancelled() => Some(ShardOutcome::Lost),
        () = context.abandon.cancelled() => Some(ShardOutcome::Released),
        () = held.stop().cancelled() => Some(ShardOutcome::Released),
        () = sleep(pause) => None,
    }
}
