//! The data folder: one process at a time, clean and unclean ends, recycled and removed segments.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures::executor::block_on;
use millstream_log::{
    Append, AppendError, Appended, EngineStatus, EntryKind, GroupId, LogEngine, LogId, LogSpec,
    Place, ReadFrom, ReadOutcome, Snapshot, SnapshotStore,
};
use millstream_log_local::disk::power_cut::PowerCutDisk;
use millstream_log_local::{Durability, IdleBell, LocalEngine, LocalSettings, OpenError};
use millstream_types::SystemClock;

use crate::workload::{TestClock, open, read_all, small_settings};

pub fn create(engine: &LocalEngine, group: u64, log: u64) -> Place {
    block_on(engine.create(GroupId(group), LogId(log), LogSpec::default())).unwrap()
}

pub fn data(place: Place, payload: impl Into<Bytes>) -> Append {
    Append {
        place,
        kind: EntryKind::Data,
        payload: payload.into(),
        id: None,
    }
}

pub fn append_one(
    engine: &LocalEngine,
    place: Place,
    payload: &str,
) -> Result<Appended, AppendError> {
    let append = data(place, payload.to_owned());
    block_on(engine.append_many(vec![append])).remove(0)
}

/// Whether there is a frame in a segment.
pub fn has_entries(disk: &PowerCutDisk, path: &str) -> bool {
    disk.contents(path)
        .is_some_and(|contents| &contents[64..68] == b"MFRM")
}

/// The segment with frames, if there is one only.
pub fn written_segment(disk: &PowerCutDisk) -> String {
    let paths = disk
        .paths()
        .into_iter()
        .filter(|path| path.ends_with(".seg"));
    let mut written: Vec<String> = paths.filter(|path| has_entries(disk, path)).collect();
    assert_eq!(written.len(), 1);
    written.remove(0)
}

/// Why the engine takes no more writes, if it says so.
pub fn failure(engine: &LocalEngine) -> Option<String> {
    match &*engine.status().borrow() {
        EngineStatus::Failed(reason) => Some(reason.to_string()),
        EngineStatus::Serving | EngineStatus::NoRoom => None,
    }
}

/// Waits, without sleeping, for what other threads are about to do.
pub fn wait_until(what: &str, mut is_so: impl FnMut() -> bool) {
    let deadline = std::time::Instant::now() + Duration::from_secs(20);
    while !is_so() {
        assert!(std::time::Instant::now() < deadline, "{what} does not come");
        std::thread::yield_now();
    }
}

#[test]
fn a_second_process_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let settings = || LocalSettings::new(folder.path());
    let open = || LocalEngine::open(settings(), Arc::new(SystemClock));
    let first = open().unwrap();
    let error = open().unwrap_err();
    assert!(matches!(error, OpenError::InUse));
    assert_eq!(
        error.to_string(),
        "the data folder is in use by another process"
    );
    let snapshots = first.snapshots().unwrap();
    block_on(first.stop()).unwrap();
    assert!(
        matches!(open(), Err(OpenError::InUse)),
        "snapshots hold the folder"
    );
    drop(snapshots);
    drop(open().unwrap());
    drop(open().unwrap());
}

#[test]
fn segments_without_a_manifest_are_refused() {
    let disk = PowerCutDisk::new();
    disk.place("segments/0000000001.seg", vec![0; 1 << 14]);
    assert!(matches!(open(&disk), Err(OpenError::Damaged { .. })));
}

