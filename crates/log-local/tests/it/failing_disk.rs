//! Writes, syncs and reads that fail.

use std::sync::Arc;
use std::time::Duration;

use futures::executor::block_on;
use millstream_log::{
    AppendError, EngineError, GroupId, LogEngine, LogId, LogSpec, NotWritten, ReadFrom, ReadOutcome,
};
use millstream_log_local::disk::power_cut::{Faults, PowerCutDisk};

use crate::folder::{append_one, create};
use crate::workload::{open, read_all};

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
        assert!(engine.failure().unwrap().contains("segments/"));
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

/// A stop ends the reads that wait also where the engine had failed before.
#[test]
fn a_stop_after_a_failure_ends_waiting_reads() {
    let disk = PowerCutDisk::new();
    let engine = open(&disk).unwrap();
    let place = create(&engine, 1, 1);
    fail_next(&disk, true);
    append_one(&engine, place, "lost").unwrap_err();
    let read = ReadFrom {
        place,
        from: 0,
        bytes_max: 100,
    };
    let started = std::time::Instant::now();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build()
        .unwrap();
    let outcomes = runtime.block_on(async {
        let mut waiting = engine.read_many(vec![read], Duration::from_secs(600));
        assert!(futures::poll!(&mut waiting).is_pending());
        // The read looks again while the engine is still stopping.
        let stopped = engine.stop();
        let (outcomes, stopped) = futures::join!(waiting, stopped);
        assert!(stopped.is_err());
        outcomes
    });
    assert_eq!(outcomes.len(), 1);
    assert!(
        started.elapsed() < Duration::from_secs(300),
        "not its own time"
    );
}
