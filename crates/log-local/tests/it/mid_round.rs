//! A round of housekeeping is under way, between any two of its operations in turn, when the committing thread is told that
//! something is not durable: what the round does from then on must not count on it.

use std::fmt;
use std::io::{self, IoSlice};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures::FutureExt;
use futures::executor::block_on;
use millstream_log::{GroupId, LogEngine, LogId, LogSpec, Place};
use millstream_log_local::disk::power_cut::{Faults, PowerCutDisk};
use millstream_log_local::disk::{Disk, DiskFile, HeldLock, Waiting};
use millstream_log_local::{Aside, Durability, LocalEngine, LocalSettings, Stepper};
use parking_lot::Mutex;

use crate::folder::{data, failure};
use crate::gaps::read_all;
use crate::workload::{TestClock, small_settings};

const HOUSEKEEPING: &str = "log-housekeep";

/// A disk on which something happens in the middle of what the housekeeping thread does.
#[derive(Clone)]
struct StagedDisk {
    disk: PowerCutDisk,
    stage: Arc<Mutex<Stage>>,
}

type Event = Box<dyn FnOnce() + Send>;

#[derive(Default)]
struct Stage {
    /// Places that the thread has passed: before each change, and behind those that another thread may sync; and before the
    /// first read behind a change.
    passed: u64,
    has_read: bool,
    event: Option<(u64, Event)>,
}

impl fmt::Debug for StagedDisk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.disk.fmt(f)
    }
}

impl StagedDisk {
    fn new() -> Self {
        Self {
            disk: PowerCutDisk::new(),
            stage: Arc::default(),
        }
    }

    fn pass(&self, reads: bool) {
        if std::thread::current().name() != Some(HOUSEKEEPING) {
            return;
        }
        let event = {
            let mut stage = self.stage.lock();
            if std::mem::replace(&mut stage.has_read, reads) && reads {
                return;
            }
            stage.passed += 1;
            let passed = stage.passed;
            stage.event.take_if(|(at, _)| *at == passed)
        };
        if let Some((_, event)) = event {
            event();
        }
    }

    fn changes<T>(&self, operation: impl FnOnce() -> T) -> T {
        self.pass(false);
        operation()
    }

    fn reads<T>(&self, operation: impl FnOnce() -> T) -> T {
        self.pass(true);
        operation()
    }

    fn changes_and_then<T>(&self, operation: impl FnOnce() -> T) -> T {
        let done = self.changes(operation);
        self.pass(false);
        done
    }

    fn file(&self, path: &str, file: Arc<dyn DiskFile>) -> Arc<dyn DiskFile> {
        let (disk, path) = (self.clone(), path.to_owned());
        Arc::new(StagedFile { disk, path, file })
    }
}

impl Disk for StagedDisk {
    fn lock(&self) -> io::Result<Box<dyn HeldLock>> {
        self.disk.lock()
    }
    fn create(&self, path: &str) -> io::Result<Arc<dyn DiskFile>> {
        let file = self.changes(|| self.disk.create(path))?;
        Ok(self.file(path, file))
    }
    fn open(&self, path: &str) -> io::Result<Arc<dyn DiskFile>> {
        let file = self.reads(|| self.disk.open(path))?;
        Ok(self.file(path, file))
    }
    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        self.changes_and_then(|| self.disk.rename(from, to))
    }
    fn unlink(&self, path: &str) -> io::Result<()> {
        self.changes(|| self.disk.unlink(path))
    }
    fn list(&self, directory: &str) -> io::Result<Vec<String>> {
        self.disk.list(directory)
    }
    fn create_directory(&self, directory: &str) -> io::Result<()> {
        self.disk.create_directory(directory)
    }
    /// One comes after the other, so nothing comes in between; what comes before and behind it is at its neighbours.
    fn sync_directory(&self, directory: &str) -> io::Result<()> {
        self.disk.sync_directory(directory)
    }
    fn free_bytes(&self) -> io::Result<u64> {
        self.reads(|| self.disk.free_bytes())
    }
}

