//! The in-memory engine's bound in bytes, and its restarts.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use millstream_log::contract::{ManualClock, close, data};
use millstream_log::{
    Append, AppendError, AppendId, Appended, EngineError, GroupId, LogEngine, LogId, LogSpec,
    MemoryEngine, MemorySettings, NotWritten, Place, ReadFrom,
};

const NO_ROOM: Result<Appended, AppendError> = Err(AppendError::NotWritten(NotWritten::NoRoom));

fn engine(bytes_max: usize) -> MemoryEngine {
    let settings = MemorySettings {
        bytes_max,
        ..MemorySettings::default()
    };
    MemoryEngine::new(settings, Arc::new(ManualClock::default()))
}

async fn log(engine: &MemoryEngine, group: GroupId, id: u64) -> Place {
    let created = engine.create(group, LogId(id), LogSpec::default()).await;
    created.expect("a new log is created")
}

async fn append(engine: &MemoryEngine, append: Append) -> Result<Appended, AppendError> {
    engine.append_many(vec![append]).await.remove(0)
}

/// Fills a log with entries that count 1000 bytes each; gives how many there was room for.
async fn fill(engine: &MemoryEngine, log: Place) -> u64 {
    let payload = Bytes::from(vec![1; 1000 - 96]);
    for written in 0.. {
        match append(engine, data(log, payload.clone())).await {
            Ok(_) => {}
            full => {
                assert_eq!(full, NO_ROOM);
                return written;
            }
        }
    }
    unreachable!("room is bounded")
}

#[tokio::test]
async fn a_full_engine_takes_commands_and_closes_only() {
    let engine = engine(160_000);
    let records = log(&engine, GroupId(1), 1).await;
    let commands = log(&engine, GroupId::COMMANDS, 2).await;
    assert_eq!(fill(&engine, records).await, 150, "15 sixteenths");
    assert!(append(&engine, close(records, "end")).await.is_ok());
    assert_eq!(fill(&engine, commands).await, 9, "the rest, less one CLOSE");
    assert_eq!(
        engine.bounds(records).await.map(|bounds| bounds.next),
        Ok(151)
    );
}

#[tokio::test]
async fn trims_and_deletes_give_room_back() {
    let engine = engine(160_000);
    let (left, right) = (
        log(&engine, GroupId(1), 1).await,
        log(&engine, GroupId(2), 2).await,
    );
    assert_eq!(fill(&engine, left).await, 150);
    assert_eq!(engine.trim(left, 50).await, Ok(()));
    assert_eq!(engine.trim(left, 50).await, Ok(()));
    assert_eq!(fill(&engine, right).await, 50);
    assert_eq!(engine.delete(left).await, Ok(()));
    assert_eq!(engine.delete(left).await, Ok(()));
    assert_eq!(fill(&engine, right).await, 100);
    assert_eq!(engine.delete_group(GroupId(2)).await, Ok(()));
    let fresh = log(&engine, GroupId(3), 3).await;
    assert_eq!(fill(&engine, fresh).await, 150);
}

/// Ids are forgotten beyond their number, so that they take no more room however long a log lives.
#[tokio::test]
async fn remembered_ids_are_bounded() {
    let settings = MemorySettings {
        bytes_max: 16_000,
        append_ids_kept: 50,
        ..MemorySettings::default()
    };
    let engine = MemoryEngine::new(settings, Arc::new(ManualClock::default()));
    let log = log(&engine, GroupId(1), 1).await;
    for number in 0..5000u64 {
        let entry = data(log, "x").with_id(AppendId(u128::from(number)));
        let appended = append(&engine, entry).await.expect("there is room");
        assert_eq!(engine.trim(log, appended.offset + 1).await, Ok(()));
    }
}

#[tokio::test]
async fn a_reopened_engine_shuts_out_the_one_before() {
    let before = engine(1 << 20);
    let log = log(&before, GroupId(1), 1).await;
    let read = ReadFrom {
        place: log,
        from: 0,
        bytes_max: 100,
    };
    let mut waiting = before.read_many(vec![read], Duration::from_secs(3600));
    assert!(futures::poll!(&mut waiting).is_pending());
    let after = before.reopen();
    assert_eq!(waiting.await.len(), 1, "the read ends with its engine");
    let refused = Err(AppendError::NotWritten(NotWritten::Stopped));
    assert_eq!(append(&before, data(log, "a")).await, refused);
    assert_eq!(before.trim(log, 0).await, Err(EngineError::Stopped));
    assert_eq!(before.stop().await, Ok(()));
    assert!(
        append(&after, data(log, "a")).await.is_ok(),
        "only its own stop ends it"
    );
}
