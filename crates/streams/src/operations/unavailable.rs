//! Failures that have nothing to do with what was asked.

use millstream_log::{EngineError, NotWritten};
use millstream_wire::{ApiError, ErrorCode};

use crate::command_log::ProposeError;
use millstream_catalog::Rejected;

/// The service cannot do this now.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Unavailable {
    /// It is stopping; nothing was done.
    #[error("The service is stopping.")]
    Stopping,
    /// As many reads as may wait for the disk at a time; this one did not get its turn.
    #[error("Too many reads are in flight. Try again.")]
    ReadsBusy,
    /// There is no room on its disk; nothing was written. Retry once the operator has made room.
    #[error("The server's disk has no room: nothing was written.")]
    NoRoom,
    /// It failed; a write may or may not have happened. The cause is in the server's log.
    #[error("Internal Service Failure.")]
    Failed,
}

impl From<Unavailable> for ApiError {
    fn from(error: Unavailable) -> Self {
        let code = match error {
            Unavailable::Stopping | Unavailable::ReadsBusy | Unavailable::NoRoom => {
                ErrorCode::ServiceUnavailable
            }
            Unavailable::Failed => ErrorCode::InternalFailure,
        };
        Self::new(code, error.to_string())
    }
}

impl From<EngineError> for Unavailable {
    fn from(error: EngineError) -> Self {
        tracing::error!(%error, "the log engine failed");
        Self::Failed
    }
}

impl Unavailable {
    /// The catalog's reason, if it was that.
    pub(super) fn unless_rejected(error: ProposeError) -> Result<Rejected, Self> {
        match error {
            ProposeError::Rejected(reason) => Ok(reason),
            ProposeError::Stopping => Err(Self::Stopping),
            ProposeError::NotWritten(NotWritten::NoRoom) => Err(Self::NoRoom),
            ProposeError::NotWritten(_)
            | ProposeError::OutcomeUnknown
            | ProposeError::Suspended
            | ProposeError::Overloaded => {
                tracing::warn!(%error, "a command was not applied");
                Err(Self::Failed)
            }
        }
    }

    /// A reason that cannot come from the command that was proposed.
    pub(super) fn unexpected(reason: Rejected) -> Self {
        tracing::error!(%reason, "the catalog rejected a command for no reason that the command can have");
        Self::Failed
    }
}
