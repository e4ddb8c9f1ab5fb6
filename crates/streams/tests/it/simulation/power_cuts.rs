//! The same clients over the embedded engine, on a disk that loses power, fails and fills up, with the keys of a server
//! that encrypts: after every start everything that was acknowledged is there, under its number, once and in order, and
//! what nobody learned is there whole or not at all, for good.
//!
//! The engine does what its threads would do when it is told to, one after the other, and twice in a simulated second what
//! they do by themselves: how quick a machine is does not change the story. A crash meets a certain operation of a certain
//! thread. The keys' own file is on a disk that does not crash.

use std::sync::Arc;
use std::time::Duration;

use futures::FutureExt;
use futures::executor::block_on;
use millstream_log::{EngineError, EngineStatus, LogEngine, LogFuture, Snapshot, SnapshotStore};
use millstream_log_local::disk::power_cut::{Faults, PowerCutDisk};
use millstream_log_local::{LocalEngine, LocalSettings, LocalSnapshots, Realtime, Stepper};
use millstream_sealing::{KeyRing, MasterKey, SealedLogs, SealedSnapshots};
use millstream_streams::{CallHooks, Computing, StreamService, StreamSettings};
use parking_lot::Mutex;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use tokio::time::sleep;
use tokio_util::task::AbortOnDropHandle;

use super::clients::{Run, STREAM};
use super::history::History;
use super::settings::RETENTION_HOURS_MAX;
use super::unsteady_engine::UnsteadyEngine;
use super::{TWICE, assert_same_story, compare, for_each_seed, live, settle, simulate, told};
use crate::world::*;

const SEEDS: u64 = 40;
const HOUR_MS: u64 = 3_600_000;
const COMMITTING: &str = "log-commit";
/// Threads whose operations on the disk a power cut meets; the first one mostly.
const THREADS: [&str; 4] = [COMMITTING, "log-snapshot", "log-prepare", "log-housekeep"];

#[test]
fn clients_agree_with_the_stream_whatever_the_disk_does() {
    let stored = for_each_seed(SEEDS, |seed| simulate(run(seed)).stored_count());
    assert!(stored > 50, "the clients get on");
}

#[test]
fn the_same_seed_tells_the_same_story() {
    let stored = for_each_seed(TWICE, |seed| {
        assert_same_story(simulate(run(seed)), simulate(run(seed)))
    });
    assert!(stored > 50, "the clients get on");
}

/// One seed.
async fn run(seed: u64) -> History {
    let mut dice = StdRng::seed_from_u64(seed);
    let settings = StreamSettings {
        commands_per_snapshot: dice.random_range(1..20),
        transition: Duration::from_millis([0, 0, 30][dice.random_range(0..3)]),
        computing: Computing::InPlace,
        ..StreamSettings::default()
    };
    let mut world = World::seeded(settings, seed).await;
    let mut machine = Machine::default();
    let history = Arc::new(Mutex::new(History::default()));
    for life in 0..dice.random_range(2..=5) {
        machine.start_after_all(&mut world, &mut dice).await;
        if life == 0 {
            world.create(STREAM, dice.random_range(1..=3)).await;
        }
        world = machine.check(world, &history).await;
        if dice.random_bool(0.2) {
            world
                .clock
                .advance_ms(u64::from(RETENTION_HOURS_MAX) * HOUR_MS + 1);
            history.lock().expire();
        }
        let events = machine.trouble(dice.random());
        world = live(world, &history, &mut dice, events).await;
        machine.end(&mut dice);
    }
    machine.start_after_all(&mut world, &mut dice).await;
    drop(machine.check(world, &history).await);
    told(history)
}

/// A disk, and what runs on it now.
struct Machine {
    disk: PowerCutDisk,
    keys: tempfile::TempDir,
    running: Option<Running>,
}

struct Running {
    engine: Arc<LocalEngine>,
    calls: Arc<UnsteadyEngine>,
    keys: Arc<KeyRing>,
    /// Whoever ends what runs ends its looks too.
    _looks: AbortOnDropHandle<()>,
}

impl Default for Machine {
    fn default() -> Self {
        Self {
            disk: PowerCutDisk::new(),
            keys: tempfile::tempdir().unwrap(),
            running: None,
        }
    }
}

/// A cut at one of the next operations of a thread.
fn power_cut(dice: &mut StdRng) -> Faults {
    let thread = THREADS[dice.random_range(0..12_usize).saturating_sub(8)];
    Faults {
        power_cut_on: Some((thread, dice.random_range(1..=12))),
        ..Faults::default()
    }
}

/// One of the next syncs of a folder fails: names are lost at the next power cut, or at none.
fn failed_folder_sync(dice: &mut StdRng) -> Faults {
    Faults {
        folder_sync_fails_at: Some(dice.random_range(1..=6)),
        ..Faults::default()
    }
}

impl Machine {
    /// Starts it, perhaps after starts that a power cut or a failed sync ends.
    async fn start_after_all(&mut self, world: &mut World, dice: &mut StdRng) {
        while dice.random_bool(0.3) {
            self.disk.set_faults(match dice.random_bool(0.2) {
                true => failed_folder_sync(dice),
                false => power_cut(dice),
            });
            let started = self.start(world, dice).await;
            if started.is_ok() {
                // What it takes up again meets the cut, if nothing before did.
                sleep(Duration::from_millis(dice.random_range(0..200))).await;
            }
            self.end(dice);
        }
        let started = self.start(world, dice).await;
        started.expect("it starts on whatever a crash leaves");
    }

