//! Opening: the newest snapshot, and every command after it.

use std::sync::Arc;

use millstream_catalog::Catalog;
use millstream_log::{EngineError, GroupId, LogEngine, LogId, LogSpec, SnapshotStore};
use millstream_types::{Randomness, WallClock};
use tokio::sync::Semaphore;

use super::follower::Follower;
use super::outcomes::Outcomes;
use super::snapshots::{Snapshots, newest_above};
use super::{COMMANDS_IN_FLIGHT_MAX, CommandLog, CommandLogError};
use crate::StreamSettings;
use crate::changing::Changing;
use crate::view::View;

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
        snapshots: Snapshots::new(store, &offsets, settings),
    };
    follower.catch_up().await?;
    view.read(|catalog| {
        let streams = catalog.streams();
        streams.for_each(|stream| changing.add_interrupted(stream));
    });
    Ok((view, follower, commands))
}
