//! Calls a processor's methods, one at a time, while the lease is held.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use tokio::sync::mpsc;
use tokio::time::{sleep, sleep_until, timeout};

use super::ShardContext;
use crate::held_lease::HeldLease;
use crate::shard_fetcher::Fetched;
use crate::{BoxError, Checkpointer, RecordBatch, RecordProcessor, Shard, ShardStart, ShardStep};

/// Why a processor is not called any more.
#[derive(Debug)]
pub(super) enum ProcessingEnd {
    Lost,
    Stopped,
    Halted(BoxError),
    /// All records are processed; these shards follow, as far as known.
    Ended(Vec<Shard>),
}

/// A call that is repeated until it succeeds.
enum Call {
    Start(ShardStart),
    Batch(RecordBatch),
    Timer,
    End,
}

pub(super) struct Processing<P> {
    pub(super) processor: P,
    pub(super) checkpointer: Checkpointer,
    pub(super) held: Arc<HeldLease>,
    pub(super) batches_done: Arc<AtomicU64>,
    pub(super) context: Arc<ShardContext<P>>,
}

enum Event {
    Stop,
    Timer,
    Fetched(Option<Fetched>),
}

impl<P: RecordProcessor> Processing<P> {
    pub(super) async fn run(
        mut self,
        start: ShardStart,
        mut from_fetcher: mpsc::Receiver<Fetched>,
    ) -> ProcessingEnd {
        let end = match self.call_until_done(&Call::Start(start)).await {
            Ok(()) => self.serve(&mut from_fetcher).await,
            Err(end) => end,
        };
        if matches!(end, ProcessingEnd::Lost) {
            let context = Arc::clone(&self.context);
            let grace = context.settings.shutdown_grace;
            let told = timeout(grace, self.processor.lease_lost());
            let ended = tokio::select! {
                biased;
                () = context.abandon.cancelled() => false,
                told = told => told.is_ok(),
            };
            if !ended {
                tracing::warn!(shard_id = %self.held.key(), "lease_lost did not end in time");
            }
        }
        end
    }