    async fn start(
        &mut self,
        world: &mut World,
        dice: &mut StdRng,
    ) -> Result<(), Box<dyn std::error::Error>> {
        let disk = Arc::new(self.disk.clone());
        let settings = settings(dice.random());
        let (engine, stepper) = LocalEngine::open_stepped(disk, settings, world.clock.clone())?;
        let (engine, stepper) = (Arc::new(engine), Arc::new(Mutex::new(stepper)));
        stepper.lock().work();
        let looks = AbortOnDropHandle::new(tokio::spawn(look(stepper.clone())));
        let work = Arc::new(move || stepper.lock().work());
        let master = MasterKey::from_base64("AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE=")?;
        let folder = self.keys.path().to_owned();
        let keys = Arc::new(KeyRing::open(Some(folder), master, None)?);
        let calls = UnsteadyEngine::new(engine.clone(), work, dice.random());
        // The disk is trouble enough.
        calls.calm_down();
        let snapshots = engine.snapshots().ok_or("the engine has stopped")?;
        self.running = Some(Running {
            engine,
            calls: calls.clone(),
            keys: keys.clone(),
            _looks: looks,
        });
        let hooks = CallHooks {
            keys: Some(keys.clone()),
            randomness: Some(world.randomness.clone()),
            ..CallHooks::default()
        };
        let snapshots = SealedSnapshots::new(Arc::new(AtOnce(snapshots)), keys.clone());
        let opened = StreamService::open_with(
            Arc::new(SealedLogs::new(calls, keys)),
            Arc::new(snapshots),
            world.clock.clone(),
            world.settings.clone(),
            hooks,
        );
        world.services = Services::one(opened.await?);
        Ok(())
    }

    /// Once nothing is in between any more, what there is agrees with the history.
    async fn check(&self, world: World, history: &Arc<Mutex<History>>) -> World {
        settle(&world).await;
        let run = Run {
            world: Arc::new(world),
            history: history.clone(),
        };
        compare(&run).await;
        Arc::into_inner(run.world).expect("nobody else has it")
    }

    /// What happens to the disk while clients are at work; it ends soon after the engine has failed.
    fn trouble(&self, seed: u64) -> impl Future<Output = ()> + use<> {
        let mut dice = StdRng::seed_from_u64(seed);
        let disk = self.disk.clone();
        let engine = self.running.as_ref().map(|running| running.engine.clone());
        let engine = engine.expect("it runs");
        async move {
            sleep(Duration::from_millis(dice.random_range(0..600))).await;
            match dice.random_range(0..20) {
                0..11 => disk.set_faults(power_cut(&mut dice)),
                11..13 => disk.set_faults(Faults {
                    next_sync_fails_on: Some(COMMITTING),
                    ..Faults::default()
                }),
                13..15 => disk.set_faults(Faults {
                    next_write_fails_on: Some(COMMITTING),
                    ..Faults::default()
                }),
                15 => fill_and_free(&disk, &engine, &mut dice).await,
                16..18 => disk.set_faults(failed_folder_sync(&mut dice)),
                // Killed in good health.
                _ => {}
            }
            while !matches!(*engine.status().borrow(), EngineStatus::Failed(_)) {
                sleep(Duration::from_millis(10)).await;
            }
            // Clients see a server that takes no more writes.
            sleep(Duration::from_millis(dice.random_range(0..100))).await;
        }
    }

    /// Ends what runs, by a kill or a power cut; the disk is what that leaves.
    fn end(&mut self, dice: &mut StdRng) {
        if let Some(running) = self.running.take() {
            running.calls.kill();
            running.keys.close();
        }
        self.disk = match dice.random_bool(0.3) {
            // Nothing is lost, and nothing gets durable by it.
            true => self.disk.after_kill(),
            false => self.disk.after_power_cut(dice.random_range(0..20)),
        };
    }
}

/// The disk has no room for a while; the engine has noticed before anything else happens.
async fn fill_and_free(disk: &PowerCutDisk, engine: &LocalEngine, dice: &mut StdRng) {
    for (capacity_bytes, wanted) in [
        (Some(0), EngineStatus::NoRoom),
        (None, EngineStatus::Serving),
    ] {
        disk.set_faults(Faults {
            capacity_bytes,
            ..Faults::default()
        });
        let status = engine.status();
        let is_so =
            |status: &EngineStatus| *status == wanted || matches!(status, EngineStatus::Failed(_));
        while !is_so(&status.borrow()) {
            sleep(Duration::from_millis(10)).await;
        }
        sleep(Duration::from_millis(dice.random_range(0..300))).await;
    }
}

/// What the engine does by itself, as often as its threads do.
async fn look(stepper: Arc<Mutex<Stepper>>) {
    loop {
        sleep(Duration::from_millis(500)).await;
        stepper.lock().look();
    }
}

fn settings(hurries: bool) -> LocalSettings {
    LocalSettings {
        segment_bytes: vec![16 << 10, 32 << 10],
        reserve_bytes: 16 << 10,
        tail_cache_bytes: 4 << 10,
        footer_cache_bytes: 2 << 10,
        open_files_max: 2,
        free_space_floor_bytes: 1 << 10,
        compaction_bytes_per_s: 1 << 40,
        reclaim_interval: Duration::ZERO,
        hurry: if hurries {
            Duration::MAX
        } else {
            Duration::ZERO
        },
        read_threads: 1,
        realtime: Realtime::Off,
        ..LocalSettings::new("unused")
    }
}

/// Waits for the thread of the snapshots in the thread of the simulation.
#[derive(Debug)]
struct AtOnce(LocalSnapshots);

impl SnapshotStore for AtOnce {
    fn save(&self, snapshot: Snapshot) -> LogFuture<Result<(), EngineError>> {
        std::future::ready(block_on(self.0.save(snapshot))).boxed()
    }

    fn load(&self) -> LogFuture<Result<Vec<Snapshot>, EngineError>> {
        std::future::ready(block_on(self.0.load())).boxed()
    }
}
