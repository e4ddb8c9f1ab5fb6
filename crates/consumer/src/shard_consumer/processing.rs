//! Calls a processor's methods, one at a time, while the lease is held.

use std::future::poll_fn;
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, sleep, sleep_until, timeout};

use super::ShardContext;
use crate::checkpoint_pace::CheckpointPace;
use crate::held_lease::HeldLease;
use crate::in_hand::{InHand, Parking, Verdicts};
use crate::metrics::{self, Metric, Operation, Timed};
use crate::outcome::in_one_line;
use crate::settings::Decision;
use crate::shard_fetcher::Fetched;
use crate::shard_processor::ShardProcessor;
use crate::{
    BoxError, CheckpointError, Checkpointer, DeadLetters, ExtendedSequenceNumber, ParkedRecord,
    RecordBatch, Shard, ShardStart, ShardStep, StartOver,
};

/// How long the last checkpoint may take when the lease is about to be given back.
const LAST_CHECKPOINT: Duration = Duration::from_secs(3);
/// How long one call to the dead letters may take.
const PARK_TIMEOUT: Duration = Duration::from_secs(30);

/// Why a processor is not called any more.
#[derive(Debug)]
pub(super) enum ProcessingEnd {
    Lost,
    Stopped,
    Halted(BoxError),
    /// A new processor is to begin at the last checkpoint.
    StartsOver(BoxError),
    /// All records are processed; these shards follow, as far as known.
    Ended(Vec<Shard>),
}

/// A hook that is called again until it succeeds.
enum Hook {
    Started(ShardStart),
    Timer,
    ShardEnded,
}

impl Hook {
    fn timed(&self) -> Option<Timed> {
        match self {
            Self::Started(_) => Some(metrics::INITIALIZE),
            Self::ShardEnded => Some(metrics::SHUTDOWN),
            Self::Timer => None,
        }
    }
}

/// A record was to be parked by a consumer that has no dead letters.
#[derive(Debug, thiserror::Error)]
#[error(
    "record {place} is to be parked and the consumer has no dead letters; give it some with \
     ConsumerBuilder::dead_letter_stream: {cause}"
)]
struct NoDeadLetters {
    place: ExtendedSequenceNumber,
    cause: String,
}

pub(super) struct Processing {
    pub(super) processor: Box<dyn ShardProcessor>,
    pub(super) checkpointer: Checkpointer,
    pub(super) pace: CheckpointPace,
    pub(super) held: Arc<HeldLease>,
    pub(super) batches_done: watch::Sender<u64>,
    pub(super) context: Arc<ShardContext>,
}

enum Event {
    Stop,
    Timer,
    CheckpointDue,
    Fetched(Option<Fetched>),
}

impl Processing {
    pub(super) async fn run(
        mut self,
        start: ShardStart,
        mut from_fetcher: mpsc::Receiver<Fetched>,
    ) -> ProcessingEnd {
        let end = match self.call_hook(&Hook::Started(start)).await {
            Ok(()) => self.serve(&mut from_fetcher).await,
            Err(end) => end,
        };
        match end {
            ProcessingEnd::Lost => self.tell_of_loss().await,
            ProcessingEnd::Stopped | ProcessingEnd::Halted(_) | ProcessingEnd::StartsOver(_) => {
                self.store_rest().await;
            }
            ProcessingEnd::Ended(_) => {}
        }
        end
    }

    async fn serve(&mut self, from_fetcher: &mut mpsc::Receiver<Fetched>) -> ProcessingEnd {
        loop {
            self.enter(ShardStep::Waiting);
            let event = match self.next_event(from_fetcher).await {
                Ok(event) => event,
                Err(end) => return end,
            };
            let done = match event {
                Event::Stop => return self.stop().await,
                Event::Timer => self.call_hook(&Hook::Timer).await,
                Event::CheckpointDue => self.store_if_due().await,
                Event::Fetched(Some(Fetched::Batch {
                    batch,
                    tip_at,
                    memory,
                })) => {
                    drop(memory);
                    let done = self.process(batch).await;
                    if done.is_ok() {
                        self.batches_done.send_modify(|done| *done += 1);
                        if tip_at.is_some() {
                            self.context
                                .board
                                .change(self.held.key(), |status| status.caught_up_at = tip_at);
                        }
                    }
                    done
                }
                Event::Fetched(Some(Fetched::End(children))) => {
                    match self.call_hook(&Hook::ShardEnded).await {
                        Ok(()) => return ProcessingEnd::Ended(children),
                        Err(end) => Err(end),
                    }
                }
                // The fetcher ends only after it has said so, unless the whole runtime is going down.
                Event::Fetched(None) => return ProcessingEnd::Lost,
            };
            if let Err(end) = done {
                return end;
            }
        }
    }

