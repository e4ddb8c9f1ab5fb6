//! DeleteStream.

use millstream_types::AccountId;
use millstream_wire::shapes::{DeleteStreamRequest, StreamStatus};
use millstream_wire::{ApiError, ErrorCode};

use super::find_stream::FindStreamError;
use super::not_found::StreamNotFound;
use super::unavailable::Unavailable;
use crate::catalog::{Command, Rejected};
use crate::{Caller, StreamService};

/// How DeleteStream fails.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DeleteStreamError {
    /// The request names no stream that there is.
    #[error(transparent)]
    Find(#[from] FindStreamError),
    /// It is being deleted already.
    #[error(transparent)]
    NotActive(#[from] StreamNotActive),
    /// See [`Unavailable`].
    #[error(transparent)]
    Unavailable(#[from] Unavailable),
}

/// The stream's state does not admit the operation.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("Stream {name} under account {account} not ACTIVE, instead in state {}", status_name(*status))]
pub struct StreamNotActive {
    /// The stream.
    pub name: String,
    /// Its account.
    pub account: AccountId,
    /// Its state.
    pub status: StreamStatus,
}

fn status_name(status: StreamStatus) -> &'static str {
    match status {
        StreamStatus::Creating => "CREATING",
        StreamStatus::Deleting => "DELETING",
        StreamStatus::Active => "ACTIVE",
        StreamStatus::Updating => "UPDATING",
    }
}

impl From<DeleteStreamError> for ApiError {
    fn from(error: DeleteStreamError) -> Self {
        match error {
            DeleteStreamError::Find(error) => error.into(),
            DeleteStreamError::NotActive(_) => {
                Self::new(ErrorCode::ResourceInUse, error.to_string())
            }
            DeleteStreamError::Unavailable(error) => error.into(),
        }
    }
}

impl StreamService {
    /// Deletes a stream with everything in it, in whatever state it is. It is gone when this returns, unless a
    /// transition time is set, or deleting its logs takes more than ten seconds or fails (it is tried again until it
    /// succeeds): then it is DELETING.
    ///
    /// If the future is dropped, the stream may still be deleted.
    ///
    /// # Errors
    /// See [`DeleteStreamError`].
    pub async fn delete_stream(
        &self,
        caller: &Caller,
        request: DeleteStreamRequest,
    ) -> Result<(), DeleteStreamError> {
        let _call = self.enter()?;
        let name = request.stream_name.as_ref().map(|name| name.as_str());
        let stream = self.find_stream(caller, name, request.stream_arn.as_deref())?;
        let begin = Command::BeginDeleteStream { id: stream.id };
        let begun = self.inner.commands.propose(begin).await;
        begun.map_err(|error| match Unavailable::unless_rejected(error) {
            Ok(Rejected::NoSuchStream) => {
                FindStreamError::from(StreamNotFound::of(&stream.key)).into()
            }
            Ok(Rejected::NotActive(status)) => StreamNotActive {
                name: stream.key.name.to_string(),
                account: stream.key.account.clone(),
                status,
            }
            .into(),
            Ok(reason) => DeleteStreamError::from(Unavailable::unexpected(reason)),
            Err(unavailable) => unavailable.into(),
        })?;
        self.settled(stream.id).await;
        Ok(())
    }
}
