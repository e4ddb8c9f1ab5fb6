//! Reads one shard, one batch ahead of its processor.

use std::sync::Arc;
use std::time::Duration;

use millstream_types::{HashKeyRange, TimestampMs};
use rand::Rng;
use rand::rngs::StdRng;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, watch};
use tokio::time::{Instant, sleep_until, timeout};

use crate::deaggregation::user_records;
use crate::gone_shard::GoneShard;
use crate::held_lease::HeldLease;
use crate::listed_starts::ListedStarts;
use crate::metrics::{self, Metric, Metrics, Operation};
use crate::pacing::Pacing;
use crate::source::{
    READ_TIMEOUT, ReadError, Shard, ShardRead, ShardReads, Source, StartingPosition, in_time,
};
use crate::start_position::first_position;
use crate::{
    Checkpoint, ExtendedSequenceNumber, Lease, Record, RecordBatch, Settings, StatusBoard,
};

/// The largest answer of the service, in KiB.
const READ_KIB_MAX: u32 = 10 * 1024;

/// What the fetcher hands to the processor.
#[derive(Debug)]
pub(crate) enum Fetched {
    Batch {
        batch: RecordBatch,
        /// Goes back when the processor takes the batch.
        memory: Option<OwnedSemaphorePermit>,
        /// If the batch reached the tip: when it was asked for.
        tip_at: Option<std::time::Instant>,
    },
    /// The shard has ended; these shards follow, as far as known.
    End(Vec<Shard>),
}

#[derive(Debug)]
pub(crate) struct ShardFetcher {
    pub(crate) source: Arc<dyn Source>,
    pub(crate) listed_starts: Arc<ListedStarts>,
    pub(crate) shard_id: String,
    /// Where the shard of the lease starts, if the lease says so.
    pub(crate) start: Option<ExtendedSequenceNumber>,
    pub(crate) settings: Arc<Settings>,
    pub(crate) board: StatusBoard,
    pub(crate) metrics: Metrics,
    pub(crate) held: Arc<HeldLease>,
    pub(crate) hash_key_range: Option<HashKeyRange>,
    pub(crate) checkpoint: Checkpoint,
    /// What LATEST stands for, if it was opened before.
    pub(crate) latest_at: Option<TimestampMs>,
    /// What LATEST stands for, while the lease does not say so yet.
    pub(crate) latest_to_store: Option<TimestampMs>,
    pub(crate) gone: GoneShard,
    /// Batches that the processor has finished.
    pub(crate) batches_done: watch::Receiver<u64>,
    /// Memory for reading ahead, in KiB, for all shards of this worker.
    pub(crate) prefetch: Arc<Semaphore>,
    pub(crate) jitter: StdRng,
}