/// Where every segment is used again, what was in it before is never taken for new.
#[test]
fn bytes_of_a_recycled_segment_are_never_valid() {
    let disk = PowerCutDisk::new();
    let mut settings = small_settings();
    settings.compaction_bytes_per_s = 0;
    let engine = LocalEngine::open_on(
        Arc::new(disk.clone()),
        settings,
        Arc::new(TestClock::default()),
    )
    .unwrap();
    let place = create(&engine, 1, 1);
    for round in 0..200u64 {
        let appended = append_one(&engine, place, &format!("{round:0>1100}")).unwrap();
        block_on(engine.trim(place, appended.offset.saturating_sub(3))).unwrap();
        if round % 7 == 0 {
            for seed in [0, 1, round + 2] {
                let image = disk.after_power_cut(seed);
                let again = open(&image).unwrap();
                let entries = read_all(&again, place);
                assert_eq!(entries.last().unwrap().offset, round);
                for entry in entries {
                    let expected = format!("{:0>1100}", entry.offset);
                    assert_eq!(entry.payload, expected);
                }
            }
        }
    }
    assert!(engine.stats().removed_segments > 5);
    let recycled = |path: &String| {
        let contents = disk.contents(path).unwrap();
        let generation = u64::from_le_bytes(contents[16..24].try_into().unwrap());
        let trailer = &contents[contents.len() - 80..];
        let sealed_as = u64::from_le_bytes(trailer[16..24].try_into().unwrap());
        sealed_as != 0 && sealed_as < generation
    };
    let segments = disk
        .paths()
        .into_iter()
        .filter(|path| path.ends_with(".seg"));
    assert!(
        segments.filter(recycled).count() > 0,
        "a file was used again"
    );
}

/// Data older than the tail cache is read while its segments are compacted and removed.
#[test]
fn reads_survive_compaction() {
    let disk = PowerCutDisk::new();
    let engine = Arc::new(open(&disk).unwrap());
    let kept = create(&engine, 1, 1);
    let trimmed = create(&engine, 1, 2);
    let reader = {
        let engine = Arc::clone(&engine);
        std::thread::spawn(move || {
            let mut rounds = 0;
            while block_on(engine.bounds(trimmed)).is_ok() {
                for (offset, entry) in (0..).zip(read_all(&engine, kept)) {
                    assert_eq!(entry.payload, format!("{offset:0>100}"));
                }
                rounds += 1;
            }
            rounds
        })
    };
    for round in 0..300u64 {
        append_one(&engine, kept, &format!("{round:0>100}")).unwrap();
        append_one(&engine, trimmed, &format!("{round:0>900}")).unwrap();
        block_on(engine.trim(trimmed, round)).unwrap();
    }
    wait_until("a compaction", || engine.stats().compacted_segments > 4);
    block_on(engine.delete(trimmed)).unwrap();
    assert!(reader.join().unwrap() > 0);
    assert_eq!(read_all(&engine, kept).len(), 300);
    block_on(engine.stop()).unwrap();
    drop(engine);
    let again = open(&disk).unwrap();
    for (offset, entry) in (0..).zip(read_all(&again, kept)) {
        assert_eq!(entry.payload, format!("{offset:0>100}"));
    }
}

fn open_os(disk: &PowerCutDisk) -> LocalEngine {
    let settings = LocalSettings {
        durability: Durability::Os,
        ..small_settings()
    };
    let clock = Arc::new(TestClock::default());
    LocalEngine::open_on(Arc::new(disk.clone()), settings, clock).unwrap()
}

#[test]
fn in_os_mode_an_unclean_end_gives_no_offset_twice() {
    for seed in 0..30 {
        let disk = PowerCutDisk::new();
        let engine = open_os(&disk);
        assert_eq!(engine.caps().survives_power_cut, Some(false));
        let places = [create(&engine, 1, 1), create(&engine, 1, 2)];
        for number in 0..40 {
            append_one(&engine, places[0], &format!("{number:0>900}")).unwrap();
        }
        assert_eq!(engine.unclean_os_epoch(), 0);
        let image = disk.after_power_cut(seed);
        drop(engine);
        let engine = open_os(&image);
        assert_eq!(engine.unclean_os_epoch(), 1);
        let (place, bounds) = match block_on(engine.bounds(places[0])) {
            Ok(bounds) => (places[0], bounds),
            // The create itself was lost.
            Err(_) => continue,
        };
        assert!(bounds.next >= 1 << 20);
        let before: Vec<u64> = entries_over_gaps(&engine, place);
        assert!(
            before
                .iter()
                .zip(0..)
                .all(|(offset, expected)| *offset == expected)
        );
        let appended = append_one(&engine, place, "after").unwrap();
        assert_eq!(appended.offset, bounds.next);
        let with_gap = entries_over_gaps(&engine, place);
        assert_eq!(with_gap.last(), Some(&appended.offset));
        assert_eq!(with_gap.len(), before.len() + 1);
        block_on(engine.stop()).unwrap();
        drop(engine);
        let engine = open_os(&image);
        assert_eq!(engine.unclean_os_epoch(), 1, "the end was clean");
        assert_eq!(entries_over_gaps(&engine, place), with_gap);
    }
}

