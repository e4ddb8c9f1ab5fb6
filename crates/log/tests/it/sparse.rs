//! An engine with gaps in its offsets and without CLOSE in place keeps the contract.

use std::sync::Arc;

use millstream_log::contract::{SparseEngine, Subject};
use millstream_log::{
    LogEngine, MemoryEngine, MemorySettings, log_engine_contract, log_engine_reopen_contract,
};
use millstream_types::WallClock;

async fn open(clock: Arc<dyn WallClock>) -> Subject {
    let memory = MemoryEngine::new(MemorySettings::default(), clock);
    let memory = Arc::new(memory);
    let engine = Arc::new(SparseEngine::new(Arc::clone(&memory) as Arc<dyn LogEngine>));
    let first = Arc::clone(&engine);
    Subject::new(engine)
        .with_paused_time()
        .with_reopen(move || {
            let reopened = first.reopened(Arc::new(memory.reopen()));
            std::future::ready(Arc::new(reopened) as Arc<dyn LogEngine>)
        })
}

log_engine_contract!(sparse, open);
log_engine_reopen_contract!(sparse_reopened, open);
