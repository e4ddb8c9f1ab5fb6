//! Threads that are slow while the ground moves: a reader whose segment is compacted away between its plan and its read; a
//! disk that is full before anything was prepared.

use std::io::{self, IoSlice};
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use futures::executor::block_on;
use millstream_log::{AppendError, GroupId, LogEngine, NotWritten, ReadFrom, ReadOutcome};
use millstream_log_local::disk::power_cut::{Faults, PowerCutDisk};
use millstream_log_local::disk::{Disk, DiskFile, HeldLock, Waiting};
use millstream_log_local::{LocalEngine, LocalSettings};
use parking_lot::{Condvar, Mutex};

use crate::folder::{append_one, create, wait_until};
use crate::workload::{TestClock, small_settings};

/// A disk on which threads of one kind wait before they read or make a file, for as long as it is told; what they waited
/// to read is gone then, as in a segment that was used again.
#[derive(Debug, Clone)]
struct HeldDisk {
    disk: PowerCutDisk,
    /// What the names of those threads begin with.
    holds: &'static str,
    /// What the names of files end with at which they are held.
    at: &'static str,
    gate: Arc<(Mutex<Gate>, Condvar)>,
}

#[derive(Debug, Default)]
struct Gate {
    is_shut: bool,
    /// What somebody waits to read.
    waits_for: Option<String>,
    /// How often the thread that prepares segments has looked at the room.
    looks: u64,
}

impl HeldDisk {
    fn new(holds: &'static str) -> Self {
        Self::new_at(holds, "")
    }

    fn new_at(holds: &'static str, at: &'static str) -> Self {
        Self {
            disk: PowerCutDisk::new(),
            holds,
            at,
            gate: Arc::default(),
        }
    }

    fn shut(&self) {
        self.gate.0.lock().is_shut = true;
    }

    fn open_gate(&self) {
        self.gate.0.lock().is_shut = false;
        self.gate.1.notify_all();
    }

    fn looks(&self) -> u64 {
        self.gate.0.lock().looks
    }

    fn waits_for(&self) -> Option<String> {
        self.gate.0.lock().waits_for.clone()
    }

    /// Whether the thread had to wait.
    fn hold(&self, path: &str) -> bool {
        let thread = std::thread::current();
        let is_of_kind = thread
            .name()
            .is_some_and(|name| name.starts_with(self.holds));
        let (gate, bell) = &*self.gate;
        let mut gate = gate.lock();
        let is_held = is_of_kind && gate.is_shut && path.ends_with(self.at);
        while is_held && gate.is_shut {
            gate.waits_for = Some(path.to_owned());
            bell.wait(&mut gate);
        }
        is_held
    }

    fn file(&self, path: &str, file: Arc<dyn DiskFile>) -> Arc<dyn DiskFile> {
        let path = path.to_owned();
        let disk = self.clone();
        Arc::new(HeldFile { disk, path, file })
    }
}

#[derive(Debug)]
struct HeldFile {
    disk: HeldDisk,
    path: String,
    file: Arc<dyn DiskFile>,
}

impl DiskFile for HeldFile {
    fn read_at(&self, buffer: &mut [u8], position: u64, waiting: Waiting) -> io::Result<()> {
        if self.disk.hold(&self.path) {
            return Err(io::ErrorKind::NotFound.into());
        }
        self.file.read_at(buffer, position, waiting)
    }
    fn write_at(&self, parts: &[IoSlice<'_>], position: u64) -> io::Result<()> {
        self.file.write_at(parts, position)
    }
    fn sync_data(&self) -> io::Result<()> {
        self.file.sync_data()
    }
    fn allocate(&self, bytes: u64) -> io::Result<()> {
        self.file.allocate(bytes)
    }
    fn len_bytes(&self) -> io::Result<u64> {
        self.file.len_bytes()
    }
}

impl Disk for HeldDisk {
    fn lock(&self) -> io::Result<Box<dyn HeldLock>> {
        self.disk.lock()
    }
    fn create(&self, path: &str) -> io::Result<Arc<dyn DiskFile>> {
        self.hold(path);
        Ok(self.file(path, self.disk.create(path)?))
    }
    fn open(&self, path: &str) -> io::Result<Arc<dyn DiskFile>> {
        Ok(self.file(path, self.disk.open(path)?))
    }
    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        self.disk.rename(from, to)
    }
    fn unlink(&self, path: &str) -> io::Result<()> {
        self.disk.unlink(path)
    }
    fn list(&self, directory: &str) -> io::Result<Vec<String>> {
        self.disk.list(directory)
    }
    fn create_directory(&self, directory: &str) -> io::Result<()> {
        self.disk.create_directory(directory)
    }
    fn sync_directory(&self, directory: &str) -> io::Result<()> {
        self.disk.sync_directory(directory)
    }
    fn free_bytes(&self) -> io::Result<u64> {
        if std::thread::current().name() == Some("log-prepare") {
            self.gate.0.lock().looks += 1;
        }
        self.disk.free_bytes()
    }
}

