//! A data folder that version 1 of the format wrote must open for ever.
//!
//! `MILLSTREAM_WRITE_FROZEN=<folder>` writes such a folder anew, for the next version of the format; the one in
//! `tests/frozen/v1` is never changed.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;
use futures::executor::block_on;
use millstream_log::contract::{close, data};
use millstream_log::{
    AppendId, EngineError, EntryKind, GroupId, LogEngine, LogId, LogSpec, Place, Snapshot,
    SnapshotStore,
};
use millstream_log_local::{LocalEngine, LocalSettings};

use crate::folder::{append_one, create};
use crate::workload::{TestClock, read_all, small_settings};

fn open(folder: &Path) -> LocalEngine {
    let settings = LocalSettings {
        directory: folder.to_owned(),
        compaction_bytes_per_s: 0,
        ..small_settings()
    };
    LocalEngine::open(settings, Arc::new(TestClock::default())).unwrap()
}

fn payload(number: u64) -> String {
    format!("{number:0>900}")
}

/// Sealed segments in a manifest, one sealed behind it, one that is not sealed; trims, deletes, ids, a CLOSE.
fn write(folder: &Path) {
    let engine = open(folder);
    let commands = create(&engine, 0, 0);
    let long = create(&engine, 1, 1);
    let closed = create(&engine, 1, 2);
    let deleted = create(&engine, 1, 3);
    create(&engine, 2, 4);
    for number in 0..20 {
        append_one(&engine, long, &payload(number)).unwrap();
    }
    append_one(&engine, deleted, "gone").unwrap();
    block_on(engine.append_many(vec![
        data(closed, "a").with_id(AppendId(77)),
        close(closed, "end"),
    ]));
    block_on(engine.trim(long, 3)).unwrap();
    block_on(engine.delete(deleted)).unwrap();
    block_on(engine.delete_group(GroupId(2))).unwrap();
    let state = Bytes::from_static(b"a state");
    let snapshots = engine.snapshots().unwrap();
    block_on(snapshots.save(Snapshot { offset: 1, state })).unwrap();
    drop(snapshots);
    block_on(engine.stop()).unwrap();
    drop(engine);
    let engine = open(folder);
    for number in 20..25 {
        append_one(&engine, long, &payload(number)).unwrap();
    }
    append_one(&engine, commands, "a command").unwrap();
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), target).unwrap();
        }
    }
}

#[test]
fn a_folder_of_version_1_opens() {
    if let Ok(folder) = std::env::var("MILLSTREAM_WRITE_FROZEN") {
        write(Path::new(&folder));
    }
    let folder = tempfile::tempdir().unwrap();
    let frozen = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/frozen/v1");
    copy(&frozen, folder.path());
    for _ in 0..2 {
        let engine = open(folder.path());
        check(&engine);
        block_on(engine.verify()).unwrap();
        block_on(engine.stop()).unwrap();
    }
}

fn check(engine: &LocalEngine) {
    let place = |group: u64, log: u64| {
        let mut bytes = [0; Place::BYTES];
        bytes[..8].copy_from_slice(&group.to_le_bytes());
        bytes[8..16].copy_from_slice(&log.to_le_bytes());
        Place::from_bytes(bytes)
    };
    let entries = read_all(engine, place(1, 1));
    assert_eq!(entries.len(), 22);
    for (entry, number) in entries.iter().zip(3..) {
        assert_eq!(
            (entry.offset, &entry.payload[..]),
            (number, payload(number).as_bytes())
        );
    }
    assert!(entries.is_sorted_by_key(|entry| entry.time));
    let entries = read_all(engine, place(0, 0));
    assert_eq!(entries[0].payload, "a command");
    let entries = read_all(engine, place(1, 2));
    assert_eq!(entries[1].kind, EntryKind::Close);
    let again = data(place(1, 2), "a").with_id(AppendId(77));
    let answers = block_on(engine.append_many(vec![again]));
    assert_eq!(answers[0].unwrap().offset, 0);
    for (group, log) in [(1, 3), (2, 4), (2, 5)] {
        let created = block_on(engine.create(GroupId(group), LogId(log), LogSpec::default()));
        assert_eq!(created, Err(EngineError::NoSuchLog));
    }
    let snapshots = block_on(engine.snapshots().unwrap().load()).unwrap();
    assert_eq!(
        (snapshots[0].offset, &snapshots[0].state[..]),
        (1, &b"a state"[..])
    );
}
