//! Snapshots that are sealed where they are stored.

use std::sync::Arc;

use millstream_log::{EngineError, LogFuture, Snapshot, SnapshotStore};

use crate::data_key::NotOpened;
use crate::key_ring::KeyRing;
use crate::sealed_bytes::{open_own, seal_own};

/// A store of snapshots behind a key ring. What was stored before there was one is read as it is.
#[derive(Debug)]
pub struct SealedSnapshots {
    store: Arc<dyn SnapshotStore>,
    keys: Arc<KeyRing>,
}

impl SealedSnapshots {
    /// In front of another store.
    pub fn new(store: Arc<dyn SnapshotStore>, keys: Arc<KeyRing>) -> Self {
        Self { store, keys }
    }
}

/// What a snapshot is sealed for: not its offset, which a repair may raise.
const ABOUT: &[u8] = b"snapshot";

/// A snapshot as it was before it was sealed.
///
/// # Errors
/// If it is damaged, or its key is not in the ring.
pub fn open_snapshot(keys: &KeyRing, stored: Snapshot) -> Result<Snapshot, NotOpened> {
    Ok(Snapshot {
        state: open_own(keys, stored.state, ABOUT)?,
        offset: stored.offset,
    })
}

/// A snapshot as it is stored.
pub fn seal_snapshot(keys: &Arc<KeyRing>, snapshot: Snapshot) -> Snapshot {
    Snapshot {
        state: seal_own(keys, &snapshot.state, ABOUT),
        offset: snapshot.offset,
    }
}

impl SnapshotStore for SealedSnapshots {
    fn save(&self, snapshot: Snapshot) -> LogFuture<Result<(), EngineError>> {
        self.store.save(seal_snapshot(&self.keys, snapshot))
    }

    fn load(&self) -> LogFuture<Result<Vec<Snapshot>, EngineError>> {
        let (loaded, keys) = (self.store.load(), Arc::clone(&self.keys));
        Box::pin(async move {
            let opened = loaded.await?.into_iter().map(|stored| {
                let offset = stored.offset;
                open_snapshot(&keys, stored).map_err(|error| {
                    EngineError::Damaged(format!("the snapshot of entry {offset}: {error}"))
                })
            });
            opened.collect()
        })
    }
}
