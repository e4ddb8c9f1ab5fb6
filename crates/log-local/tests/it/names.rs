//! A sync of a folder fails: what it should have made durable are names, of a manifest, of segments, of snapshots. Whoever
//! looks sees them, and no later sync makes them durable; a power cut, whenever it comes, may take each of them.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures::FutureExt;
use futures::executor::block_on;
use millstream_log::{
    GroupId, LogEngine, LogFuture, LogId, LogSpec, Place, Snapshot, SnapshotStore,
};
use millstream_log_local::disk::power_cut::{Faults, PowerCutDisk};
use millstream_log_local::{LocalEngine, LocalSettings, OpenError, Stepper};

use crate::folder::{create, data, failure};
use crate::workload::{TestClock, cases, open, read_all, run, small_settings};

fn folder_sync_fails_at(nth: u64) -> Faults {
    Faults {
        folder_sync_fails_at: Some(nth),
        ..Faults::default()
    }
}

fn open_stepped(disk: &PowerCutDisk) -> Result<(LocalEngine, Stepper), OpenError> {
    let settings = LocalSettings {
        hurry: Duration::ZERO,
        read_threads: 1,
        ..small_settings()
    };
    let clock = Arc::new(TestClock::default());
    LocalEngine::open_stepped(Arc::new(disk.clone()), settings, clock)
}

/// What is done on a disk whose process is started again, without a reboot, after each failure.
struct Story {
    disk: PowerCutDisk,
    running: Option<(LocalEngine, Stepper)>,
    /// A log that is kept, and one that is trimmed all the time.
    logs: [Log; 2],
    /// The newest snapshot of which it was said that it is durable.
    saved: u64,
    starts: u64,
}

#[derive(Debug, Default, Clone, Copy)]
struct Log {
    place: Option<Place>,
    /// Up to here entries were acknowledged, or seen by whoever looked after a start.
    next: u64,
    trimmed: u64,
}

fn payload(offset: u64) -> String {
    format!("{offset:0>900}")
}

fn state(offset: u64) -> Bytes {
    Bytes::from(vec![offset as u8; 700])
}

impl Log {
    /// What must be true wherever the folder is opened.
    fn check(&self, engine: &LocalEngine) -> u64 {
        let Some(place) = self.place else {
            return 0;
        };
        let bounds = block_on(engine.bounds(place)).expect("the log is there");
        assert!(bounds.first >= self.trimmed, "a trim is lost");
        assert!(bounds.next >= self.next, "entries are lost");
        let entries = read_all(engine, place);
        for (entry, offset) in entries.iter().zip(bounds.first..) {
            assert_eq!(
                (entry.offset, &*entry.payload),
                (offset, payload(offset).as_bytes())
            );
        }
        bounds.next
    }
}

impl Story {
    fn new(faults: Faults) -> Self {
        let disk = PowerCutDisk::new();
        disk.set_faults(faults);
        Self {
            disk,
            running: None,
            logs: [Log::default(); 2],
            saved: 0,
            starts: 0,
        }
    }

    /// The engine; started if it is not there or has failed.
    fn engine(&mut self) -> Option<&mut (LocalEngine, Stepper)> {
        let has_failed = |running: &(LocalEngine, _)| failure(&running.0).is_some();
        if self.running.as_ref().is_none_or(has_failed) {
            self.running = None;
            let running = open_stepped(&self.disk).ok()?;
            self.starts += 1;
            for log in &mut self.logs {
                log.next = log.check(&running.0);
            }
            self.running = Some(running);
        }
        self.running.as_mut()
    }

    /// Does one thing; `None` if it fails.
    fn attempt<T, E>(
        &mut self,
        what: impl FnOnce(&LocalEngine) -> LogFuture<Result<T, E>>,
    ) -> Option<T> {
        let (engine, stepper) = self.engine()?;
        let answer = what(engine);
        stepper.work();
        answer.now_or_never().expect("it is answered").ok()
    }

    fn step(&mut self, round: u64) {
        for number in 0..self.logs.len() {
            let Some(place) = self.logs[number].place else {
                let spec = LogSpec::default();
                let id = LogId(number as u64);
                self.logs[number].place =
                    self.attempt(|engine| engine.create(GroupId(1), id, spec));
                continue;
            };
            if self.engine().is_none() {
                return;
            }
            let next = self.logs[number].next;
            let append = data(place, payload(next));
            let appended = self.attempt(|engine| {
                let answers = engine.append_many(vec![append]);
                Box::pin(async move { answers.await.remove(0) })
            });
            if let Some(appended) = appended {
                assert_eq!(appended.offset, next);
                self.logs[number].next = next + 1;
            }
        }
        let dying = self.logs[1];
        if let Some(place) = dying.place
            && self
                .attempt(|engine| engine.trim(place, dying.next))
                .is_some()
        {
            self.logs[1].trimmed = dying.next;
        }
        if round.is_multiple_of(4) {
            self.save(round);
        }
    }

    /// Saves a snapshot, and once more if it is not told that it is durable, as at a stop.
    fn save(&mut self, offset: u64) {
        for _ in 0..2 {
            let Some((engine, _)) = self.engine() else {
                return;
            };
            let state = state(offset);
            let snapshots = engine.snapshots().expect("it runs");
            if block_on(snapshots.save(Snapshot { offset, state })).is_ok() {
                self.saved = offset;
                return;
            }
        }
    }