    async fn next_event(
        &mut self,
        from_fetcher: &mut mpsc::Receiver<Fetched>,
    ) -> Result<Event, ProcessingEnd> {
        let at = |moment: Option<Instant>| async move {
            match moment {
                Some(at) => sleep_until(at).await,
                None => std::future::pending().await,
            }
        };
        let timer_fires = at(self.processor.next_timer().map(Instant::from_std));
        let checkpoint_is_due = at(self.pace.due_at());
        tokio::select! {
            biased;
            () = self.held.lost().cancelled() => Err(ProcessingEnd::Lost),
            () = self.context.abandon.cancelled() => Err(ProcessingEnd::Stopped),
            () = self.held.stop().cancelled() => Ok(Event::Stop),
            () = timer_fires => Ok(Event::Timer),
            () = checkpoint_is_due => Ok(Event::CheckpointDue),
            fetched = from_fetcher.recv() => Ok(Event::Fetched(fetched)),
        }
    }

    /// Hands the batch out until every record of it is done or parked. A stop ends that between two tries, without
    /// `stop_requested`: the batch is not done, and a checkpoint of the processor's could pass it.
    async fn process(&mut self, batch: RecordBatch) -> Result<(), ProcessingEnd> {
        let mut in_hand = InHand::new(batch);
        let mut counted = 0;
        loop {
            let handed = in_hand.hand_out();
            self.checkpointer.deliver(&handed.batch);
            self.enter(ShardStep::Processing);
            let (held, context) = (Arc::clone(&self.held), Arc::clone(&self.context));
            let began = Instant::now();
            let call = self.processor.process(&handed.batch, &self.checkpointer);
            let result = match while_held(&held, &context.abandon, call).await {
                Ok(Err(failure)) if failure.cause.is::<StartOver>() => {
                    Err(ProcessingEnd::StartsOver(failure.cause))
                }
                other => other,
            };
            self.timed(
                metrics::PROCESS_RECORDS,
                began,
                matches!(result, Ok(Ok(()))),
            );
            let result = match result {
                Ok(result) => result,
                Err(end) => {
                    in_hand.interrupted(&handed);
                    self.note_progress(&in_hand, &mut counted);
                    return Err(end);
                }
            };
            let verdicts = in_hand.judge(&handed, result, &context.settings.failure_policy);
            let mut parked = Ok(());
            for parking in &verdicts.park {
                parked = self.park(&in_hand, parking).await;
                if parked.is_err() {
                    break;
                }
                in_hand.finish(parking.index);
            }
            self.note_progress(&in_hand, &mut counted);
            parked?;
            if let Some(error) = self.note_failure(&verdicts) {
                return Err(ProcessingEnd::Halted(
                    verdicts.halt.unwrap_or_else(|| error.into()),
                ));
            }
            if in_hand.is_finished() {
                self.count(Metric::DataBytesProcessed, in_hand.data_bytes());
                if let Some(last) = in_hand.watermark() {
                    self.checkpointer.all_done(last);
                }
                return self.store_if_due().await;
            }
            self.store_if_due().await?;
            self.pause_before_retry(&verdicts).await?;
        }
    }

    fn note_progress(&mut self, in_hand: &InHand, counted: &mut u64) {
        let finished = usize::try_from(in_hand.finished() - *counted).unwrap_or(usize::MAX);
        self.count(Metric::RecordsProcessed, finished);
        if let Some(place) = in_hand.watermark() {
            self.pace.note_done(place, in_hand.finished() - *counted);
        }
        *counted = in_hand.finished();
    }

    /// The error if the worker must halt.
    fn note_failure(&self, verdicts: &Verdicts) -> Option<String> {
        let error = verdicts.error.clone()?;
        let (failures, shard_id) = (verdicts.failures, self.held.key());
        tracing::warn!(shard_id, failures, error, "records were not processed");
        verdicts.halt.is_some().then_some(error)
    }

