//! The in-memory engine and snapshot store under the suites, and what is theirs alone.

use std::sync::Arc;

use millstream_log::contract::Subject;
use millstream_log::{
    MemoryEngine, MemorySettings, MemorySnapshots, log_engine_contract, log_engine_reopen_contract,
    log_engine_room_contract, snapshot_store_contract,
};
use millstream_types::WallClock;

async fn open(clock: Arc<dyn WallClock>) -> Subject {
    let engine = Arc::new(MemoryEngine::new(MemorySettings::default(), clock));
    let origin = Arc::clone(&engine);
    Subject::new(engine)
        .with_paused_time()
        .with_reopen(move || {
            let reopened = Arc::new(origin.reopen());
            async move { reopened as _ }
        })
}

/// As an engine with threads of its own is tested.
async fn open_in_real_time(clock: Arc<dyn WallClock>) -> Subject {
    Subject::new(Arc::new(MemoryEngine::new(
        MemorySettings::default(),
        clock,
    )))
}

async fn open_with_little_room(clock: Arc<dyn WallClock>) -> Subject {
    let settings = MemorySettings {
        bytes_max: 1 << 20,
        ..MemorySettings::default()
    };
    Subject::new(Arc::new(MemoryEngine::new(settings, clock))).with_paused_time()
}

async fn open_store() -> MemorySnapshots {
    MemorySnapshots::new()
}

log_engine_contract!(engine, open);
log_engine_contract!(engine_in_real_time, open_in_real_time);
log_engine_reopen_contract!(engine_reopened, open);
log_engine_room_contract!(engine_with_little_room, open_with_little_room);
snapshot_store_contract!(snapshot_store, open_store);
