//! Room on the disk: what is deleted or trimmed leaves it, soon and whatever else is in its segments.

use std::sync::Arc;

use futures::executor::block_on;
use millstream_log::{AppendError, EngineStatus, GroupId, LogEngine, NotWritten, Place};
use millstream_log_local::disk::Disk;
use millstream_log_local::disk::power_cut::{Faults, PowerCutDisk};
use millstream_log_local::{Durability, LocalEngine, LocalSettings};

use crate::folder::{append_one, create, failure, wait_until};
use crate::workload::{TestClock, cases, read_all, small_settings};

const SEGMENT: u64 = 16 << 10;

/// What may be there besides twice what is alive: `docs/log-format.md`, with these settings.
const CONSTANT: u64 = 4 * SEGMENT + SEGMENT / 2 + SEGMENT;

fn open_with(disk: &PowerCutDisk, change: impl FnOnce(&mut LocalSettings)) -> LocalEngine {
    let mut settings = small_settings();
    change(&mut settings);
    let clock = Arc::new(TestClock::default());
    LocalEngine::open_on(Arc::new(disk.clone()), settings, clock).unwrap()
}

fn open(disk: &PowerCutDisk) -> LocalEngine {
    open_with(disk, |_| ())
}

fn used(disk: &PowerCutDisk) -> u64 {
    let lengths = disk
        .paths()
        .into_iter()
        .filter_map(|path| disk.contents(&path));
    lengths.map(|contents| contents.len() as u64).sum()
}

/// Waits until the disk itself, not only what the engine says of it, keeps the bound.
fn wait_for_bound(disk: &PowerCutDisk, engine: &LocalEngine, live_bytes_max: u64) {
    wait_until("the bound of bytes on disk", || {
        let stats = engine.stats();
        let bound = 2 * stats.live_bytes + CONSTANT + 4 * stats.manifest_bytes;
        stats.live_bytes <= live_bytes_max && stats.disk_bytes <= bound && used(disk) <= bound
    });
}

fn append(engine: &LocalEngine, place: Place, number: u64, bytes: usize) {
    append_one(engine, place, &format!("{number:0>bytes$}")).unwrap();
}

#[test]
fn what_is_deleted_leaves_an_idle_disk_though_nothing_was_sealed() {
    let disk = PowerCutDisk::new();
    let engine = open(&disk);
    let place = create(&engine, 1, 1);
    for number in 0..8 {
        append(&engine, place, number, 1000);
    }
    assert_eq!(engine.stats().sealed_segments, 0);
    assert!(engine.stats().live_bytes > 8000);
    block_on(engine.delete_group(GroupId(1))).unwrap();
    wait_until("an empty disk", || {
        let stats = engine.stats();
        let left = stats.live_bytes + stats.open_bytes + stats.sealed_bytes;
        left == 0 && stats.removed_segments == 1
    });
    let place = create(&engine, 2, 2);
    append(&engine, place, 1, 10);
    drop(engine);
    assert_eq!(read_all(&open(&disk), place).len(), 1);
}

/// A neighbour in every segment is no reason to keep what was deleted.
#[test]
fn what_is_deleted_leaves_an_idle_disk_though_others_share_its_segments() {
    let disk = PowerCutDisk::new();
    let engine = open(&disk);
    let (kept, deleted) = (create(&engine, 1, 1), create(&engine, 2, 2));
    for number in 0..200 {
        append(&engine, kept, number, 12);
        append(&engine, deleted, number, 3000);
    }
    assert!(used(&disk) > 600_000);
    block_on(engine.delete_group(GroupId(2))).unwrap();
    wait_for_bound(&disk, &engine, 60_000);
    assert_eq!(read_all(&engine, kept).len(), 200);
}

#[test]
fn many_small_live_entries_do_not_hold_a_few_large_dead_ones() {
    let disk = PowerCutDisk::new();
    let engine = open(&disk);
    let (kept, trimmed) = (create(&engine, 1, 1), create(&engine, 1, 2));
    for number in 0..60 {
        let appends = (0..20).map(|_| crate::folder::data(kept, "twelve bytes"));
        let answers = block_on(engine.append_many(appends.collect()));
        assert!(answers.iter().all(Result::is_ok));
        append(&engine, trimmed, number, 12_000);
    }
    assert!(used(&disk) > 700_000);
    block_on(engine.trim(trimmed, 60)).unwrap();
    wait_for_bound(&disk, &engine, 60_000);
    let stats = engine.stats();
    let freed = stats.removed_bytes - stats.compacted_bytes;
    assert!(stats.compacted_bytes <= freed, "more was copied than freed");
    let kept_entries = read_all(&engine, kept);
    assert_eq!(kept_entries.len(), 1200);
    drop(engine);
    assert_eq!(read_all(&open(&disk), kept), kept_entries);
}

