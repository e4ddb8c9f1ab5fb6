//! Writes, syncs and reads that fail.

use std::sync::Arc;
use std::time::Duration;

use futures::executor::block_on;
use millstream_log::{
    AppendError, EngineError, EngineStatus, GroupId, LogEngine, LogId, LogSpec, NotWritten,
    ReadFrom, ReadOutcome,
};
use millstream_log_local::disk::power_cut::{Faults, PowerCutDisk};
use millstream_log_local::{LocalEngine, LocalSettings};

use crate::folder::{append_one, create, failure, wait_until};
use crate::workload::{TestClock, open, read_all, small_settings};

/// Fails the next sync or write of the committing thread, whatever the others do meanwhile.
fn fail_next(disk: &PowerCutDisk, sync: bool) {
    const COMMITTING: Option<&str> = Some("log-commit");
    disk.set_faults(if sync {
        Faults {
            next_sync_fails_on: COMMITTING,
            ..Faults::default()
        }
    } else {
        Faults {
            next_write_fails_on: COMMITTING,
            ..Faults::default()
        }
    });
}

#[test]
fn a_failed_write_or_sync_is_final() {
    for sync in [true, false] {
        let disk = PowerCutDisk::new();
        let engine = open(&disk).unwrap();
        let place = create(&engine, 1, 1);
        append_one(&engine, place, "before").unwrap();
        fail_next(&disk, sync);
        let answer = append_one(&engine, place, "lost");
        assert_eq!(answer, Err(AppendError::OutcomeUnknown));
        assert!(failure(&engine).unwrap().contains("segments/"));
        let stopped = Err(AppendError::NotWritten(NotWritten::Stopped));
        assert_eq!(append_one(&engine, place, "later"), stopped);
        let created = block_on(engine.create(GroupId(1), LogId(2), LogSpec::default()));
        assert_eq!(created, Err(EngineError::Stopped));
        // Reads go on, without what failed.
        let entries = read_all(&engine, place);
        assert_eq!(entries.len(), 1);
        assert_eq!(entries[0].payload, "before");
        assert_eq!(block_on(engine.bounds(place)).unwrap().next, 1);
        assert!(block_on(engine.verify()).is_err());
        assert!(block_on(engine.stop()).is_err());
        drop(engine);
        for seed in 0..6 {
            let image = disk.after_power_cut(seed);
            let again = open(&image).unwrap();
            let entries = read_all(&again, place);
            assert_eq!(entries[0].payload, "before");
            assert!(entries.len() == 1 || entries[1].payload == "lost");
        }
    }
}

#[test]
fn a_read_that_fails_names_the_file() {
    let disk = PowerCutDisk::new();
    let engine = open(&disk).unwrap();
    let place = create(&engine, 1, 1);
    for number in 0..40 {
        append_one(&engine, place, &format!("{number:0>500}")).unwrap();
    }
    disk.set_faults(Faults {
        reads_fail: true,
        ..Faults::default()
    });
    let read = |from| ReadFrom {
        place,
        from,
        bytes_max: 1,
    };
    let outcomes = block_on(engine.read_many(vec![read(0), read(39)], Duration::ZERO));
    match &outcomes[0] {
        ReadOutcome::Unreadable { reason, .. } => assert!(reason.contains("segments/"), "{reason}"),
        other => panic!("{other:?}"),
    }
    let ReadOutcome::Entries { entries, .. } = &outcomes[1] else {
        panic!("the tail is in memory");
    };
    assert_eq!(entries.len(), 1);
    disk.set_faults(Faults::default());
    assert_eq!(read_all(&engine, place).len(), 40);
}

/// Answers that hang on something that did not become durable are not given as if it had.
#[test]
fn what_depends_on_a_failed_close_is_not_answered_as_closed() {
    let disk = PowerCutDisk::new();
    let engine = Arc::new(open(&disk).unwrap());
    let place = create(&engine, 1, 1);
    fail_next(&disk, true);
    let close = millstream_log::contract::close(place, "end");
    let behind = crate::folder::data(place, "behind");
    let answers = block_on(engine.append_many(vec![close, behind]));
    assert_eq!(answers[0], Err(AppendError::OutcomeUnknown));
    assert_eq!(
        answers[1],
        Err(AppendError::NotWritten(NotWritten::Stopped))
    );
}

/// Another server may have locked the folder by then: an idle engine notices by itself, and writes nothing more.
#[test]
fn a_lost_lock_is_told_by_an_idle_engine_and_final() {
    let disk = PowerCutDisk::new();
    let engine = open(&disk).unwrap();
    let place = create(&engine, 1, 1);
    append_one(&engine, place, "before").unwrap();
    assert_eq!(block_on(engine.verify()), Ok(()));
    disk.set_faults(Faults {
        lock_is_lost: true,
        ..Faults::default()
    });
    assert!(block_on(engine.verify()).is_err());
    wait_until("word of the lost lock", || {
        failure(&engine).is_some_and(|reason| reason.contains("lock"))
    });
    let operations = disk.operations();
    let stopped = Err(AppendError::NotWritten(NotWritten::Stopped));
    assert_eq!(append_one(&engine, place, "later"), stopped);
    assert_eq!(read_all(&engine, place).len(), 1);
    assert_eq!(disk.operations(), operations);
}

/// The disk is filled by somebody else: an idle engine notices by itself, and when there is room again.
#[test]
fn want_of_room_is_told_by_an_idle_engine() {
    let disk = PowerCutDisk::new();
    let settings = LocalSettings {
        free_space_floor_bytes: 1 << 20,
        ..small_settings()
    };
    let clock = Arc::new(TestClock::default());
    let engine = LocalEngine::open_on(Arc::new(disk.clone()), settings, clock).unwrap();
    let place = create(&engine, 1, 1);
    append_one(&engine, place, "before").unwrap();
    let set_capacity = |capacity_bytes| {
        disk.set_faults(Faults {
            capacity_bytes,
            ..Faults::default()
        });
    };
    let is = |status| wait_until("the status", || *engine.status().borrow() == status);
    for _ in 0..2 {
        set_capacity(Some(1 << 20));
        is(EngineStatus::NoRoom);
        let refused = Err(AppendError::NotWritten(NotWritten::NoRoom));
        assert_eq!(append_one(&engine, place, "refused"), refused);
        set_capacity(None);
        is(EngineStatus::Serving);
        append_one(&engine, place, "taken").unwrap();
    }
}
