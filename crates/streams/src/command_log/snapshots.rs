//! When the catalog is stored whole, and how.

use std::fmt;
use std::sync::Arc;

use futures::future::BoxFuture;
use millstream_catalog::Catalog;
use millstream_log::{EngineError, LogFuture, Snapshot, SnapshotStore};

use super::error::CommandLogError;
use crate::StreamSettings;
use crate::tasks::Computing;
use crate::view::View;

/// Stores the catalog now and then, one snapshot at a time.
pub(super) struct Snapshots {
    store: Arc<dyn SnapshotStore>,
    commands_per_snapshot: u64,
    computing: Computing,
    /// Offset of the newest snapshot.
    newest: Option<u64>,
    /// Offset up to which the last attempt went, good or not.
    attempted: u64,
    saving: Option<BoxFuture<'static, Option<u64>>>,
}

impl fmt::Debug for Snapshots {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Snapshots")
            .field("newest", &self.newest)
            .finish_non_exhaustive()
    }
}

impl Snapshots {
    /// `offsets` are those of the stored snapshots, newest first.
    pub(super) fn new(
        store: Arc<dyn SnapshotStore>,
        offsets: &[u64],
        settings: &StreamSettings,
    ) -> Self {
        let newest = offsets.first().copied();
        Self {
            store,
            commands_per_snapshot: settings.commands_per_snapshot.max(1),
            computing: settings.computing,
            newest,
            attempted: newest.unwrap_or(0),
            saving: None,
        }
    }

    /// What is stored, newest first; perhaps by others.
    pub(super) fn load(&self) -> LogFuture<Result<Vec<Snapshot>, EngineError>> {
        self.store.load()
    }

    /// Begins a snapshot of the commands below `next` if there are enough new ones.
    pub(super) fn begin_if_due(&mut self, view: &View, next: u64) {
        let new_commands = next.saturating_sub(self.attempted);
        if self.saving.is_some() || new_commands < self.commands_per_snapshot {
            return;
        }
        // A snapshot takes time in proportion to the shards: as many commands must pay for it.
        let shards = view.read(Catalog::shard_count);
        if new_commands >= shards {
            self.begin(view.read(Catalog::clone), next);
        }
    }

    fn begin(&mut self, catalog: Catalog, next: u64) {
        self.attempted = next;
        let (store, computing) = (Arc::clone(&self.store), self.computing);
        self.saving = Some(Box::pin(async move {
            let state = match computing.run(move || catalog.encode()).await {
                Ok(state) => state,
                Err(error) => {
                    tracing::error!(%error, "the catalog could not be encoded");
                    return None;
                }
            };
            let snapshot = Snapshot {
                offset: next,
                state,
            };
            match store.save(snapshot).await {
                Ok(()) => Some(next),
                Err(error) => {
                    tracing::error!(%error, "the catalog could not be stored; its commands are kept");
                    None
                }
            }
        }));
    }

    /// Waits for the snapshot that is being stored, for ever if there is none. Answers the offset below which commands
    /// are not needed any more, that is the offset of the snapshot before. Safe to drop.
    pub(super) async fn saved(&mut self) -> Option<u64> {
        let Some(saving) = &mut self.saving else {
            return std::future::pending().await;
        };
        let saved = saving.await;
        self.saving = None;
        let newest = saved?;
        self.newest.replace(newest)
    }

    /// Stores the commands below `next`, unless they are stored; answers as [`saved`](Self::saved).
    pub(super) async fn finish(&mut self, view: &View, next: u64) -> Option<u64> {
        let mut older = None;
        if self.saving.is_some() {
            older = self.saved().await;
        }
        if self.newest.is_some_and(|newest| newest >= next) || next == 0 {
            return older;
        }
        self.begin(view.read(Catalog::clone), next);
        self.saved().await.or(older)
    }
}

/// The catalog of the newest snapshot, which must reach up to `first` at least, and where to read on.
pub(super) fn newest_above(
    snapshots: Vec<Snapshot>,
    first: u64,
) -> Result<(Catalog, u64), CommandLogError> {
    let newest = snapshots.into_iter().next();
    let newest = newest.filter(|newest| newest.offset >= first);
    let Snapshot { offset, state } = newest.ok_or(CommandLogError::Missing(first))?;
    let catalog = Catalog::decode(&state);
    let catalog = catalog.map_err(|source| CommandLogError::Snapshot { offset, source })?;
    Ok((catalog, offset))
}
