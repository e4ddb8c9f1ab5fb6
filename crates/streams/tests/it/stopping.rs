//! Stopping, snapshots, and what cannot be opened.

use std::sync::Arc;
use std::time::Duration;

use millstream_log::{
    Append, EntryKind, GroupId, LogEngine, LogId, LogSpec, MemoryEngine, MemorySettings,
    MemorySnapshots, SnapshotStore,
};
use millstream_streams::{OpenError, StreamService, StreamSettings};
use millstream_wire::ErrorCode;
use tokio::sync::Notify;

use crate::faulty_engine::{Fault, FaultyEngine};
use crate::world::*;

const GRACE: Duration = Duration::from_secs(5);

#[tokio::test]
async fn a_stopped_service_refuses_calls_and_leaves_a_snapshot() {
    let mut world = World::new().await;
    world.create("meters", 2).await;
    world.put("meters", "k", b"x").await;
    assert!(world.service().await.stop(GRACE).await);
    assert!(world.service().await.stop(GRACE).await);
    let put = world.try_put("meters", "k", b"x").await;
    assert_eq!(on_wire(put).0, ErrorCode::ServiceUnavailable);
    let created = world
        .service()
        .await
        .create_stream(&world.caller, create("other", 1))
        .await;
    assert_eq!(on_wire(created).0, ErrorCode::ServiceUnavailable);
    let snapshots = world.snapshots.load().await.unwrap();
    // The key, begin, finish.
    assert_eq!(snapshots[0].offset, 3);
    world.crash().await;
    assert_eq!(world.list_shards("meters").await.len(), 2);
}

#[tokio::test(start_paused = true)]
async fn stopping_waits_for_puts_in_flight_as_long_as_it_may() {
    for (patience, is_in_time) in [
        (Duration::from_secs(4), false),
        (Duration::from_secs(6), true),
    ] {
        let mut world = World::new().await;
        world.create("meters", 1).await;
        let release = Arc::new(Notify::new());
        let held = Fault::Held(release.clone());
        world
            .crash_onto(|memory| FaultyEngine::of_records(memory, 0, held))
            .await;
        let service = world.service().await.clone();
        let stopped = async {
            tokio::task::yield_now().await;
            service.stop(patience).await
        };
        let released = async {
            tokio::time::sleep(GRACE).await;
            release.notify_one();
        };
        let put = world.try_put("meters", "k", b"x");
        let (put, stopped, ()) = tokio::join!(put, stopped, released);
        assert!(put.is_ok());
        assert_eq!(stopped, is_in_time);
    }
}

#[tokio::test]
async fn snapshots_follow_the_commands_and_old_commands_are_trimmed() {
    let settings = StreamSettings {
        commands_per_snapshot: 10,
        ..StreamSettings::default()
    };
    let mut world = World::with(settings).await;
    for number in 0..40 {
        world.create(&format!("s{number}"), 1).await;
        world.delete(&format!("s{number}")).await;
        world.create(&format!("t{number}"), 1).await;
    }
    assert!(world.service().await.stop(GRACE).await);
    let snapshots = world.snapshots.load().await.unwrap();
    assert_eq!(snapshots.len(), 2);
    let engine = world.memory.reopen();
    let commands = engine.create(GroupId::COMMANDS, LogId(0), LogSpec::default());
    let bounds = engine.bounds(commands.await.unwrap()).await.unwrap();
    assert_eq!(bounds.next, 1 + 40 * 6);
    assert_eq!(snapshots[0].offset, bounds.next);
    assert_eq!(bounds.first, snapshots[1].offset);
    let names = {
        world.crash().await;
        world.stream_names().await
    };
    assert_eq!(names.len(), 40);
    assert!(names.iter().all(|name| name.starts_with('t')));
}

async fn try_open(
    engine: impl LogEngine + 'static,
    settings: StreamSettings,
) -> Result<(), OpenError> {
    let snapshots = Arc::new(MemorySnapshots::new());
    let clock = Arc::new(ManualClock::new(TimestampMs(START_MS)));
    let opened = StreamService::open(Arc::new(engine), snapshots, clock, settings);
    opened.await.map(drop)
}

#[tokio::test]
async fn a_command_of_a_later_version_stops_the_opening() {
    let clock = Arc::new(ManualClock::new(TimestampMs(START_MS)));
    let engine = MemoryEngine::new(MemorySettings::default(), clock);
    let place = engine
        .create(GroupId::COMMANDS, LogId(0), LogSpec::default())
        .await
        .unwrap();
    let append = Append {
        place,
        kind: EntryKind::Data,
        payload: r#"{"v":1,"at_ms":1,"command":{"paint_stream":{"id":1}}}"#.into(),
        id: None,
    };
    engine
        .append_many(vec![append])
        .await
        .pop()
        .unwrap()
        .unwrap();
    let opened = try_open(engine, StreamSettings::default()).await;
    assert!(matches!(opened, Err(OpenError::Catalog(_))));
}

#[tokio::test]
async fn a_trimmed_command_log_without_its_snapshot_is_not_opened() {
    let world = World::new().await;
    world.create("meters", 1).await;
    assert!(world.service().await.stop(GRACE).await);
    let engine = world.memory.reopen();
    let commands = engine.create(GroupId::COMMANDS, LogId(0), LogSpec::default());
    engine.trim(commands.await.unwrap(), 2).await.unwrap();
    let opened = try_open(engine, StreamSettings::default()).await;
    assert!(matches!(opened, Err(OpenError::Catalog(_))));
}

#[tokio::test]
async fn an_engine_whose_entries_are_too_small_is_refused() {
    let engine =
        |settings| MemoryEngine::new(settings, Arc::new(ManualClock::new(TimestampMs(START_MS))));
    let small = MemorySettings {
        entry_bytes_max: 1024,
        ..MemorySettings::default()
    };
    let opened = try_open(engine(small), StreamSettings::default()).await;
    assert!(matches!(opened, Err(OpenError::Caps { .. })));
}
