//! Readers at the tail beside readers that the disk keeps waiting.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use futures::FutureExt;
use futures::future::join_all;
use millstream_log::{
    Append, AppendError, Appended, Bounds, Caps, EngineError, EngineStatus, GroupId, LogEngine,
    LogFuture, LogId, LogSpec, Place, ReadFrom, ReadOutcome,
};
use millstream_streams::StreamSettings;
use millstream_types::TimestampMs;
use millstream_wire::shapes::{PutRecordsResultEntry, RecordToPut};
use millstream_wire::{ApiError, ErrorCode};
use tokio::sync::{Notify, watch};

use crate::world::{SHARD_0, SHARD_1, Start, World, record};

const READS_MAX: usize = 4;

/// An engine whose streams' first entries lie on a disk that answers once somebody notifies.
#[derive(Debug)]
struct SlowDisk {
    below: Arc<dyn LogEngine>,
    commands: parking_lot::Mutex<Option<Place>>,
    answer: Arc<Notify>,
    /// Reads that have come to the disk.
    reads: AtomicUsize,
}

impl SlowDisk {
    fn is_on_disk(&self, read: &ReadFrom) -> bool {
        read.from == 0 && Some(read.place) != *self.commands.lock()
    }
}

impl LogEngine for SlowDisk {
    fn create(
        &self,
        group: GroupId,
        log: LogId,
        spec: LogSpec,
    ) -> LogFuture<Result<Place, EngineError>> {
        let created = self.below.create(group, log, spec).now_or_never();
        let created = created.expect("at once");
        if group == GroupId::COMMANDS {
            *self.commands.lock() = created.clone().ok();
        }
        futures::future::ready(created).boxed()
    }

    fn delete(&self, place: Place) -> LogFuture<Result<(), EngineError>> {
        self.below.delete(place)
    }

    fn delete_group(&self, group: GroupId) -> LogFuture<Result<(), EngineError>> {
        self.below.delete_group(group)
    }

    fn append_many(&self, appends: Vec<Append>) -> LogFuture<Vec<Result<Appended, AppendError>>> {
        self.below.append_many(appends)
    }

    fn read_many(&self, reads: Vec<ReadFrom>, wait: Duration) -> LogFuture<Vec<ReadOutcome>> {
        if !reads.iter().any(|read| self.is_on_disk(read)) {
            return self.below.read_many(reads, wait);
        }
        self.reads.fetch_add(1, Ordering::SeqCst);
        let (answer, below) = (Arc::clone(&self.answer), Arc::clone(&self.below));
        async move {
            answer.notified().await;
            below.read_many(reads, wait).await
        }
        .boxed()
    }

    fn read_now(&self, read: ReadFrom) -> Option<ReadOutcome> {
        if self.is_on_disk(&read) {
            return None;
        }
        self.below.read_now(read)
    }

    fn bounds(&self, place: Place) -> LogFuture<Result<Bounds, EngineError>> {
        self.below.bounds(place)
    }

    fn offset_for_time(
        &self,
        place: Place,
        time: TimestampMs,
    ) -> LogFuture<Result<u64, EngineError>> {
        self.below.offset_for_time(place, time)
    }

    fn trim(&self, place: Place, before: u64) -> LogFuture<Result<(), EngineError>> {
        self.below.trim(place, before)
    }

    fn barrier(&self, place: Place) -> LogFuture<Result<u64, EngineError>> {
        self.below.barrier(place)
    }

    fn caps(&self) -> Caps {
        self.below.caps()
    }

    fn status(&self) -> watch::Receiver<EngineStatus> {
        self.below.status()
    }

    fn verify(&self) -> LogFuture<Result<(), EngineError>> {
        self.below.verify()
    }

    fn stop(&self) -> LogFuture<Result<(), EngineError>> {
        self.below.stop()
    }
}

async fn put_at(world: &World, hash: &str, data: &[u8]) {
    let to_put = RecordToPut {
        explicit_hash_key: Some(hash.to_owned().into()),
        ..record("key", data)
    };
    let put = world.put_many("meters", vec![to_put]).await.unwrap();
    assert!(matches!(put[0], PutRecordsResultEntry::Stored { .. }));
}

async fn on_slow_disk() -> (World, Arc<SlowDisk>) {
    let mut world = World::with(StreamSettings {
        reads_max: READS_MAX,
        ..StreamSettings::default()
    })
    .await;
    let mut disk = None;
    world
        .crash_onto(|below| {
            let slow = Arc::new(SlowDisk {
                below,
                commands: Default::default(),
                answer: Arc::new(Notify::new()),
                reads: AtomicUsize::new(0),
            });
            disk = Some(Arc::clone(&slow));
            slow
        })
        .await;
    (world, disk.expect("opened"))
}

#[tokio::test(start_paused = true)]
async fn what_is_in_memory_is_read_and_pushed_while_every_turn_waits_for_the_disk() {
    let (world, disk) = on_slow_disk().await;
    world.create("meters", 2).await;
    let consumer = world.register("meters", "billing").await.consumer_arn;
    let (low, high) = ("0", "340282366920938463463374607431768211455");
    for hash in [low, high] {
        put_at(&world, hash, b"old").await;
    }
    let at_tail = world.iterator("meters", SHARD_0, Start::Latest).await;
    let pushed = world.try_subscribe(&consumer, SHARD_1, Start::Latest).await;
    let mut pushed = pushed.expect("subscribed");

    let old = world.iterator("meters", SHARD_0, Start::TrimHorizon).await;
    let old_reads = join_all((0..READS_MAX).map(|_| world.get(&old)));
    tokio::pin!(old_reads);
    assert!(old_reads.as_mut().now_or_never().is_none());
    assert_eq!(disk.reads.load(Ordering::SeqCst), READS_MAX);
    // One more waits for its turn, not for the disk.
    let refused = world.try_get(&old, None).await.map_err(ApiError::from);
    assert_eq!(
        refused.expect_err("no turn").code,
        ErrorCode::ServiceUnavailable
    );
    assert_eq!(disk.reads.load(Ordering::SeqCst), READS_MAX);

    for hash in [low, high] {
        put_at(&world, hash, b"new").await;
    }
    let read = world.get(&at_tail).now_or_never().expect("at once");
    assert_eq!(read.records[0].data(), b"new");
    let event = tokio::time::timeout(Duration::from_secs(1), async {
        loop {
            let event = pushed.next().await.expect("goes on").expect("an event");
            if let Some(record) = event.records.first() {
                return record.data().to_vec();
            }
        }
    });
    assert_eq!(event.await.expect("pushed"), b"new");

    while old_reads.as_mut().now_or_never().is_none() {
        disk.answer.notify_waiters();
        tokio::task::yield_now().await;
    }
    assert_eq!(disk.reads.load(Ordering::SeqCst), READS_MAX);
}
