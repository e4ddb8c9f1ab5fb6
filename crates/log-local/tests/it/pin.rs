//! A moment of the folder that is copied while everything goes on.

use std::io::IoSlice;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use bytes::Bytes;
use futures::executor::block_on;
use millstream_log::{
    EngineError, Entry, GroupId, LogEngine, Place, ReadFrom, ReadOutcome, Snapshot, SnapshotStore,
};
use millstream_log_local::disk::Disk;
use millstream_log_local::disk::power_cut::PowerCutDisk;
use millstream_log_local::{LocalEngine, Pinned, Salvage};

use crate::folder::{append_one, create, wait_until};
use crate::workload::{cases, open};

/// As a backup does it.
fn copy(pinned: &Pinned) -> PowerCutDisk {
    let disk = PowerCutDisk::new();
    for folder in ["segments", "snapshots"] {
        disk.create_directory(folder).unwrap();
    }
    for file in pinned.files() {
        let mut bytes = vec![0; file.held_bytes() as usize];
        let opened = pinned.open(file).unwrap();
        opened.read_at(&mut bytes, 0).unwrap();
        bytes.resize(file.bytes() as usize, 0);
        let copied = disk.create(file.path()).unwrap();
        copied.write_at(&[IoSlice::new(&bytes)], 0).unwrap();
        copied.sync_data().unwrap();
    }
    for folder in ["", "segments", "snapshots"] {
        disk.sync_directory(folder).unwrap();
    }
    disk
}

fn payload(number: u64) -> String {
    format!("{number:0>900}")
}

fn append(engine: &LocalEngine, place: Place, numbers: std::ops::Range<u64>) {
    for number in numbers {
        append_one(engine, place, &payload(number)).unwrap();
    }
}

/// All entries of a log; offsets may be left out behind the last one.
fn read_all(engine: &LocalEngine, place: Place) -> Vec<Entry> {
    let mut from = block_on(engine.bounds(place)).unwrap().first;
    let mut entries = Vec::new();
    loop {
        let read = ReadFrom {
            place,
            from,
            bytes_max: 64 << 10,
        };
        match block_on(engine.read_many(vec![read], Duration::ZERO)).remove(0) {
            ReadOutcome::Entries { entries: page, .. } => {
                let Some(last) = page.last() else {
                    return entries;
                };
                from = last.offset + 1;
                entries.extend(page);
            }
            other => panic!("{other:?} at {from}"),
        }
    }
}

/// Says that it is over however the test ends.
struct OverOnDrop<'a>(&'a AtomicBool);

impl Drop for OverOnDrop<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::SeqCst);
    }
}

#[test]
fn what_happens_after_the_moment_is_not_in_a_copy_and_takes_nothing_from_it() {
    let disk = PowerCutDisk::new();
    let engine = open(&disk).unwrap();
    let (commands, kept) = (create(&engine, 0, 0), create(&engine, 1, 1));
    let deleted = create(&engine, 2, 2);
    for round in 0..8 {
        append(&engine, kept, round * 8..round * 8 + 8);
        append(&engine, deleted, round * 8..round * 8 + 8);
    }
    append(&engine, commands, 0..3);
    let state = |offset: u64| Bytes::from(offset.to_string());
    let snapshots = engine.snapshots().unwrap();
    let save = |offset| {
        let snapshot = Snapshot {
            offset,
            state: state(offset),
        };
        block_on(snapshots.save(snapshot)).unwrap();
    };
    save(1);
    save(2);
    let read = |engine: &LocalEngine| [kept, deleted, commands].map(|log| read_all(engine, log));
    let expected = read(&engine);
    assert!(engine.stats().sealed_segments > 4);
    let pinned = engine.pin().unwrap();
    let before = engine.stats();

    block_on(engine.delete_group(GroupId(2))).unwrap();
    block_on(engine.trim(kept, 60)).unwrap();
    append(&engine, kept, 64..200);
    append(&engine, commands, 3..9);
    save(8);
    save(9);
    block_on(engine.trim(commands, 8)).unwrap();
    // What a removal would be due for.
    wait_until("compactions", || {
        engine.stats().compacted_segments > before.compacted_segments
    });
    assert_eq!(engine.stats().removed_segments, before.removed_segments);

    let copied = copy(&pinned);
    drop(pinned);
    wait_until("removals", || {
        engine.stats().removed_segments > before.removed_segments + 4
    });
    let salvage = Salvage::read_on(Arc::new(copied.clone()), &mut |_, _| ()).unwrap();
    assert_eq!(salvage.findings(), []);
    drop(salvage);
    let from_copy = open(&copied).unwrap();
    assert_eq!(read(&from_copy), expected);
    let loaded = block_on(from_copy.snapshots().unwrap().load()).unwrap();
    let offsets: Vec<u64> = loaded.iter().map(|snapshot| snapshot.offset).collect();
    assert_eq!(offsets, [2, 1]);
    assert_eq!(loaded[0].state, state(2));
}