/// The room for housekeeping is there once the engine is open; what else is kept for a full disk is made in the
/// background. A delete on a full disk has the reserve; a ready segment and the reserve together are more than one segment.
fn wait_for_what_is_kept(engine: &LocalEngine) {
    assert!(engine.stats().kept_room_bytes > 0);
    wait_until("a ready segment and the reserve", || {
        engine.stats().prepared_bytes > SEGMENT
    });
}

/// Fills the disk with small entries of one log between large ones of another, which is deleted then.
fn fill_and_delete(capacity_bytes: u64, floor_bytes: u64) {
    let disk = PowerCutDisk::new();
    let engine = open_with(&disk, |settings| {
        settings.free_space_floor_bytes = floor_bytes;
    });
    let (kept, deleted) = (create(&engine, 1, 1), create(&engine, 2, 2));
    append(&engine, kept, 0, 12);
    wait_for_what_is_kept(&engine);
    disk.set_faults(Faults {
        capacity_bytes: Some(capacity_bytes),
        ..Faults::default()
    });
    let no_room = Err(AppendError::NotWritten(NotWritten::NoRoom));
    let mut number = 0;
    let refused = loop {
        number += 1;
        let small = append_one(&engine, kept, &format!("{number:0>12}"));
        let large = append_one(&engine, deleted, &format!("{number:0>3000}"));
        if small.is_err() || large.is_err() {
            break if small.is_err() { small } else { large };
        }
        assert!(number < 10_000, "the disk is never full");
    };
    assert_eq!(refused, no_room, "{capacity_bytes} bytes");
    let entries = read_all(&engine, kept);
    block_on(engine.delete_group(GroupId(2))).unwrap();
    wait_until("room for records", || {
        append_one(&engine, kept, "again").is_ok()
    });
    wait_for_bound(&disk, &engine, 60_000);
    assert!(used(&disk) <= capacity_bytes);
    assert_eq!(failure(&engine), None);
    assert_eq!(read_all(&engine, kept)[..entries.len()], entries[..]);
    let image = disk.after_power_cut(0);
    assert_eq!(read_all(&open(&image), kept)[..entries.len()], entries[..]);
}

#[test]
fn a_full_disk_becomes_free_again_by_a_delete_alone() {
    for capacity_bytes in (300_000..400_000).step_by(11_111) {
        fill_and_delete(capacity_bytes, 0);
    }
}

/// Commands have taken the reserve, so there is no segment whose room could be lent, and on some of these disks there is less
/// left than a compaction needs: what is kept for housekeeping is all.
#[test]
fn a_full_disk_becomes_free_again_though_the_reserve_is_taken() {
    let sizes = 2 * SEGMENT / 2048;
    for case in 0..cases(sizes) {
        fill_to_the_last_and_delete(330_000 + case % sizes * 2048);
    }
}

fn fill_to_the_last_and_delete(capacity_bytes: u64) {
    let disk = PowerCutDisk::new();
    let engine = open(&disk);
    let commands = create(&engine, 0, 0);
    let (kept, deleted) = (create(&engine, 1, 1), create(&engine, 2, 2));
    append(&engine, kept, 0, 12);
    wait_for_what_is_kept(&engine);
    disk.set_faults(Faults {
        capacity_bytes: Some(capacity_bytes),
        ..Faults::default()
    });
    let mut number = 0;
    while append_one(&engine, deleted, &format!("{number:0>3000}")).is_ok() {
        append_one(&engine, kept, &format!("{number:0>200}")).ok();
        number += 1;
        assert!(number < 10_000, "the disk is never full");
    }
    while append_one(&engine, commands, &format!("{number:0>1000}")).is_ok() {
        number += 1;
        assert!(number < 10_000, "the reserve is never taken");
    }
    let entries = read_all(&engine, kept);
    block_on(engine.delete_group(GroupId(2))).unwrap();
    wait_until("room for records", || {
        append_one(&engine, kept, "again").is_ok()
    });
    assert_eq!(failure(&engine), None);
    assert_eq!(read_all(&engine, kept)[..entries.len()], entries[..]);
    wait_until("the room that is kept", || {
        engine.stats().kept_room_bytes > 0
    });
    assert!(used(&disk) <= capacity_bytes);
}

