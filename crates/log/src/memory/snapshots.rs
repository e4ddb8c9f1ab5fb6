//! Snapshots in memory.

use std::sync::Arc;

use futures::FutureExt;
use futures::future::ready;
use parking_lot::Mutex;

use crate::{EngineError, LogFuture, Snapshot, SnapshotStore};

/// How many snapshots are kept.
const SNAPSHOTS_KEPT: usize = 2;

/// A [`SnapshotStore`] in memory. Clones share what is stored, so that one may be kept over a restart played by
/// [`MemoryEngine::reopen`](crate::MemoryEngine::reopen).
#[derive(Debug, Clone, Default)]
pub struct MemorySnapshots {
    newest_first: Arc<Mutex<Vec<Snapshot>>>,
}

impl MemorySnapshots {
    /// A store without snapshots.
    pub fn new() -> Self {
        Self::default()
    }
}

impl SnapshotStore for MemorySnapshots {
    fn save(&self, snapshot: Snapshot) -> LogFuture<Result<(), EngineError>> {
        let mut kept = self.newest_first.lock();
        if kept
            .first()
            .is_none_or(|newest| newest.offset < snapshot.offset)
        {
            kept.insert(0, snapshot);
            kept.truncate(SNAPSHOTS_KEPT);
        }
        ready(Ok(())).boxed()
    }

    fn load(&self) -> LogFuture<Result<Vec<Snapshot>, EngineError>> {
        ready(Ok(self.newest_first.lock().clone())).boxed()
    }
}