    async fn pause_before_retry(&mut self, verdicts: &Verdicts) -> Result<(), ProcessingEnd> {
        if let Some(error) = verdicts.error.clone() {
            let failures = verdicts.failures;
            self.enter(ShardStep::Retrying { failures, error });
        }
        self.pause(verdicts.pause).await
    }

    /// Puts a record on the dead letters, however often that takes.
    async fn park(&mut self, in_hand: &InHand, parking: &Parking) -> Result<(), ProcessingEnd> {
        let record = in_hand.record(parking.index);
        let Some(dead_letters) = self.context.dead_letters.clone() else {
            let halt = NoDeadLetters {
                place: record.place.clone(),
                cause: parking.cause.clone(),
            };
            return Err(ProcessingEnd::Halted(halt.into()));
        };
        let parked = ParkedRecord {
            application: self.context.application.clone(),
            stream: self.context.streams.of(self.held.key()).name.clone(),
            shard_id: self.held.key().to_owned(),
            record: record.clone(),
            cause: ParkedRecord::cut(parking.cause.clone()),
            attempts: parking.failures,
        };
        let mut failures = 0;
        loop {
            self.enter(ShardStep::Parking);
            let call = park_in_time(&*dead_letters, parked.clone());
            let result = while_held(&self.held, &self.context.abandon, call).await?;
            let (shard_id, place) = (self.held.key(), &parked.record.place);
            let Err(error) = result else {
                tracing::warn!(shard_id, %place, cause = parked.cause, attempts = parked.attempts, "record parked");
                return Ok(());
            };
            failures += 1;
            let error = in_one_line(&*error);
            tracing::error!(shard_id, %place, failures, error, "record could not be parked");
            self.enter(ShardStep::Retrying { failures, error });
            self.pause(self.context.settings.failure_policy.pause(failures))
                .await?;
        }
    }

    /// Calls a hook until it succeeds, as the policy says.
    async fn call_hook(&mut self, hook: &Hook) -> Result<(), ProcessingEnd> {
        let mut failures = 0;
        loop {
            let step = match hook {
                Hook::Started(_) => ShardStep::Starting,
                Hook::Timer => ShardStep::Processing,
                Hook::ShardEnded => ShardStep::Ending,
            };
            self.enter(step);
            let (held, context) = (Arc::clone(&self.held), Arc::clone(&self.context));
            let began = Instant::now();
            let call = self.call(hook);
            let result = while_held(&held, &context.abandon, call).await;
            if let Some(timed) = hook.timed() {
                self.timed(timed, began, matches!(result, Ok(Ok(()))));
            }
            let Err(error) = result? else {
                return Ok(());
            };
            if error.is::<StartOver>() {
                return Err(ProcessingEnd::StartsOver(error));
            }
            failures += 1;
            let text = in_one_line(&*error);
            tracing::warn!(
                shard_id = held.key(),
                failures,
                error = text,
                "processor failed"
            );
            let policy = &context.settings.failure_policy;
            let pause = match policy.after(failures) {
                Decision::TryAgainAfter(pause) => pause,
                Decision::Halt => return Err(ProcessingEnd::Halted(error)),
                // A hook has nothing to park.
                Decision::Park => policy.pause(failures),
            };
            let error = text;
            self.enter(ShardStep::Retrying { failures, error });
            self.pause(pause).await?;
        }
    }

    async fn call(&mut self, hook: &Hook) -> Result<(), BoxError> {
        match hook {
            Hook::Started(start) => self.processor.started(start, &self.checkpointer).await,
            Hook::Timer => self.processor.timer_fired(&self.checkpointer).await,
            Hook::ShardEnded => self.processor.shard_ended(&self.checkpointer).await,
        }
    }

    async fn pause(&mut self, pause: Duration) -> Result<(), ProcessingEnd> {
        tokio::select! {
            biased;
            () = self.held.lost().cancelled() => Err(ProcessingEnd::Lost),
            () = self.context.abandon.cancelled() => Err(ProcessingEnd::Stopped),
            () = self.held.stop().cancelled() => Err(ProcessingEnd::Stopped),
            () = sleep(pause) => Ok(()),
        }
    }