#[derive(Debug)]
struct StagedFile {
    disk: StagedDisk,
    path: String,
    file: Arc<dyn DiskFile>,
}

impl DiskFile for StagedFile {
    fn read_at(&self, buffer: &mut [u8], position: u64, waiting: Waiting) -> io::Result<()> {
        self.disk
            .reads(|| self.file.read_at(buffer, position, waiting))
    }
    fn write_at(&self, parts: &[IoSlice<'_>], position: u64) -> io::Result<()> {
        self.disk.changes(|| self.file.write_at(parts, position))
    }
    fn sync_data(&self) -> io::Result<()> {
        // Of what was answered: as with a folder.
        if self.path.ends_with(".seg") {
            return self.file.sync_data();
        }
        self.disk.changes_and_then(|| self.file.sync_data())
    }
    fn allocate(&self, bytes: u64) -> io::Result<()> {
        self.disk.changes(|| self.file.allocate(bytes))
    }
    fn len_bytes(&self) -> io::Result<u64> {
        self.disk.reads(|| self.file.len_bytes())
    }
}

/// What the committing thread is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Told {
    /// A sync of a segment has failed, of its frames or of its footer, after so many more appends.
    Segment(u64),
    /// A sync of the folder of segments, when it makes one.
    Folder,
}

/// What clients did, on the committing thread's side.
#[derive(Clone)]
struct Clients {
    engine: Arc<LocalEngine>,
    aside: Aside,
    kept: Place,
    dying: Place,
    /// Entries of the first log, and where the other one was trimmed.
    acknowledged: Arc<Mutex<(u64, u64)>>,
}

fn payload(offset: u64) -> String {
    format!("{offset:0>300}")
}

impl Clients {
    fn new(engine: LocalEngine, aside: Aside) -> Self {
        let [kept, dying] = [1, 2].map(|log| {
            let created = engine.create(GroupId(1), LogId(log), LogSpec::default());
            while aside.commit() {}
            created.now_or_never().unwrap().unwrap()
        });
        Self {
            engine: Arc::new(engine),
            aside,
            kept,
            dying,
            acknowledged: Arc::default(),
        }
    }

    fn commit(&self) {
        while self.aside.commit() {}
    }

    /// Whether it was acknowledged.
    fn append(&self) -> bool {
        let next = self.acknowledged.lock().0;
        let appends = vec![
            data(self.kept, payload(next)),
            data(self.dying, format!("{next:0>600}")),
        ];
        let answers = self.engine.append_many(appends);
        self.commit();
        let answers = answers.now_or_never().expect("it is committed");
        let is_acknowledged = answers.iter().all(Result::is_ok);
        if is_acknowledged {
            self.acknowledged.lock().0 = next + 1;
        }
        is_acknowledged
    }

    fn trim(&self) {
        let next = self.acknowledged.lock().0;
        let trimmed = self.engine.trim(self.dying, next);
        self.commit();
        if let Some(Ok(())) = trimmed.now_or_never() {
            self.acknowledged.lock().1 = next;
        }
    }

    /// Goes on until the committing thread has failed.
    fn fail(&self, disk: &PowerCutDisk, told: Told) {
        let faults = match told {
            Told::Segment(later) => {
                (0..later).for_each(|_| assert!(self.append()));
                Faults {
                    next_sync_fails_on: Some("log-commit"),
                    ..Faults::default()
                }
            }
            Told::Folder => Faults {
                folder_sync_fails_at: Some(1),
                ..Faults::default()
            },
        };
        self.trim();
        disk.set_faults(faults);
        let appends = (0..200).take_while(|_| self.append());
        assert!(appends.count() < 200, "nothing fails");
        disk.set_faults(Faults::default());
    }
}

