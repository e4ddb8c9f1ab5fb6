use std::sync::atomic::{AtomicU64, Ordering};

use tokio::runtime::Handle;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;

use super::*;
use crate::shard_consumer::Worksite;
use crate::testing::{MemoryLeaseTable, MemoryStream};
use crate::{
    Checkpoint, CheckpointPolicy, Failure, Lease, RecordProcessor, Settings, Source, StatusBoard,
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

    async fn process(&mut self, _: &RecordBatch, _: &Checkpointer) -> Result<(), Failure> {
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
    let held = HeldLease::new(
        lease,
        table.clone(),
        Instant::now(),
        FAILOVER,
        FAILOVER / 3,
        CancellationToken::new(),
    );
    let held = Arc::new(held);
    let site = Worksite {
        settings: Arc::new(Settings::default()),
        table,
        source: Arc::new(stream.clone()),
        prefetch: Arc::new(Semaphore::new(0)),
        processor_threads: None,
        board: StatusBoard::default(),
        application: "tested".into(),
        stream: "stream".into(),
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
            Box::new(Suspended { batches })
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
    to_processor.send(fetched).await.unwrap();
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
    let end = processing.run(start, from_fetcher).await;
    assert!(matches!(end, ProcessingEnd::Lost), "{end:?}");
    assert_eq!(batches.load(Ordering::Relaxed), 0);
}