/// Offsets of all entries, following each entry's own offset.
fn entries_over_gaps(engine: &LocalEngine, place: Place) -> Vec<u64> {
    let mut from = block_on(engine.bounds(place)).unwrap().first;
    let mut offsets = Vec::new();
    loop {
        let read = ReadFrom {
            place,
            from,
            bytes_max: 5000,
        };
        match block_on(engine.read_many(vec![read], Duration::ZERO)).remove(0) {
            ReadOutcome::Entries { entries, .. } => {
                let Some(last) = entries.last() else {
                    return offsets;
                };
                from = last.offset + 1;
                offsets.extend(entries.iter().map(|entry| entry.offset));
            }
            other => panic!("{other:?}"),
        }
    }
}

/// Many idle logs cost little memory, and a start reads them from the manifest.
#[test]
fn ten_thousand_logs_come_back() {
    let disk = PowerCutDisk::new();
    let engine = open(&disk).unwrap();
    let creates: Vec<_> = (0..10_000)
        .map(|log| engine.create(GroupId(1), LogId(log), LogSpec::default()))
        .collect();
    let places: Vec<Place> = creates
        .into_iter()
        .map(|create| block_on(create).unwrap())
        .collect();
    let appends = places.iter().map(|place| data(*place, "x")).collect();
    let answers = block_on(engine.append_many(appends));
    assert!(answers.iter().all(Result::is_ok));
    block_on(engine.stop()).unwrap();
    drop(engine);
    let engine = open(&disk).unwrap();
    assert_eq!(engine.stats().logs, 10_000);
    for place in places.iter().step_by(97) {
        assert_eq!(read_all(&engine, *place).len(), 1);
    }
}

#[test]
fn an_idle_bell_belongs_to_one_engine() {
    let settings = LocalSettings {
        idle_bell: Some(IdleBell::default()),
        ..small_settings()
    };
    let open = || {
        let disk = Arc::new(PowerCutDisk::new());
        LocalEngine::open_on(disk, settings.clone(), Arc::new(TestClock::default()))
    };
    let engine = open().unwrap();
    match open().unwrap_err() {
        OpenError::Settings(reason) => assert!(reason.contains("idle_bell"), "{reason}"),
        other => panic!("{other}"),
    }
    block_on(engine.stop()).unwrap();
}

/// What a save leaves behind that was cut off is nobody's: the next save takes it away.
#[test]
fn leftovers_of_a_snapshot_go_with_the_next_one() {
    let disk = PowerCutDisk::new();
    let engine = open(&disk).unwrap();
    let snapshots = engine.snapshots().unwrap();
    let leftover = "snapshots/00000000000000000007.tmp";
    disk.place(leftover, vec![7; 100]);
    for offset in [1, 9] {
        let state = Bytes::from_static(b"state");
        block_on(snapshots.save(Snapshot { offset, state })).unwrap();
        let paths = disk.paths();
        assert!(
            !paths.iter().any(|path| path.ends_with(".tmp")),
            "{paths:?}"
        );
        disk.place(leftover, vec![7; 100]);
    }
    let loaded = block_on(snapshots.load()).unwrap();
    let offsets: Vec<u64> = loaded.iter().map(|snapshot| snapshot.offset).collect();
    assert_eq!(offsets, [9, 1]);
}