    async fn store_if_due(&mut self) -> Result<(), ProcessingEnd> {
        let Some(place) = self.pace.due(Instant::now()).cloned() else {
            return Ok(());
        };
        match self.checkpointer.store_done(&place).await {
            Ok(()) => self.pace.stored(&place, Instant::now()),
            Err(CheckpointError::LeaseLost) => return Err(ProcessingEnd::Lost),
            Err(error) => {
                tracing::warn!(shard_id = self.held.key(), %error, "checkpoint could not be stored yet");
                self.pace.failed(Instant::now());
            }
        }
        Ok(())
    }

    /// The lease is about to be given back: what is done is stored first.
    async fn store_rest(&mut self) {
        let Some(place) = self.pace.rest().cloned() else {
            return;
        };
        let stored = timeout(LAST_CHECKPOINT, self.checkpointer.store_done(&place)).await;
        if !matches!(stored, Ok(Ok(()))) {
            tracing::warn!(
                shard_id = self.held.key(), %place,
                "the last checkpoint could not be stored: records are processed again"
            );
        }
    }

    async fn stop(&mut self) -> ProcessingEnd {
        self.enter(ShardStep::Stopping);
        let (held, context) = (Arc::clone(&self.held), Arc::clone(&self.context));
        let began = Instant::now();
        let call = self.processor.stop_requested(&self.checkpointer);
        let told = while_held(&held, &context.abandon, call).await;
        self.timed(metrics::SHUTDOWN, began, matches!(told, Ok(Ok(()))));
        match told {
            Ok(Ok(())) => ProcessingEnd::Stopped,
            Ok(Err(error)) => {
                tracing::warn!(shard_id = held.key(), %error, "processor failed while stopping");
                ProcessingEnd::Stopped
            }
            Err(end) => end,
        }
    }

    async fn tell_of_loss(&mut self) {
        self.enter(ShardStep::Stopping);
        let began = Instant::now();
        let context = Arc::clone(&self.context);
        let told = timeout(context.settings.shutdown_grace, self.processor.lease_lost());
        let ended = tokio::select! {
            biased;
            () = context.abandon.cancelled() => false,
            told = told => told.is_ok(),
        };
        self.timed(metrics::SHUTDOWN, began, ended);
        if !ended {
            tracing::warn!(shard_id = self.held.key(), "lease_lost did not end in time");
        }
    }

    fn enter(&self, step: ShardStep) {
        self.context.board.enter(self.held.key(), step);
    }

    fn timed(&self, what: Timed, began: Instant, has_succeeded: bool) {
        let shard_id = Some(self.held.key());
        self.context
            .metrics
            .timed(what, shard_id, began, has_succeeded);
    }

    fn count(&self, metric: Metric, count: usize) {
        let shard_id = Some(self.held.key());
        self.context
            .metrics
            .count(Operation::ProcessTask, shard_id, metric, count);
    }
}

/// Runs `call` as long as the lease is held and the shard is not abandoned. The timers of a process that stood still fire late,
/// and what `call` waited for may come first: the clock is looked at before each of its steps, and at its end.
async fn while_held<T>(
    held: &HeldLease,
    abandon: &tokio_util::sync::CancellationToken,
    call: impl Future<Output = T>,
) -> Result<T, ProcessingEnd> {
    let mut call = pin!(call);
    let in_steps = poll_fn(|context| match held.is_valid() {
        true => call.as_mut().poll(context).map(Ok),
        false => Poll::Ready(Err(ProcessingEnd::Lost)),
    });
    let result = tokio::select! {
        biased;
        () = held.lost().cancelled() => return Err(ProcessingEnd::Lost),
        () = abandon.cancelled() => return Err(ProcessingEnd::Stopped),
        result = in_steps => result?,
    };
    if held.is_valid() {
        Ok(result)
    } else {
        Err(ProcessingEnd::Lost)
    }
}

async fn park_in_time(
    dead_letters: &dyn DeadLetters,
    parked: ParkedRecord,
) -> Result<(), BoxError> {
    let parking = timeout(PARK_TIMEOUT, dead_letters.park(parked));
    parking
        .await
        .unwrap_or_else(|_| Err("the dead letters did not answer in time".into()))
}

#[cfg(test)]
mod tests;