fn settings(durability: Durability) -> LocalSettings {
    LocalSettings {
        durability,
        hurry: Duration::ZERO,
        read_threads: 1,
        ..small_settings()
    }
}

/// Work for a round: segments of which most is dead, and some that are sealed and not in any manifest.
fn before_a_round(durability: Durability) -> (StagedDisk, Stepper, Clients) {
    let staged = StagedDisk::new();
    let clock = Arc::new(TestClock::default());
    let disk = Arc::new(staged.clone());
    let opened = LocalEngine::open_stepped(disk, settings(durability), clock);
    let (engine, mut stepper) = opened.unwrap();
    stepper.work();
    let clients = Clients::new(engine, stepper.aside());
    (0..90).for_each(|_| assert!(clients.append()));
    clients.trim();
    (staged, stepper, clients)
}

/// Offsets and payloads.
fn contents(engine: &LocalEngine, place: Place) -> Vec<(u64, Bytes)> {
    let entries = read_all(engine, place, 3000).into_iter();
    entries.map(|one| (one.offset, one.payload)).collect()
}

/// A start on what is left: everything that was acknowledged is there if `is_kept`, and what it shows stays through a power
/// cut.
fn check(image: &PowerCutDisk, clients: &Clients, durability: Durability, is_kept: bool) {
    let open = |disk: &PowerCutDisk| {
        let clock = Arc::new(TestClock::default());
        let disk = Arc::new(disk.clone());
        LocalEngine::open_stepped(disk, settings(durability), clock)
            .unwrap()
            .0
    };
    let engine = open(image);
    let is_there = |place| block_on(engine.bounds(place)).is_ok();
    if !is_kept && !is_there(clients.kept) {
        return;
    }
    let seen = contents(&engine, clients.kept);
    for (offset, (found, bytes)) in (0..).zip(&seen) {
        assert_eq!((*found, &**bytes), (offset, payload(offset).as_bytes()));
    }
    let (next, trimmed) = *clients.acknowledged.lock();
    if is_kept {
        assert!(seen.len() as u64 >= next, "acknowledged entries are gone");
        let bounds = block_on(engine.bounds(clients.dying)).unwrap();
        assert!(bounds.first >= trimmed, "a trim is gone");
    }
    let later = image.after_power_cut(0);
    drop(engine);
    let again = contents(&open(&later), clients.kept);
    assert_eq!(again, seen, "what was seen is gone");
}

#[test]
fn a_round_that_is_under_way_counts_on_nothing_that_is_not_durable() {
    let (mut places, mut compacted) = (0, 0);
    for durability in [Durability::Fsync, Durability::Os] {
        for told in [|at| Told::Segment(at % 17), |_| Told::Folder] {
            for at in 1.. {
                let told: Told = told(at);
                let (staged, mut stepper, clients) = before_a_round(durability);
                let event = {
                    let (clients, disk) = (clients.clone(), staged.disk.clone());
                    Box::new(move || clients.fail(&disk, told))
                };
                {
                    let mut stage = staged.stage.lock();
                    stage.passed = 0;
                    stage.event = Some((at, event));
                }
                stepper.work();
                if staged.stage.lock().event.take().is_some() {
                    compacted += clients.engine.stats().compacted_segments;
                    break;
                }
                places += 1;
                let context = format!("{durability:?}, {told:?}, at place {at}");
                assert!(failure(&clients.engine).is_some(), "{context}");
                let checked = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
                    check(&staged.disk.after_kill(), &clients, durability, true);
                    for image in [0, 2 + at] {
                        let image = staged.disk.after_power_cut(image);
                        check(
                            &image,
                            &clients,
                            durability,
                            durability == Durability::Fsync,
                        );
                    }
                }));
                checked.unwrap_or_else(|_| panic!("{context}"));
            }
        }
    }
    println!("{places} places; compacted {compacted}");
    assert!(places > 100 && compacted > 0);
}
