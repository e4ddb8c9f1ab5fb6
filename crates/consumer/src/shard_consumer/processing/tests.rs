use std::sync::atomic::{AtomicU64, Ordering};

use tokio::runtime::Handle;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;

use super::*;
use crate::metrics::Metrics;
use crate::shard_consumer::Worksite;
use crate::streams::StreamSet;
use crate::testing::{MemoryLeaseTable, MemoryStream};
use crate::{
    Checkpoint, CheckpointPolicy, Failure, Lease, RecordProcessor, Settings, Source, StatusBoard,
};

const FAILOVER: Duration = Duration::from_secs(10);

/// When the whole process is suspended, for longer than the lease lasts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Moment {
    InStarted,
    WaitingForTheFirstBatch,
    InTheFirstBatch,
}

struct Suspended {
    batches: Arc<AtomicU64>,
    at: Moment,
}

impl RecordProcessor for Suspended {
    async fn started(&mut self, _: &ShardStart, _: &Checkpointer) -> Result<(), BoxError> {
        if self.at == Moment::InStarted {
            tokio::time::advance(FAILOVER).await;
        }
        Ok(())
    }

    async fn process(&mut self, _: &RecordBatch, _: &Checkpointer) -> Result<(), Failure> {
        if self.at == Moment::InTheFirstBatch {
            sleep(FAILOVER / 10).await;
        }
        self.batches.fetch_add(1, Ordering::Relaxed);
        Ok(())
    }
}

/// The timer that ends the lease has not fired yet when the process goes on.
#[tokio::test(start_paused = true)]
async fn no_batch_is_handed_out_when_the_clock_says_that_the_lease_has_ended() {
    no_batch_after_a_suspension(Moment::InStarted).await;
    no_batch_after_a_suspension(Moment::WaitingForTheFirstBatch).await;
}

/// What the handler waited for comes first, and it went on, with a record that another worker had long processed.
#[tokio::test(start_paused = true)]
async fn a_handler_does_not_go_on_when_the_clock_says_that_the_lease_has_ended() {
    no_batch_after_a_suspension(Moment::InTheFirstBatch).await;
}

async fn no_batch_after_a_suspension(at: Moment) {
    let stream = MemoryStream::new(1);
    let (shard_id, _) = stream.put("k", Vec::new());
    let table = Arc::new(MemoryLeaseTable::default());
    let batches = Arc::new(AtomicU64::new(0));
    let for_processor = Arc::clone(&batches);
    let lease = Lease::unowned(&shard_id, Checkpoint::TrimHorizon);
    let held = HeldLease::new(
        lease,
        table.clone(),
        Instant::now(),
        FAILOVER,
        FAILOVER / 3,
        CancellationToken::new(),
        Metrics::default(),
    );
    let held = Arc::new(held);
    let site = Worksite {
        settings: Arc::new(Settings::default()),
        table,
        streams: StreamSet::of_one("stream", Arc::new(stream.clone())),
        prefetch: Arc::new(Semaphore::new(0)),
        processor_threads: None,
        board: StatusBoard::default(),
        metrics: Metrics::default(),
        application: "tested".into(),
        dead_letters: None,
        stop: CancellationToken::new(),
        abandon: CancellationToken::new(),
        told_to_stop: CancellationToken::new(),
        seeds: AtomicU64::new(0),
    };
    let context = ShardContext {
        site,
        factory: Box::new(move |_: &str| {
            let batches = Arc::clone(&for_processor);
            Box::new(Suspended { batches, at })
        }),
    };
    let opened = stream.open(&shard_id, crate::StartingPosition::TrimHorizon);
    let mut reads = opened.await.unwrap().reads;
    let records = reads.next(10).await.unwrap().records;
    let (to_processor, from_fetcher) = mpsc::channel(1);
    let fetched = Fetched::Batch {
        batch: RecordBatch::new(&shard_id, records, Duration::ZERO),
        tip_at: None,
        memory: None,
    };
    let processing = Processing {
        processor: (context.factory)(&shard_id),
        checkpointer: Checkpointer::new(Arc::clone(&held), Handle::current()),
        pace: CheckpointPace::new(CheckpointPolicy::default(), Instant::now()),
        held,
        batches_done: watch::channel(0).0,
        context: Arc::new(context),
    };
    let start = ShardStart {
        shard_id,
        checkpoint: Checkpoint::TrimHorizon,
        pending_checkpoint: None,
    };
    let run = tokio::spawn(processing.run(start, from_fetcher));
    // It gets to where it waits for a batch.
    tokio::task::yield_now().await;
    if at == Moment::WaitingForTheFirstBatch {
        tokio::time::advance(FAILOVER).await;
    }
    // Nobody listens where it has ended already.
    drop(to_processor.send(fetched).await);
    if at == Moment::InTheFirstBatch {
        tokio::task::yield_now().await;
        tokio::time::advance(FAILOVER).await;
    }
    let end = run.await.unwrap();
    assert!(matches!(end, ProcessingEnd::Lost), "{end:?}");
    assert_eq!(batches.load(Ordering::Relaxed), 0);
}