impl ShardFetcher {
    /// Reads until the shard ends or nobody listens. A channel of capacity 1 keeps it one batch ahead.
    pub(crate) async fn run(mut self, to_processor: mpsc::Sender<Fetched>) {
        let shard_id: Arc<str> = self.shard_id.as_str().into();
        let settings = Arc::clone(&self.settings);
        let mut pacing = Pacing::new(settings.poll_interval, settings.reads_per_second_max);
        let mut position = first_position(
            &self.checkpoint,
            self.latest_at,
            self.settings.initial_position,
        );
        let mut open: Option<Box<dyn ShardReads>> = None;
        let mut next_read = Instant::now();
        let mut batches_sent = 0;
        loop {
            // Room first: what is read is handed over at once, and an iterator does not grow old meanwhile.
            let Ok(room) = to_processor.reserve().await else {
                return;
            };
            sleep_until(pacing.earliest().map_or(next_read, |at| at.max(next_read))).await;
            let mut memory = self.memory(batches_sent).await;
            let asked_at = Instant::now();
            let answer = match self.read(&mut open, &mut position, &mut pacing).await {
                Ok(answer) => answer,
                Err(error) => {
                    if self.is_gone(&error).await {
                        room.send(Fetched::End(Vec::new()));
                        return;
                    }
                    next_read = Instant::now() + self.pause_after(&error, &mut open, &mut pacing);
                    continue;
                }
            };
            self.gone.found();
            self.note_answer(&answer);
            let at_tip = answer.millis_behind_latest == 0;
            let pause = pacing.after_answer(answer.records.len(), answer.millis_behind_latest);
            if !is_pushed(&open) {
                next_read = asked_at + pause;
            }
            let last = answer.records.last();
            let last = last.map(|record| record.sequence_number().to_owned());
            if let Some(number) = answer.continue_after.or(last) {
                position = StartingPosition::AfterSequenceNumber(number);
            }
            keep_only(&mut memory, &answer.records);
            let records = user_records(
                answer.records,
                self.hash_key_range.as_ref(),
                &self.checkpoint,
            );
            if records.is_empty() {
                drop(room);
                if at_tip && *self.batches_done.borrow() == batches_sent {
                    self.board.change(&self.shard_id, |status| {
                        status.caught_up_at = Some(asked_at.into_std())
                    });
                }
            } else {
                let batch = RecordBatch::of(
                    Arc::clone(&shard_id),
                    records,
                    Duration::from_millis(answer.millis_behind_latest),
                    self.held.stop().clone(),
                );
                batches_sent += 1;
                room.send(Fetched::Batch {
                    batch,
                    tip_at: at_tip.then_some(asked_at.into_std()),
                    memory,
                });
            }
            if let Some(children) = answer.end {
                // If nobody listens any more, the shard is somebody else's.
                if let Ok(room) = to_processor.reserve().await {
                    room.send(Fetched::End(children));
                }
                return;
            }
        }
    }

    /// Memory for one read, of what all shards of this worker have for reading ahead. While the processor waits for the
    /// read, none is needed: every shard goes on, whatever the others hold.
    async fn memory(&mut self, batches_sent: u64) -> Option<OwnedSemaphorePermit> {
        let ahead = Arc::clone(&self.prefetch);
        tokio::select! {
            biased;
            _ = self.batches_done.wait_for(|done| *done == batches_sent) => None,
            memory = ahead.acquire_many_owned(READ_KIB_MAX) => memory.ok(),
        }
    }

    async fn read(
        &mut self,
        open: &mut Option<Box<dyn ShardReads>>,
        position: &mut StartingPosition,
        pacing: &mut Pacing,
    ) -> Result<ShardRead, ReadError> {
        let reads = match open {
            Some(reads) => reads,
            None => {
                let call = self.source.open(&self.shard_id, position.clone());
                let opened = in_time(call).await?;
                self.verify(position).await?;
                if *position == StartingPosition::Latest {
                    self.fix_latest(opened.opened_at, position);
                }
                open.insert(opened.reads)
            }
        };
        self.store_latest().await?;
        if !reads.is_pushed() {
            pacing.ask(Instant::now());
        }
        let began = Instant::now();
        let read = timeout(READ_TIMEOUT, reads.next(self.settings.records_max)).await;
        let read = read.unwrap_or(Err(ReadError::TimedOut));
        // A subscription that ends has not failed.
        let has_succeeded = matches!(read, Ok(_) | Err(ReadError::Expired));
        let shard_id = Some(self.shard_id.as_str());
        self.metrics
            .timed(metrics::GET_RECORDS, shard_id, began, has_succeeded);
        read
    }

    /// Fails if what was opened may be the shard of that id in a stream that was created again. Once something has been
    /// read, its sequence number tells: every shard that starts behind it refuses it. That of a checkpoint does not: a
    /// worker that knows nothing of former streams, such as the KCL's, may have read the new one's shard.
    async fn verify(&self, opened: &StartingPosition) -> Result<(), ReadError> {
        let is_verified = matches!(opened, StartingPosition::AfterSequenceNumber(_));
        let Some(start) = self.start.as_ref().filter(|_| !is_verified) else {
            return Ok(());
        };
        let opened_at = Instant::now();
        let same = self
            .listed_starts
            .is_start(start, &self.shard_id, opened_at);
        if same.await? {
            return Ok(());
        }
        Err(ReadError::NotFound(format!(
            "shard {} that the lease is of: the stream was deleted and created again, or does not list it yet",
            self.shard_id
        )))
    }