#[test]
fn a_read_whose_segment_is_compacted_away_is_planned_again() {
    let held = HeldDisk::new("log-read-");
    let clock = Arc::new(TestClock::default());
    let engine = LocalEngine::open_on(Arc::new(held.clone()), small_settings(), clock).unwrap();
    let engine = Arc::new(engine);
    let kept = create(&engine, 1, 1);
    let trimmed = create(&engine, 1, 2);
    held.shut();
    for round in 0..60u64 {
        append_one(&engine, kept, &format!("{round:0>100}")).unwrap();
        append_one(&engine, trimmed, &format!("{round:0>900}")).unwrap();
    }
    let reader = {
        let engine = Arc::clone(&engine);
        std::thread::spawn(move || {
            let read = ReadFrom {
                place: kept,
                from: 0,
                bytes_max: 1,
            };
            block_on(engine.read_many(vec![read], Duration::ZERO)).remove(0)
        })
    };
    wait_until("a read of a file", || held.waits_for().is_some());
    let planned = held.waits_for().unwrap();
    // What is dead is kept to be used again: somebody has to need room.
    wait_until("the end of the segment", || {
        let appended = append_one(&engine, trimmed, &format!("{:0>900}", 0)).unwrap();
        block_on(engine.trim(trimmed, appended.offset)).unwrap();
        held.disk.contents(&planned).is_none()
    });
    held.open_gate();
    match reader.join().unwrap() {
        ReadOutcome::Entries { entries, .. } => {
            assert_eq!(entries[0].offset, 0);
            assert_eq!(entries[0].payload, format!("{:0>100}", 0));
        }
        other => panic!("{other:?}"),
    }
    block_on(engine.stop()).unwrap();
}

/// Records that come faster than segments are prepared must not take the room that is set aside: what frees room could not
/// be written then.
#[test]
fn a_disk_that_is_full_before_anything_is_prepared_still_takes_deletes() {
    let held = HeldDisk::new("log-prepare");
    held.shut();
    held.disk.set_faults(Faults {
        capacity_bytes: Some(300 << 10),
        ..Faults::default()
    });
    let clock = Arc::new(TestClock::default());
    let engine = LocalEngine::open_on(Arc::new(held.clone()), small_settings(), clock).unwrap();
    let log = create(&engine, 1, 1);
    let full = Err(AppendError::NotWritten(NotWritten::NoRoom));
    let mut appends =
        (0..1_000).map(|number| append_one(&engine, log, &format!("{number:0>3000}")));
    let is_full = appends.any(|appended| appended == full);
    let deleted = block_on(engine.delete(log));
    // Before anything can fail: an engine that is dropped waits for its threads.
    held.open_gate();
    assert!(is_full, "the disk is never full");
    assert_eq!(deleted, Ok(()));
    block_on(engine.stop()).unwrap();
}

