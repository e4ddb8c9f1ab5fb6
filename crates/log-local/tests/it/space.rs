//! Room on the disk: what is deleted or trimmed leaves it, soon and whatever else is in its segments.

use std::sync::Arc;

use futures::executor::block_on;
use millstream_log::{AppendError, GroupId, LogEngine, NotWritten, Place};
use millstream_log_local::disk::power_cut::{Faults, PowerCutDisk};
use millstream_log_local::{Durability, LocalEngine, LocalSettings};

use crate::folder::{append_one, create, failure, wait_until};
use crate::workload::{TestClock, read_all, small_settings};

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
        let bound = 2 * stats.live_bytes + CONSTANT + 2 * stats.manifest_bytes;
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

/// What is kept for a full disk is made in the background, the room for housekeeping by its first round, for which something
/// has to die; a disk that is full before that has none of it.
fn wait_for_what_is_kept(engine: &LocalEngine) {
    let dies = create(engine, 9, 9);
    append(engine, dies, 0, 12);
    block_on(engine.delete(dies)).unwrap();
    wait_until("a ready segment, the reserve and the kept room", || {
        let stats = engine.stats();
        stats.prepared_bytes > SEGMENT && stats.kept_room_bytes > 0
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
    // A delete on a full disk has the reserve; a ready segment and the reserve together are more than one segment.
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