    /// What must be true of a folder that was left like this.
    fn check(&self, image: &PowerCutDisk) {
        let (engine, _) = open_stepped(image).expect("it starts on whatever is left");
        self.logs.iter().for_each(|log| {
            log.check(&engine);
        });
        let snapshots = block_on(engine.snapshots().unwrap().load()).unwrap();
        let newest = snapshots.first().map_or(0, |newest| newest.offset);
        assert!(newest >= self.saved, "a snapshot is lost");
    }
}

impl Story {
    /// What is left behind the step in which a sync failed, on a disk whose power is cut while the next process starts.
    fn check_starts_that_are_cut(&self) {
        let killed = self.disk.after_kill();
        for cut in 1..=14 {
            let image = killed.after_kill();
            image.set_faults(Faults {
                power_cut_at: Some(cut),
                ..Faults::default()
            });
            drop(open_stepped(&image));
            for seed in 0..4 {
                self.check(&image.after_power_cut(cut * 100 + seed));
            }
        }
    }
}

/// Whichever sync it is: what was acknowledged is there after a restart without a reboot and after a power cut at any time
/// later, and what a start has shown.
#[test]
fn a_failed_sync_of_a_folder_loses_nothing() {
    const ROUNDS: u64 = 80;
    let mut restarts = 0;
    for nth in 1.. {
        let mut story = Story::new(folder_sync_fails_at(nth));
        let is_over = |story: &Story| story.disk.faults().folder_sync_fails_at.is_none();
        let mut rounds_after = 0;
        for round in 0..ROUNDS {
            story.step(round);
            if is_over(&story) {
                if rounds_after == 0 {
                    story.check_starts_that_are_cut();
                }
                rounds_after += 1;
                story.check(&story.disk.after_power_cut(0));
                story.check(&story.disk.after_power_cut(nth * ROUNDS + round));
            }
            if rounds_after == 24 {
                break;
            }
        }
        if !is_over(&story) {
            assert!(nth > 40, "a story with few names");
            break;
        }
        restarts += story.starts - 1;
        drop(story.running.take());
        let killed = story.disk.after_kill();
        story.check(&killed);
        story.check(&killed.after_power_cut(0));
    }
    assert!(restarts > 20, "most failures end the engine");
}

/// The same over random work, with all threads at it.
#[test]
fn random_work_goes_on_after_a_failed_sync_of_a_folder() {
    let mut failures = 0;
    for seed in 0..cases(3) {
        for nth in 1.. {
            let disk = PowerCutDisk::new();
            disk.set_faults(folder_sync_fails_at(nth));
            let model = run(&disk, seed, 120);
            if disk.faults().folder_sync_fails_at.is_some() {
                break;
            }
            failures += 1;
            let random = 2 + seed * 1_000_003 + nth;
            let images = [0, 1, random].map(|image| (disk.after_power_cut(image), "power cut"));
            for (image, how) in images.into_iter().chain([(disk.after_kill(), "kill")]) {
                let context = format!("seed {seed}, folder sync {nth} failed, {how}");
                let engine = open(&image).unwrap_or_else(|error| panic!("{context}: {error}"));
                model.check(&engine);
                let found = model.dump(&engine);
                drop(engine);
                let again = image.after_power_cut(0);
                let engine = open(&again).unwrap_or_else(|error| panic!("{context}: {error}"));
                assert_eq!(model.dump(&engine), found, "{context}");
                model.check(&engine);
            }
        }
    }
    assert!(failures > 100, "{failures} failures");
}

/// The catalog's commands are trimmed for a snapshot that is durable: whoever saves it once more must not be told that it is
/// because it can be seen.
#[test]
fn a_snapshot_is_not_durable_because_it_is_there() {
    let disk = PowerCutDisk::new();
    let save = |engine: &LocalEngine, offset, text: &'static str| {
        let state = Bytes::from_static(text.as_bytes());
        block_on(engine.snapshots().unwrap().save(Snapshot { offset, state }))
    };
    let newest = |disk: &PowerCutDisk| {
        let engine = open(disk).unwrap();
        let snapshots = block_on(engine.snapshots().unwrap().load()).unwrap();
        snapshots.into_iter().next()
    };
    let engine = open(&disk).unwrap();
    create(&engine, 1, 1);
    // Nothing else syncs a folder now.
    crate::folder::wait_until("the segments", || {
        engine.stats().prepared_bytes == 2 * (16 << 10)
    });
    save(&engine, 3, "three").unwrap();
    disk.set_faults(folder_sync_fails_at(1));
    save(&engine, 5, "five").unwrap_err();
    // In the same process, and in the next one, by one that comes too late.
    let killed = disk.after_kill();
    for (offset, disk) in [(5, &disk), (4, &killed)] {
        let later = (offset == 4).then(|| open(disk).unwrap());
        save(later.as_ref().unwrap_or(&engine), offset, "other").unwrap();
        let found = newest(&disk.after_power_cut(0)).unwrap();
        assert_eq!((found.offset, &*found.state), (5, &b"five"[..]));
    }
}
