//! The way of every command: whoever proposes it appends it to the command log, and one task follows the log and applies
//! what is there, whoever wrote it. Nobody remembers what was written: an entry counts where it stands.

mod append;
mod error;
mod follower;
mod open;
mod outcomes;
mod snapshots;

use std::sync::Arc;
use std::time::Duration;

use millstream_catalog::{Applied, Command, CommandEntry, Rejected};
use millstream_log::{LogEngine, NotWritten, Place};
use millstream_types::{Randomness, WallClock};
use tokio::sync::Semaphore;
use tokio::time::Instant;

use crate::view::View;

pub(crate) use error::CommandLogError;
pub(crate) use open::open;

use append::Appending;
use outcomes::Outcomes;

/// Commands that are on their way at most.
const COMMANDS_IN_FLIGHT_MAX: usize = 256;
/// How long a caller waits for its place among them and for the outcome together.
const PROPOSE_PATIENCE: Duration = Duration::from_secs(30);

/// Why a command was not applied, or is not known to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum ProposeError {
    /// The catalog does not accept it.
    #[error(transparent)]
    Rejected(#[from] Rejected),
    /// The command log did not take it.
    #[error("the command was not written: {0}")]
    NotWritten(NotWritten),
    /// It may or may not be in the command log.
    #[error("whether the command was written is unknown")]
    OutcomeUnknown,
    /// Too many commands wait, or there are no random numbers for its id; this one was not tried.
    #[error("too many commands wait")]
    Overloaded,
    /// The service is stopping; this one was not tried.
    #[error("the service is stopping")]
    Stopping,
}

/// Proposes commands. Cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct CommandLog {
    engine: Arc<dyn LogEngine>,
    clock: Arc<dyn WallClock>,
    randomness: Arc<dyn Randomness>,
    view: Arc<View>,
    place: Place,
    in_flight: Arc<Semaphore>,
    outcomes: Arc<Outcomes>,
}

impl CommandLog {
    /// Proposes a command and waits until it is durable and applied here.
    ///
    /// What the catalog does not accept as it is known here is not written. What another node has changed meanwhile
    /// is seen when the command's turn comes in the log: then all nodes reject it.
    ///
    /// If the future is dropped, the command may still be applied.
    pub(crate) async fn propose(
        &self,
        command: impl Into<Command>,
    ) -> Result<Applied, ProposeError> {
        let deadline = Instant::now() + PROPOSE_PATIENCE;
        let place = tokio::time::timeout_at(deadline, self.in_flight.acquire()).await;
        let place = place.map_err(|_| ProposeError::Overloaded)?;
        let _place = place.map_err(|_| ProposeError::Stopping)?;
        let entry = CommandEntry::new(self.clock.now(), command);
        self.view.read(|catalog| catalog.decide(&entry).map(drop))?;
        // From here on outcomes are kept, so that this one's is there however quick the follower is.
        let watch = self.outcomes.watch();
        let appending = Appending::new(self.place, entry.encode(), &*self.randomness);
        let appending = appending.ok_or(ProposeError::Overloaded)?;
        let offset = appending.run(&*self.engine, &watch, deadline).await?;
        match watch.outcome(offset, deadline).await {
            Some(applied) => Ok(applied?),
            None => Err(ProposeError::OutcomeUnknown),
        }
    }

    /// Every command below is applied here.
    pub(crate) fn followed(&self) -> u64 {
        self.outcomes.next()
    }
}