    async fn serve(&mut self, from_fetcher: &mut mpsc::Receiver<Fetched>) -> ProcessingEnd {
        loop {
            self.context
                .board
                .enter(self.held.key(), ShardStep::Waiting);
            let event = match self.next_event(from_fetcher).await {
                Ok(event) => event,
                Err(end) => return end,
            };
            let done = match event {
                Event::Stop => return self.stop().await,
                Event::Timer => self.call_until_done(&Call::Timer).await,
                Event::Fetched(Some(Fetched::Batch { batch, tip_at })) => {
                    let done = self.process(batch).await;
                    if done.is_ok() {
                        self.batches_done.fetch_add(1, Ordering::Release);
                        if tip_at.is_some() {
                            self.context
                                .board
                                .change(self.held.key(), |status| status.caught_up_at = tip_at);
                        }
                    }
                    done
                }
                Event::Fetched(Some(Fetched::End(children))) => {
                    match self.call_until_done(&Call::End).await {
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
        let timer = self.processor.next_timer();
        let timer_fires = async {
            match timer {
                Some(at) => sleep_until(at).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            biased;
            () = self.held.lost().cancelled() => Err(ProcessingEnd::Lost),
            () = self.context.abandon.cancelled() => Err(ProcessingEnd::Stopped),
            () = self.context.stop.cancelled() => Ok(Event::Stop),
            () = timer_fires => Ok(Event::Timer),
            fetched = from_fetcher.recv() => Ok(Event::Fetched(fetched)),
        }
    }

    async fn process(&mut self, batch: RecordBatch) -> Result<(), ProcessingEnd> {
        if let Some(last) = batch.records().last() {
            self.checkpointer.deliver(&last.place);
        }
        self.call_until_done(&Call::Batch(batch)).await
    }

    /// Repeats the call as the policy says. A stop ends it between two tries, without `stop_requested`: the batch is
    /// not done, and a checkpoint now could pass it.
    async fn call_until_done(&mut self, call: &Call) -> Result<(), ProcessingEnd> {
        let mut failures = 0;
        loop {
            // The timers of a process that was suspended fire late: look at the clock as well.
            if !self.held.is_valid() {
                return Err(ProcessingEnd::Lost);
            }
            let step = match call {
                Call::Start(_) => ShardStep::Starting,
                Call::Batch(_) | Call::Timer => ShardStep::Processing,
                Call::End => ShardStep::Ending,
            };
            self.context.board.enter(self.held.key(), step);
            let (held, context) = (Arc::clone(&self.held), Arc::clone(&self.context));
            let result = tokio::select! {
                biased;
                () = held.lost().cancelled() => return Err(ProcessingEnd::Lost),
                () = context.abandon.cancelled() => return Err(ProcessingEnd::Stopped),
                result = self.call(call) => result,
            };
            let Err(error) = result else {
                return Ok(());
            };
            if !held.is_valid() {
                return Err(ProcessingEnd::Lost);
            }
            failures += 1;
            tracing::warn!(shard_id = %held.key(), failures, error = %error, "processor failed");
            let Some(pause) = context.settings.failure_policy.pause_after(failures) else {
                return Err(ProcessingEnd::Halted(error));
            };
            let error = error.to_string();
            let retrying = ShardStep::Retrying { failures, error };
            context.board.enter(held.key(), retrying);
            tokio::select! {
                biased;
                () = held.lost().cancelled() => return Err(ProcessingEnd::Lost),
                () = context.abandon.cancelled() => return Err(ProcessingEnd::Stopped),
                () = context.stop.cancelled() => return Err(ProcessingEnd::Stopped),
                () = sleep(pause) => {}
            }
        }
    }

    async fn call(&mut self, call: &Call) -> Result<(), BoxError> {
        match call {
            Call::Start(start) => self.processor.started(start, &self.checkpointer).await,
            Call::Batch(batch) => self.processor.process(batch, &self.checkpointer).await,
            Call::Timer => self.processor.timer_fired(&self.checkpointer).await,
            Call::End => self.processor.shard_ended(&self.checkpointer).await,
        }
    }

    async fn stop(&mut self) -> ProcessingEnd {
        self.context
            .board
            .enter(self.held.key(), ShardStep::Stopping);
        let (held, context) = (Arc::clone(&self.held), Arc::clone(&self.context));
        tokio::select! {
            biased;
            () = held.lost().cancelled() => ProcessingEnd::Lost,
            () = context.abandon.cancelled() => ProcessingEnd::Stopped,
            result = self.processor.stop_requested(&self.checkpointer) => {
                if let Err(error) = result {
                    tracing::warn!(shard_id = %held.key(), %error, "processor failed while stopping");
                }
                ProcessingEnd::Stopped
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::runtime::Handle;
    use tokio::time::Instant;
    use tokio_util::sync::CancellationToken;

    use super::*;
    use crate::{
        Checkpoint, Lease, MemoryLeaseTable, MemoryStream, Settings, StatusBoard, StreamReader,
    };

    const FAILOVER: Duration = Duration::from_secs(10);

    /// Is suspended, with its whole process, for longer than its lease lasts.
    struct Suspended {
        batches: Arc<AtomicU64>,
    }

    impl RecordProcessor for Suspended {
        async fn started(&mut self, _: &ShardStart, _: &Checkpointer) -> Result<(), BoxError> {
            tokio::time::advance(FAILOVER).await;
            Ok(())
        }

        async fn process(&mut self, _: &RecordBatch, _: &Checkpointer) -> Result<(), BoxError> {
            self.batches.fetch_add(1, Ordering::Relaxed);
            Ok(())
        }
    }

    /// The timer that ends the lease has not fired yet when the process goes on.
    #[tokio::test(start_paused = true)]
    async fn no_batch_is_handed_out_when_the_clock_says_that_the_lease_has_ended() {
        let stream = MemoryStream::new(1);
        let (shard_id, _) = stream.put("k", Vec::new());
        let table = Arc::new(MemoryLeaseTable::default());
        let batches = Arc::new(AtomicU64::new(0));
        let for_processor = Arc::clone(&batches);
        let lease = Lease::unowned(&shard_id, Checkpoint::TrimHorizon);
        let held = HeldLease::new(lease, table.clone(), Instant::now(), FAILOVER, FAILOVER / 3);
        let held = Arc::new(held);
        let context = ShardContext {
            settings: Arc::new(Settings::default()),
            table,
            reader: Arc::new(stream.clone()),
            factory: Arc::new(move |_: &str| Suspended {
                batches: Arc::clone(&for_processor),
            }),
            processors_on: Handle::current(),
            board: StatusBoard::default(),
            stop: CancellationToken::new(),
            abandon: CancellationToken::new(),
            seeds: AtomicU64::new(0),
        };
        let iterator = stream.shard_iterator(&shard_id, crate::IteratorPosition::TrimHorizon);
        let read = stream.get_records(&iterator.await.unwrap().token, 10);
        let (to_processor, from_fetcher) = mpsc::channel(1);
        let fetched = Fetched::Batch {
            batch: RecordBatch::new(read.await.unwrap().records, 0),
            tip_at: None,
        };
        to_processor.send(fetched).await.unwrap();
        let processing = Processing {
            processor: (context.factory)(&shard_id),
            checkpointer: Checkpointer::new(Arc::clone(&held), Handle::current()),
            held,
            batches_done: Arc::default(),
            context: Arc::new(context),
        };
        let start = ShardStart {
            shard_id,
            checkpoint: Checkpoint::TrimHorizon,
            pending_checkpoint: None,
        };
        let end = processing.run(start, from_fetcher).await;
        assert!(matches!(end, ProcessingEnd::Lost), "{end:?}");
        assert_eq!(batches.load(Ordering::Relaxed), 0);
    }
}