    /// How long to wait after a failed read; closes what cannot be read on from.
    fn pause_after(
        &mut self,
        error: &ReadError,
        open: &mut Option<Box<dyn ShardReads>>,
        pacing: &mut Pacing,
    ) -> Duration {
        // What was pushed and did not arrive is lost with its subscription.
        let must_open_again = is_pushed(open)
            || matches!(
                error,
                ReadError::Expired | ReadError::NotFound(_) | ReadError::Refused(_)
            );
        if must_open_again {
            *open = None;
        }
        let is_first = pacing.failures() == 0;
        let pause = pacing.after_failure(self.jitter.random());
        if matches!(error, ReadError::Expired) && is_first {
            return Duration::ZERO;
        }
        self.note_failure(error);
        pause
    }

    /// From now on this lease's LATEST is a moment: asked for again, it would leave out what came in between.
    fn fix_latest(&mut self, opened_at: Option<TimestampMs>, position: &mut StartingPosition) {
        let Some(moment) = opened_at else {
            tracing::warn!(
                shard_id = %self.shard_id,
                "the service does not tell its time: until the first record, an iterator that is lost begins anew at \
                 the newest record and leaves out what came before"
            );
            return;
        };
        *position = StartingPosition::AtTimestamp(moment);
        self.latest_to_store = Some(moment);
    }

    /// Before the first read, so that whoever takes the lease over begins at the same moment.
    async fn store_latest(&mut self) -> Result<(), ReadError> {
        let Some(moment) = self.latest_to_store else {
            return Ok(());
        };
        let stored = self.held.update(|row| {
            let latest_at = (row.checkpoint == Checkpoint::Latest).then_some(moment);
            Ok(Lease {
                latest_at,
                ..row.clone()
            })
        });
        stored
            .await
            .map_err(|error| ReadError::Unavailable(error.into()))?;
        self.latest_to_store = None;
        Ok(())
    }

    /// Whether the stream exists and all records of the shard are past retention.
    async fn is_gone(&mut self, error: &ReadError) -> bool {
        if !matches!(error, ReadError::NotFound(_)) {
            return false;
        }
        let Ok(shards) = in_time(self.source.list_shards()).await else {
            return false;
        };
        let gone = self.gone.is_gone(&self.shard_id, &shards, Instant::now());
        if gone {
            tracing::warn!(
                shard_id = %self.shard_id, checkpoint = %self.checkpoint,
                "shard is past retention: records that were not processed are lost"
            );
        }
        gone
    }

    fn note_failure(&self, error: &ReadError) {
        let text = match (error, &self.checkpoint) {
            (ReadError::Refused(_), Checkpoint::At(place)) => format!(
                "{error}; is checkpoint {place} of a stream of the same name that was deleted? Its lease is started \
                 again at the next look at the shards"
            ),
            _ => error.to_string(),
        };
        tracing::warn!(shard_id = %self.shard_id, error = %text, "shard could not be read");
        self.board
            .change(&self.shard_id, |status| status.read_error = Some(text));
    }

    fn note_answer(&self, answer: &ShardRead) {
        self.metrics.record(
            Operation::ProcessTask,
            Some(&self.shard_id),
            Metric::MillisBehindLatest,
            answer.millis_behind_latest as f64,
        );
        self.board.change(&self.shard_id, |status| {
            status.read_error = None;
            status.behind_latest = Some(Duration::from_millis(answer.millis_behind_latest));
        });
    }
}

fn is_pushed(open: &Option<Box<dyn ShardReads>>) -> bool {
    open.as_ref().is_some_and(|reads| reads.is_pushed())
}

/// Gives back the memory that the records do not need.
fn keep_only(memory: &mut Option<OwnedSemaphorePermit>, records: &[Record]) {
    let Some(memory) = memory else {
        return;
    };
    let bytes: usize = records.iter().map(Record::size_bytes).sum();
    let surplus = memory.num_permits().saturating_sub(bytes / 1024 + 1);
    drop(memory.split(surplus));
}
