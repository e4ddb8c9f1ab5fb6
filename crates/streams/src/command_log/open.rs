//! Opening: the newest snapshot, and every command after it.

use std::sync::Arc;
use std::time::Duration;

use millstream_log::{
    AppendError, EngineError, GroupId, LogEngine, LogId, LogSpec, Place, ReadFrom, ReadOutcome,
    SnapshotStore,
};
use millstream_types::WallClock;

use super::CommandLog;
use super::owner::{Owner, OwnerParts};
use crate::StreamSettings;
use crate::life_cycle::Changing;
use crate::view::View;
use millstream_catalog::{Catalog, CommandEntry, InvalidCommand, InvalidSnapshot};

/// Commands are read in pieces of about this many bytes.
const READ_BYTES: usize = 1024 * 1024;

/// Why the command log cannot be read, or not to its end.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CommandLogError {
    /// The engine failed.
    #[error("the command log cannot be used")]
    Engine(#[from] EngineError),
    /// An append failed.
    #[error("the command log cannot be written: {0}")]
    Append(AppendError),
    /// Stored bytes are damaged.
    #[error("the command log cannot be read: {0}")]
    Unreadable(String),
    /// An entry that must be there is not.
    #[error("the command log lacks entry {0}")]
    Missing(u64),
    /// An entry of a newer version, or damaged.
    #[error("entry {offset} of the command log")]
    Command {
        /// Its offset.
        offset: u64,
        /// What is wrong with it.
        #[source]
        source: InvalidCommand,
    },
    /// A snapshot of a newer version.
    #[error("the snapshot at entry {offset} of the command log")]
    Snapshot {
        /// Its offset.
        offset: u64,
        /// What is wrong with it.
        #[source]
        source: InvalidSnapshot,
    },
}

/// Reads the catalog; the owner is to be run.
pub(crate) async fn open(
    engine: Arc<dyn LogEngine>,
    store: Arc<dyn SnapshotStore>,
    clock: Arc<dyn WallClock>,
    changing: Arc<Changing>,
    settings: &StreamSettings,
) -> Result<(Arc<View>, Owner, CommandLog), CommandLogError> {
    let place = engine
        .create(GroupId::COMMANDS, LogId(0), LogSpec::default())
        .await?;
    let snapshots = match store.load().await {
        Err(EngineError::Damaged(reason)) if engine.bounds(place).await?.first == 0 => {
            tracing::warn!(
                reason,
                "no snapshot of the catalog is whole; every command is in the log: it is read from its start"
            );
            Vec::new()
        }
        loaded => loaded?,
    };
    let snapshot_offsets = snapshots.iter().map(|snapshot| snapshot.offset).collect();
    let (mut catalog, mut next) = match snapshots.into_iter().next() {
        None => (Catalog::default(), 0),
        Some(snapshot) => {
            let offset = snapshot.offset;
            let catalog = Catalog::decode(&snapshot.state)
                .map_err(|source| CommandLogError::Snapshot { offset, source })?;
            (catalog, offset)
        }
    };
    let end = engine.barrier(place).await?;
    if end < next {
        return Err(CommandLogError::Missing(end));
    }
    loop {
        let entries = read_commands(&*engine, place, next).await?;
        if entries.is_empty() {
            break;
        }
        for (offset, entry) in entries {
            if let Err(reason) = catalog.apply(&entry) {
                tracing::debug!(%reason, ?entry, "a command in the log has no effect");
            }
            next = offset + 1;
        }
    }
    for stream in catalog.streams() {
        changing.add_interrupted(stream);
    }
    let view = Arc::new(View::new(catalog));
    let (owner, commands) = Owner::new(OwnerParts {
        engine,
        clock,
        view: Arc::clone(&view),
        changing,
        place,
        next,
        store,
        snapshot_offsets,
        commands_per_snapshot: settings.commands_per_snapshot,
    });
    Ok((view, owner, commands))
}

/// Some commands at or above `from`, each with its own offset; none if no entry is there.
pub(super) async fn read_commands(
    engine: &dyn LogEngine,
    place: Place,
    from: u64,
) -> Result<Vec<(u64, CommandEntry)>, CommandLogError> {
    let read = ReadFrom {
        place,
        from,
        bytes_max: READ_BYTES,
    };
    let outcome = engine.read_many(vec![read], Duration::ZERO).await.pop();
    let entries = match outcome.unwrap_or(ReadOutcome::NoSuchLog) {
        ReadOutcome::Entries { entries, .. } => entries,
        ReadOutcome::OutOfRange(_) => return Err(CommandLogError::Missing(from)),
        ReadOutcome::NoSuchLog => return Err(EngineError::NoSuchLog.into()),
        ReadOutcome::Unreadable { reason, .. } => return Err(CommandLogError::Unreadable(reason)),
    };
    entries
        .iter()
        .map(|entry| {
            let offset = entry.offset;
            CommandEntry::decode(&entry.payload)
                .map(|command| (offset, command))
                .map_err(|source| CommandLogError::Command { offset, source })
        })
        .collect()
}
