//! The contract that every engine keeps.

use std::sync::Arc;

use millstream_log::contract::Subject;
use millstream_log::{
    LogEngine, log_engine_contract, log_engine_failure_contract, log_engine_reopen_contract,
    log_engine_room_contract, snapshot_store_contract,
};
use millstream_log_local::disk::power_cut::{Faults, PowerCutDisk};
use millstream_log_local::{Durability, IdleBell, LocalEngine, LocalSettings, LocalSnapshots};
use millstream_types::{SystemClock, WallClock};
use tempfile::TempDir;

use crate::workload::small_settings;

fn settings(folder: &TempDir) -> LocalSettings {
    LocalSettings {
        segment_bytes: vec![64 << 10],
        reserve_bytes: 64 << 10,
        tail_cache_bytes: 2 << 10,
        free_space_floor_bytes: 0,
        ..LocalSettings::new(folder.path())
    }
}

async fn open(clock: Arc<dyn WallClock>) -> Subject {
    open_with(clock, || None, Durability::Fsync)
}

/// Nobody rings: every commit that waits for the bell waits for as long as it may.
async fn open_with_bell(clock: Arc<dyn WallClock>) -> Subject {
    open_with(clock, || Some(IdleBell::default()), Durability::Fsync)
}

async fn open_in_os_mode(clock: Arc<dyn WallClock>) -> Subject {
    open_with(clock, || None, Durability::Os)
}

fn open_with(
    clock: Arc<dyn WallClock>,
    bell: fn() -> Option<IdleBell>,
    durability: Durability,
) -> Subject {
    let folder = Arc::new(tempfile::tempdir().unwrap());
    let open = move || -> Arc<dyn LogEngine> {
        let settings = LocalSettings {
            durability,
            idle_bell: bell(),
            ..settings(&folder)
        };
        Arc::new(LocalEngine::open(settings, Arc::clone(&clock)).unwrap())
    };
    Subject::new(open()).with_reopen(move || std::future::ready(open()))
}

fn open_on(disk: &PowerCutDisk, faults: Faults, clock: Arc<dyn WallClock>) -> LocalEngine {
    disk.set_faults(faults);
    LocalEngine::open_on(Arc::new(disk.clone()), small_settings(), clock).unwrap()
}

async fn open_with_little_room(clock: Arc<dyn WallClock>) -> Subject {
    let faults = Faults {
        capacity_bytes: Some(300 << 10),
        ..Faults::default()
    };
    Subject::new(Arc::new(open_on(&PowerCutDisk::new(), faults, clock)))
}

async fn open_to_fail(clock: Arc<dyn WallClock>) -> Subject {
    let disk = PowerCutDisk::new();
    let engine = open_on(&disk, Faults::default(), clock);
    Subject::new(Arc::new(engine)).with_failing_writes(move || {
        disk.set_faults(Faults {
            next_sync_fails_on: Some("log-commit"),
            ..Faults::default()
        });
    })
}

/// Snapshots, and the folder that they are in.
#[derive(Debug)]
struct Snapshots {
    snapshots: LocalSnapshots,
    _folder: TempDir,
}

impl millstream_log::SnapshotStore for Snapshots {
    fn save(
        &self,
        snapshot: millstream_log::Snapshot,
    ) -> millstream_log::LogFuture<Result<(), millstream_log::EngineError>> {
        self.snapshots.save(snapshot)
    }

    fn load(
        &self,
    ) -> millstream_log::LogFuture<Result<Vec<millstream_log::Snapshot>, millstream_log::EngineError>>
    {
        self.snapshots.load()
    }
}

async fn open_snapshots() -> Snapshots {
    let folder = tempfile::tempdir().unwrap();
    let engine = LocalEngine::open(settings(&folder), Arc::new(SystemClock)).unwrap();
    let snapshots = engine.snapshots().expect("the engine runs");
    engine.stop().await.unwrap();
    Snapshots {
        snapshots,
        _folder: folder,
    }
}

log_engine_contract!(local, open);
log_engine_contract!(local_with_bell, open_with_bell);
log_engine_contract!(local_os, open_in_os_mode);
log_engine_room_contract!(local_with_little_room, open_with_little_room);
log_engine_failure_contract!(local_to_fail, open_to_fail);
log_engine_reopen_contract!(local_reopened, open);
log_engine_reopen_contract!(local_os_reopened, open_in_os_mode);
snapshot_store_contract!(local_snapshots, open_snapshots);