/// A compaction on a full disk has the room that is kept for it, and whoever prepares segments meanwhile finds none: with a
/// small reserve made of it the rest would be too little, for good.
#[test]
fn nothing_is_prepared_in_the_room_that_housekeeping_has() {
    let held = HeldDisk::new_at("log-housekeep", ".tmp");
    let clock = Arc::new(TestClock::default());
    let settings = LocalSettings {
        segment_bytes: vec![64 << 10],
        ..small_settings()
    };
    let engine = LocalEngine::open_on(Arc::new(held.clone()), settings, clock).unwrap();
    let commands = create(&engine, 0, 0);
    let (kept, deleted) = (create(&engine, 1, 1), create(&engine, 2, 2));
    for number in 0..150 {
        append_one(&engine, deleted, &format!("{number:0>1500}")).unwrap();
        append_one(&engine, kept, &format!("{number:0>1000}")).unwrap();
    }
    wait_until("a ready segment and the reserve", || {
        // The reserve is the one that is not as large as the others.
        let bytes = engine.stats().prepared_bytes;
        bytes > 64 << 10 && bytes % (64 << 10) == 16 << 10
    });
    let used = || {
        let lengths = held.disk.paths().into_iter();
        let lengths = lengths.filter_map(|path| held.disk.contents(&path));
        lengths.map(|contents| contents.len() as u64).sum::<u64>()
    };
    held.disk.set_faults(Faults {
        capacity_bytes: Some(used() + 2000),
        ..Faults::default()
    });
    let mut number = 0;
    while append_one(&engine, deleted, &format!("{number:0>1500}")).is_ok() {
        append_one(&engine, kept, &format!("{number:0>1000}")).ok();
        number += 1;
        assert!(number < 1000, "the disk is never full");
    }
    while append_one(&engine, commands, &format!("{number:0>1000}")).is_ok() {
        number += 1;
        assert!(number < 1000, "the reserve is never taken");
    }
    held.shut();
    block_on(engine.delete_group(GroupId(2))).unwrap();
    wait_until("a compaction", || held.waits_for().is_some());
    let before = engine.stats();
    let looks = held.looks();
    wait_until("two looks", || held.looks() >= looks + 2);
    let after = engine.stats();
    // Before anything can fail: an engine that is dropped waits for its threads.
    held.open_gate();
    assert_eq!((before.kept_room_bytes, after.kept_room_bytes), (0, 0));
    assert!(after.prepared_bytes <= before.prepared_bytes);
    wait_until("room for records", || {
        append_one(&engine, kept, "again").is_ok()
    });
    assert!(engine.stats().kept_room_bytes >= 32 << 10);
    block_on(engine.stop()).unwrap();
}

/// A stop ends the reads that wait for entries, also where the engine had failed before; not only once the last thread of
/// the engine has ended, which a slow disk may hold up.
#[test]
fn a_stop_after_a_failure_ends_waiting_reads() {
    let held = HeldDisk::new("log-read-");
    let clock = Arc::new(TestClock::default());
    let engine = LocalEngine::open_on(Arc::new(held.clone()), small_settings(), clock).unwrap();
    let log = create(&engine, 1, 1);
    for number in 0..60 {
        append_one(&engine, log, &format!("{number:0>900}")).unwrap();
    }
    held.disk.set_faults(Faults {
        next_sync_fails_on: Some("log-commit"),
        ..Faults::default()
    });
    append_one(&engine, log, "lost").unwrap_err();
    let read = |from, wait| {
        let read = ReadFrom {
            place: log,
            from,
            bytes_max: 1,
        };
        engine.read_many(vec![read], wait)
    };
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build()
        .unwrap();
    let (ended, stopped) = runtime.block_on(async {
        held.shut();
        let mut old = read(0, Duration::ZERO);
        assert!(futures::poll!(&mut old).is_pending());
        wait_until("a read of a file", || held.waits_for().is_some());
        let mut waiting = read(60, Duration::from_secs(600));
        assert!(futures::poll!(&mut waiting).is_pending());
        let stopped = engine.stop();
        let ended = futures::poll!(&mut waiting);
        // Before anything can fail: an engine that is dropped waits for its threads.
        held.open_gate();
        (ended, stopped.await)
    });
    let Poll::Ready(outcomes) = ended else {
        panic!("it waits until its own time is over");
    };
    let ReadOutcome::Entries { entries, .. } = &outcomes[0] else {
        panic!("{outcomes:?}");
    };
    assert!(entries.is_empty() && stopped.is_err());
}
