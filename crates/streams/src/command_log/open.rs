//! Opening: the newest snapshot, and every command after it.

use std::sync::Arc;

use millstream_catalog::{Catalog, InvalidCommand, InvalidSnapshot};
use millstream_log::{EngineError, GroupId, LogEngine, LogId, LogSpec, Snapshot, SnapshotStore};
use millstream_types::{Randomness, WallClock};
use tokio::sync::Semaphore;

use super::follower::Follower;
use super::outcomes::Outcomes;
use super::snapshots::Snapshots;
use super::{COMMANDS_IN_FLIGHT_MAX, CommandLog};
use crate::StreamSettings;
use crate::changing::Changing;
use crate::view::View;

/// Why the command log cannot be read, or not to its end.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CommandLogError {
    /// The engine failed.
    #[error("the command log cannot be used")]
    Engine(#[from] EngineError),
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

impl CommandLogError {
    /// Whether reading again cannot help.
    pub(super) fn is_final(&self) -> bool {
        match self {
            Self::Engine(_) | Self::Unreadable(_) => false,
            Self::Missing(_) | Self::Command { .. } | Self::Snapshot { .. } => true,
        }
    }
}

/// Reads the catalog; the follower is to be run.
pub(crate) async fn open(
    engine: Arc<dyn LogEngine>,
    store: Arc<dyn SnapshotStore>,
    (clock, randomness): (Arc<dyn WallClock>, Arc<dyn Randomness>),
    changing: Arc<Changing>,
    settings: &StreamSettings,
) -> Result<(Arc<View>, Follower, CommandLog), CommandLogError> {
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
    let offsets: Vec<u64> = snapshots.iter().map(|snapshot| snapshot.offset).collect();
    let (catalog, next) = match snapshots.is_empty() {
        true => (Catalog::default(), 0),
        false => newest_above(snapshots, 0)?,
    };
    let end = engine.barrier(place).await?;
    if end < next {
        return Err(CommandLogError::Missing(end));
    }
    let view = Arc::new(View::new(catalog));
    let outcomes = Arc::new(Outcomes::new(next));
    let in_flight = Arc::new(Semaphore::new(COMMANDS_IN_FLIGHT_MAX));
    let commands = CommandLog {
        engine: Arc::clone(&engine),
        clock,
        randomness,
        view: Arc::clone(&view),
        place,
        in_flight: Arc::clone(&in_flight),
        outcomes: Arc::clone(&outcomes),
    };
    let mut follower = Follower {
        engine,
        view: Arc::clone(&view),
        changing: Arc::clone(&changing),
        place,
        next,
        outcomes,
        in_flight,
        snapshots: Snapshots::new(store, &offsets, settings.commands_per_snapshot),
    };
    follower.catch_up().await?;
    view.read(|catalog| {
        let streams = catalog.streams();
        streams.for_each(|stream| changing.add_interrupted(stream));
    });
    Ok((view, follower, commands))
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
