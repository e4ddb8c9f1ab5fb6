//! Unclean ends in `os` mode: offsets are left out, and no entry is read twice, skipped or waited for in vain.

use std::sync::Arc;
use std::time::Duration;

use futures::executor::block_on;
use millstream_log::{Entry, LogEngine, Place, ReadFrom, ReadOutcome};
use millstream_log_local::disk::power_cut::PowerCutDisk;
use millstream_log_local::{Durability, LocalEngine, LocalSettings};

use crate::folder::{append_one, create, wait_until};
use crate::workload::{TestClock, small_settings};

fn open_os(disk: &PowerCutDisk) -> LocalEngine {
    let settings = LocalSettings {
        durability: Durability::Os,
        ..small_settings()
    };
    let clock = Arc::new(TestClock::default());
    LocalEngine::open_on(Arc::new(disk.clone()), settings, clock).unwrap()
}

pub fn read_from(engine: &LocalEngine, place: Place, from: u64, bytes_max: usize) -> Vec<Entry> {
    let read = ReadFrom {
        place,
        from,
        bytes_max,
    };
    match block_on(engine.read_many(vec![read], Duration::ZERO)).remove(0) {
        ReadOutcome::Entries { entries, .. } => entries,
        other => panic!("{other:?} at {from}"),
    }
}

pub fn read_all(engine: &LocalEngine, place: Place, bytes_max: usize) -> Vec<Entry> {
    let mut from = block_on(engine.bounds(place)).unwrap().first;
    let mut entries = Vec::new();
    loop {
        let page = read_from(engine, place, from, bytes_max);
        let Some(last) = page.last() else {
            return entries;
        };
        assert!(page[0].offset >= from, "a read goes back");
        from = last.offset + 1;
        entries.extend(page);
    }
}

/// Several kills, with a log whose neighbours die, so that segments on both sides of a gap become one.
#[test]
fn a_compaction_over_left_out_offsets_doubles_nothing() {
    let disk = PowerCutDisk::new();
    let (mut kept, mut doomed, mut written) = (None, None, Vec::new());
    for round in 0..4 {
        let engine = open_os(&disk);
        let kept = *kept.get_or_insert_with(|| create(&engine, 1, 1));
        let doomed = *doomed.get_or_insert_with(|| create(&engine, 2, 2));
        for number in 0..20 {
            let payload = format!("{round} {number}");
            let appended = append_one(&engine, kept, &payload).unwrap();
            written.push((appended.offset, payload));
            for _ in 0..2 {
                append_one(&engine, doomed, &format!("{number:0>1000}")).unwrap();
            }
        }
        // Not stopped.
        drop(engine);
    }
    let engine = open_os(&disk);
    let (kept, doomed) = (kept.unwrap(), doomed.unwrap());
    let check = || {
        for bytes_max in [1, 40, 1 << 20] {
            let read = read_all(&engine, kept, bytes_max).into_iter();
            let read: Vec<(u64, String)> = read
                .map(|entry| {
                    let text = String::from_utf8(entry.payload.to_vec());
                    (entry.offset, text.unwrap())
                })
                .collect();
            assert_eq!(read, written);
        }
    };
    assert!(written[79].0 > 3 << 20, "offsets are left out");
    check();
    block_on(engine.delete(doomed)).unwrap();
    wait_until("a compaction", || engine.stats().compacted_segments >= 2);
    check();
    let gap = written[19].0 + 1;
    let next = read_from(&engine, kept, gap + 5, 1);
    assert_eq!(next[0].offset, written[20].0, "the gap leads to the next");
    drop(engine);
    let engine = open_os(&disk);
    assert_eq!(read_all(&engine, kept, 1 << 20).len(), 80);
}

/// Who stood at the end before the kill stands in the gap: a read is empty, says where to go on, and waits there.
#[test]
fn a_reader_at_the_old_end_is_at_the_tail() {
    let disk = PowerCutDisk::new();
    let engine = open_os(&disk);
    let places = [create(&engine, 1, 1), create(&engine, 1, 2)];
    append_one(&engine, places[0], "before").unwrap();
    drop(engine);
    let engine = open_os(&disk);
    for (place, old_end) in places.into_iter().zip([1, 0]) {
        let bounds = block_on(engine.bounds(place)).unwrap();
        assert!(bounds.first <= old_end && bounds.next > old_end);
        assert_eq!(read_from(&engine, place, old_end, 100), []);
        let appended = append_one(&engine, place, "after").unwrap();
        assert_eq!(appended.offset, bounds.next);
        for from in [old_end, old_end + 7, bounds.next] {
            let entries = read_from(&engine, place, from, 100);
            assert_eq!(entries[0].offset, appended.offset);
        }
    }
}