/// Where there is no room for housekeeping no record is taken, for nothing could be freed once the disk is full; deletes are.
#[test]
fn no_record_is_taken_before_there_is_room_for_housekeeping() {
    let disk = PowerCutDisk::new();
    let full = |capacity_bytes| Faults {
        capacity_bytes: Some(capacity_bytes),
        ..Faults::default()
    };
    let engine = open(&disk);
    let (kept, deleted) = (create(&engine, 1, 1), create(&engine, 2, 2));
    append(&engine, kept, 0, 12);
    for number in 0..20 {
        append(&engine, deleted, number, 3000);
    }
    let entries = read_all(&engine, kept);
    block_on(engine.stop()).unwrap();
    drop(engine);
    // An earlier version kept none before something had died.
    disk.unlink("room").unwrap();
    // Room for the reserve, and far less than for half of a segment.
    disk.set_faults(full(used(&disk) + 2 * SEGMENT));
    let engine = open_with(&disk, |settings| {
        settings.segment_bytes = vec![64 * SEGMENT];
    });
    assert_eq!(engine.stats().kept_room_bytes, 0);
    assert_eq!(*engine.status().borrow(), EngineStatus::NoRoom);
    let refused = append_one(&engine, kept, "refused");
    assert_eq!(refused, Err(AppendError::NotWritten(NotWritten::NoRoom)));
    wait_until("the reserve", || engine.stats().prepared_bytes > 0);
    block_on(engine.delete_group(GroupId(2))).unwrap();
    // Nothing that could be deleted is as large as a segment is now.
    disk.set_faults(full(used(&disk) + 128 * SEGMENT));
    wait_until("room for records", || {
        append_one(&engine, kept, "again").is_ok()
    });
    assert!(engine.stats().kept_room_bytes >= 32 * SEGMENT);
    assert_eq!(read_all(&engine, kept)[..entries.len()], entries[..]);
}

/// A manifest is written at the end, on a full disk too: a start after a clean end need not look at every segment.
#[test]
fn an_engine_on_a_full_disk_ends_cleanly_and_keeps_its_room_again() {
    let disk = PowerCutDisk::new();
    let engine = open(&disk);
    let log = create(&engine, 1, 1);
    append(&engine, log, 0, 12);
    wait_for_what_is_kept(&engine);
    disk.set_faults(Faults {
        capacity_bytes: Some(used(&disk)),
        ..Faults::default()
    });
    let mut number = 1;
    while append_one(&engine, log, &format!("{number:0>900}")).is_ok() {
        number += 1;
        assert!(number < 10_000, "the disk is never full");
    }
    block_on(engine.stop()).unwrap();
    drop(engine);
    let engine = open(&disk);
    assert!(engine.stats().kept_room_bytes > 0);
    assert_eq!(read_all(&engine, log).len(), number);
}

#[test]
fn a_disk_at_the_floor_becomes_free_again_by_a_delete_alone() {
    for floor_bytes in [20_000, 60_000, 100_000] {
        fill_and_delete(400_000, floor_bytes);
    }
}

#[test]
fn offsets_left_out_in_os_mode_do_not_keep_room_and_are_not_compacted_for_ever() {
    let disk = PowerCutDisk::new();
    let os = |disk: &PowerCutDisk| open_with(disk, |s| s.durability = Durability::Os);
    let engine = os(&disk);
    let (kept, trimmed) = (create(&engine, 1, 1), create(&engine, 1, 2));
    let fill = |engine: &LocalEngine| {
        for number in 0..100 {
            append(engine, kept, number, 12);
            append(engine, trimmed, number, 3000);
        }
    };
    fill(&engine);
    let image = disk.after_power_cut(1);
    drop(engine);
    let engine = os(&image);
    assert_eq!(engine.unclean_os_epoch(), 1);
    fill(&engine);
    let end = block_on(engine.bounds(trimmed)).unwrap().next;
    block_on(engine.trim(trimmed, end - 2)).unwrap();
    wait_for_bound(&image, &engine, 60_000);
    let settled = engine.stats().compacted_segments;
    for number in 0..20 {
        append(&engine, trimmed, number, 12);
        block_on(engine.trim(trimmed, end + number)).unwrap();
    }
    wait_for_bound(&image, &engine, 60_000);
    assert!(engine.stats().compacted_segments <= settled + 40);
}
