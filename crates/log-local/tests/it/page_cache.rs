//! What a killed process leaves in the page cache need not be on the disk, and may never get there: a sync that failed
//! leaves its pages there as if they were clean, and no later sync writes them.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures::executor::block_on;
use millstream_log::{GroupId, LogEngine, LogId, LogSpec, Place};
use millstream_log_local::disk::power_cut::{Faults, PowerCutDisk};
use millstream_log_local::{Durability, LocalEngine, LocalSettings, OpenError};

use crate::folder::{append_one, create, data, failure};
use crate::gaps::read_all;
use crate::workload::{TestClock, small_settings};

fn open(disk: &PowerCutDisk, durability: Durability) -> Result<LocalEngine, OpenError> {
    let settings = LocalSettings {
        durability,
        ..small_settings()
    };
    let clock = Arc::new(TestClock::default());
    LocalEngine::open_on(Arc::new(disk.clone()), settings, clock)
}

/// A disk whose engine was killed after one of its syncs had failed.
struct Killed {
    disk: PowerCutDisk,
    place: Place,
    /// Entries of the log.
    acknowledged: usize,
}

/// The sync fails that comes next after so many entries: of frames, or of a footer where a segment is full.
fn killed_after_a_failed_sync(entries: usize, durability: Durability) -> Killed {
    let disk = PowerCutDisk::new();
    let engine = open(&disk, durability).unwrap();
    let place = create(&engine, 1, 1);
    let append = |number: usize| append_one(&engine, place, &format!("{number:0>900}"));
    for number in 0..entries {
        append(number).unwrap();
    }
    disk.set_faults(Faults {
        next_sync_fails_on: Some("log-commit"),
        ..Faults::default()
    });
    let more = (entries..).take_while(|number| append(*number).is_ok());
    let acknowledged = entries + more.count();
    drop(engine);
    Killed {
        disk: disk.after_kill(),
        place,
        acknowledged,
    }
}

/// Offsets and payloads of the log, each of which is whole.
fn contents(engine: &LocalEngine, place: Place) -> Vec<(u64, Bytes)> {
    if block_on(engine.bounds(place)).is_err() {
        return Vec::new();
    }
    let entries = read_all(engine, place, 3000).into_iter();
    entries.map(|one| (one.offset, one.payload)).collect()
}

#[test]
fn what_a_start_has_read_is_durable_also_where_a_sync_had_failed() {
    for durability in [Durability::Fsync, Durability::Os] {
        for entries in 0..40 {
            let killed = killed_after_a_failed_sync(entries, durability);
            let started = open(&killed.disk, durability).unwrap();
            let seen = contents(&started, killed.place);
            assert!(seen.len() >= killed.acknowledged);
            let image = killed.disk.after_power_cut(0);
            drop(started);
            let again = open(&image, durability).unwrap();
            let found = contents(&again, killed.place);
            assert_eq!(found, seen, "{durability:?}, {entries} entries before");
        }
    }
}

/// A footer says that everything before it is whole: it must not get durable sooner.
#[test]
fn a_start_that_a_power_cut_ends_leaves_nothing_damaged() {
    for durability in [Durability::Fsync, Durability::Os] {
        // In the first segment, and around its end.
        let entries = [0, 1, 7, 14, 15, 16, 17].into_iter();
        for (entries, cut) in entries.flat_map(|entries| (1..20).map(move |cut| (entries, cut))) {
            let killed = killed_after_a_failed_sync(entries, durability);
            let power_cut_at = Some(killed.disk.operations() + cut);
            killed.disk.set_faults(Faults {
                power_cut_at,
                ..Faults::default()
            });
            drop(open(&killed.disk, durability));
            for seed in 0..8 {
                let again = open(&killed.disk.after_power_cut(seed), durability).unwrap();
                let found = contents(&again, killed.place).len();
                assert!(durability == Durability::Os || found >= killed.acknowledged);
            }
        }
    }
}

/// In `os` mode housekeeping makes durable what was answered before, for its manifest: nobody else would hear of it.
#[test]
fn a_failed_sync_of_housekeeping_is_final() {
    let disk = PowerCutDisk::new();
    let settings = LocalSettings {
        durability: Durability::Os,
        hurry: Duration::ZERO,
        ..small_settings()
    };
    let clock = Arc::new(TestClock::default());
    let opened = LocalEngine::open_stepped(Arc::new(disk.clone()), settings, clock);
    let (engine, mut stepper) = opened.unwrap();
    let created = engine.create(GroupId(1), LogId(1), LogSpec::default());
    stepper.work();
    let place = block_on(created).unwrap();
    disk.set_faults(Faults {
        next_sync_fails_on: Some("log-housekeep"),
        ..Faults::default()
    });
    // Enough for one segment to be sealed, and not for another.
    for number in 0..20 {
        drop(engine.append_many(vec![data(place, format!("{number:0>900}"))]));
        stepper.work();
    }
    assert_eq!(engine.stats().sealed_segments, 1);
    assert!(failure(&engine).unwrap().contains("answered before"));
}
