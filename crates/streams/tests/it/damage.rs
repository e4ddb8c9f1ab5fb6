//! Records that are damaged on the disk: a reader is told how to go on behind them, or passes over and is counted.

use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use futures::FutureExt;
use futures::future::ready;
use millstream_log::{
    Append, AppendError, Appended, Bounds, Caps, EngineError, EngineStatus, GroupId, LogEngine,
    LogFuture, LogId, LogSpec, Place, ReadFrom, ReadOutcome,
};
use millstream_streams::{SkippedDamage, StreamSettings};
use millstream_types::TimestampMs;
use millstream_wire::ErrorCode;
use tokio::sync::watch;

use crate::world::{SHARD_0, Start, World, on_wire};

/// Offsets of the streams' entries that cannot be read.
const DAMAGED: Range<u64> = 1..3;

/// An engine on a disk with damage in every log but that of the commands.
#[derive(Debug)]
struct DamagedDisk {
    below: Arc<dyn LogEngine>,
    commands: Arc<parking_lot::Mutex<Option<Place>>>,
}

impl DamagedDisk {
    fn over(below: Arc<dyn LogEngine>) -> Arc<dyn LogEngine> {
        let commands = Arc::default();
        Arc::new(Self { below, commands })
    }

    /// What the disk makes of an outcome.
    fn seen(commands: Option<Place>, read: ReadFrom, outcome: ReadOutcome) -> ReadOutcome {
        if Some(read.place) == commands {
            return outcome;
        }
        match outcome {
            ReadOutcome::Entries { .. } if DAMAGED.contains(&read.from) => {
                ReadOutcome::Unreadable {
                    reason: "segment 1 at byte 64".into(),
                    next: Some(DAMAGED.end),
                }
            }
            ReadOutcome::Entries { entries, bounds } => {
                let before = |offset| read.from >= DAMAGED.end || offset < DAMAGED.start;
                ReadOutcome::Entries {
                    entries: (entries.into_iter())
                        .filter(|entry| before(entry.offset))
                        .collect(),
                    bounds,
                }
            }
            other => other,
        }
    }
}

impl LogEngine for DamagedDisk {
    fn create(
        &self,
        group: GroupId,
        log: LogId,
        spec: LogSpec,
    ) -> LogFuture<Result<Place, EngineError>> {
        let (created, commands) = (self.below.create(group, log, spec), self.commands.clone());
        async move {
            let place = created.await?;
            if group == GroupId::COMMANDS {
                *commands.lock() = Some(place);
            }
            Ok(place)
        }
        .boxed()
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
        let (below, commands) = (self.below.clone(), self.commands.clone());
        async move {
            let outcomes = below.read_many(reads.clone(), wait).await;
            let commands = *commands.lock();
            (reads.into_iter().zip(outcomes))
                .map(|(read, outcome)| Self::seen(commands, read, outcome))
                .collect()
        }
        .boxed()
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
        ready(Ok(())).boxed()
    }

    fn stop(&self) -> LogFuture<Result<(), EngineError>> {
        self.below.stop()
    }
}

/// A stream of four records in as many entries, the second and third of them damaged.
async fn with_damage(skips_damaged_records: bool) -> World {
    let settings = StreamSettings {
        skips_damaged_records,
        ..StreamSettings::default()
    };
    let world = World::on(settings, DamagedDisk::over).await;
    world.create("meters", 1).await;
    for data in ["one", "two", "three", "four"] {
        world.put("meters", "key", data.as_bytes()).await;
    }
    world
}

#[tokio::test(start_paused = true)]
async fn a_reader_gets_what_lies_before_damage_and_the_number_to_go_on_after() {
    let world = with_damage(false).await;
    let start = world.iterator("meters", SHARD_0, Start::TrimHorizon).await;
    let before = world.get(&start).await;
    assert_eq!(before.records.len(), 1);
    assert_eq!(before.records[0].data(), b"one");
    let next = before.next_shard_iterator.unwrap();
    for _ in 0..2 {
        let (code, text) = on_wire(world.try_get(&next, None).await);
        assert_eq!(code, ErrorCode::InternalFailure);
        let (_, number) = text
            .split_once("AFTER_SEQUENCE_NUMBER ")
            .expect("how to go on");
        let number = number.split(' ').next().unwrap();
        let behind = world
            .iterator("meters", SHARD_0, Start::After(number))
            .await;
        let behind = world.get(&behind).await;
        assert_eq!(behind.records.len(), 1);
        assert_eq!(behind.records[0].data(), b"four");
    }
    assert_eq!(
        world.service().await.skipped_damage(),
        SkippedDamage::default()
    );
}

#[tokio::test(start_paused = true)]
async fn readers_that_are_to_pass_over_damage_are_counted() {
    let world = with_damage(true).await;
    let read = || async {
        let records = world.read_shard("meters", SHARD_0).await;
        let data = records.into_iter().map(|(_, data)| data);
        assert_eq!(data.collect::<Vec<_>>(), [&b"one"[..], b"four"]);
    };
    read().await;
    let once = SkippedDamage {
        times: 1,
        entries: 2,
    };
    assert_eq!(world.service().await.skipped_damage(), once);
    read().await;
    // A subscriber passes over too.
    let consumer = world.register("meters", "billing").await.consumer_arn;
    let pushed = world.try_subscribe(&consumer, SHARD_0, Start::TrimHorizon);
    let mut pushed = pushed.await.expect("subscribed");
    let mut data = Vec::new();
    while data.len() < 2 {
        let event = pushed.next().await.expect("goes on").expect("an event");
        data.extend(event.records.iter().map(|record| record.data().to_vec()));
    }
    assert_eq!(data, [&b"one"[..], b"four"]);
    let thrice = SkippedDamage {
        times: 3,
        entries: 6,
    };
    assert_eq!(world.service().await.skipped_damage(), thrice);
}