/// The copied folder has gone on and given offsets; the copy must not give them to other entries.
#[test]
fn a_copy_gives_no_offset_that_the_copied_folder_may_have_given() {
    let disk = PowerCutDisk::new();
    let engine = open(&disk).unwrap();
    let (place, other) = (create(&engine, 1, 1), create(&engine, 1, 2));
    append(&engine, place, 0..3);
    let copied = copy(&engine.pin().unwrap());
    let given = append_one(&engine, place, "later").unwrap();
    assert_eq!(given.offset, 3);
    let mut last = 0;
    // Once only: the folder of a copy is one like any other from its first start on.
    for round in 0..2 {
        let from_copy = open(&copied).unwrap();
        assert!(!from_copy.caps().dense_offsets);
        let first = append_one(&from_copy, place, "other").unwrap().offset;
        match round {
            0 => assert!(first >= 1 << 20, "{first}"),
            _ => assert_eq!(first, last + 1),
        }
        last = append_one(&from_copy, place, "another").unwrap().offset;
        assert_eq!(last, first + 1);
        assert_eq!(read_all(&from_copy, place).len(), 5 + round * 2);
        if round == 0 {
            assert!(append_one(&from_copy, other, "first").unwrap().offset >= 1 << 20);
        }
        block_on(from_copy.stop()).unwrap();
    }
}

#[test]
fn copies_under_load_have_all_that_was_answered_and_nothing_torn() {
    let disk = PowerCutDisk::new();
    let engine = open(&disk).unwrap();
    let places = [create(&engine, 1, 1), create(&engine, 1, 2)];
    let answered = [const { AtomicU64::new(0) }; 2];
    let is_over = AtomicBool::new(false);
    let mut entries = 0;
    std::thread::scope(|scope| {
        for (place, answered) in places.iter().zip(&answered) {
            let (engine, is_over) = (&engine, &is_over);
            scope.spawn(move || {
                for number in 0.. {
                    if is_over.load(Ordering::SeqCst) {
                        return;
                    }
                    append_one(engine, *place, &payload(number)).unwrap();
                    answered.store(number + 1, Ordering::SeqCst);
                    // Segments die all the time, and others are joined.
                    if number % 16 == 0 {
                        block_on(engine.trim(*place, number.saturating_sub(40))).unwrap();
                    }
                }
            });
        }
        let over = OverOnDrop(&is_over);
        for _ in 0..cases(12) {
            let before = [0, 1].map(|log: usize| answered[log].load(Ordering::SeqCst));
            let copied = copy(&engine.pin().unwrap());
            let salvage = Salvage::read_on(Arc::new(copied.clone()), &mut |_, _| ()).unwrap();
            assert_eq!(salvage.findings(), []);
            drop(salvage);
            let from_copy = open(&copied).unwrap();
            for (place, before) in places.iter().zip(before) {
                let found = read_all(&from_copy, *place);
                let first = found.first().map_or(0, |entry| entry.offset);
                for (entry, number) in found.iter().zip(first..) {
                    assert_eq!(entry.offset, number);
                    assert_eq!(&entry.payload[..], payload(number).as_bytes());
                }
                assert!(first + found.len() as u64 >= before);
                entries += found.len();
            }
        }
        drop(over);
    });
    assert!(entries > 0);
    block_on(engine.stop()).unwrap();
    assert!(matches!(engine.pin(), Err(EngineError::Stopped)));
}
