//! The way of every command: one task checks it, appends it, and applies it once it is durable.

mod open;
mod owner;
mod snapshots;

use std::time::Duration;

use millstream_log::NotWritten;
use tokio::sync::{mpsc, oneshot};
use tokio::time::Instant;

use millstream_catalog::{Applied, Command, Rejected};

pub(crate) use open::{CommandLogError, open};

/// Commands that wait for the owner at most.
const QUEUE_COMMANDS_MAX: usize = 1024;
/// How long a caller waits for a place in the queue and for the answer together.
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
    /// An earlier command's outcome is unknown; this one was not tried.
    #[error("the command log is being read again after a command whose outcome is unknown")]
    Suspended,
    /// Too many commands wait; this one was not tried.
    #[error("too many commands wait")]
    Overloaded,
    /// The service is stopping; this one was not tried.
    #[error("the service is stopping")]
    Stopping,
}

#[derive(Debug)]
struct Proposal {
    command: Command,
    answer: oneshot::Sender<Result<Applied, ProposeError>>,
}

/// Handle to the owner of the command log.
#[derive(Debug, Clone)]
pub(crate) struct CommandLog {
    proposals: mpsc::Sender<Proposal>,
}

impl CommandLog {
    /// Proposes a command and waits until it is durable and applied.
    ///
    /// If the future is dropped, the command may still be applied.
    pub(crate) async fn propose(
        &self,
        command: impl Into<Command>,
    ) -> Result<Applied, ProposeError> {
        let deadline = Instant::now() + PROPOSE_PATIENCE;
        let (answer, answered) = oneshot::channel();
        let place = tokio::time::timeout_at(deadline, self.proposals.reserve()).await;
        let place = place.map_err(|_| ProposeError::Overloaded)?;
        let place = place.map_err(|_| ProposeError::Stopping)?;
        place.send(Proposal {
            command: command.into(),
            answer,
        });
        match tokio::time::timeout_at(deadline, answered).await {
            Ok(Ok(result)) => result,
            // The owner is gone or slow: the command may have reached the log.
            Ok(Err(_)) | Err(_) => Err(ProposeError::OutcomeUnknown),
        }
    }
}
