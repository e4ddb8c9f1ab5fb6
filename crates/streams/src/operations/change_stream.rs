//! What the operations that change an existing stream have in common: how they fail, and how they propose.

use std::sync::Arc;

use millstream_types::AccountId;
use millstream_wire::shapes::StreamStatus;
use millstream_wire::{ApiError, ErrorCode, Operation};

use super::create_stream::ShardLimitExceeded;
use super::find_stream::FindStreamError;
use super::not_found::StreamNotFound;
use super::unavailable::Unavailable;
use super::unverified_texts as texts;
use crate::{Caller, StreamService};
use millstream_catalog::{Applied, Command, Rejected, Stream};

/// How a change of a stream fails, whatever the change is. An operation that fails in no other way has this as its
/// error; the others wrap it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ChangeStreamError {
    /// The request names no stream that there is.
    #[error(transparent)]
    Find(#[from] FindStreamError),
    /// The stream is in a state that does not admit the change. Try again when it is ACTIVE.
    #[error(transparent)]
    NotActive(#[from] StreamNotActive),
    /// The change is for provisioned streams only.
    #[error(transparent)]
    OnDemand(#[from] StreamOnDemand),
    /// More shards than there may be.
    #[error(transparent)]
    TooManyShards(#[from] ShardLimitExceeded),
    /// The change was made as often as it may be within 24 hours.
    #[error(transparent)]
    TooOften(#[from] ChangedTooOften),
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

/// The operation is for provisioned streams only.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}", texts::on_demand(.name, .account))]
pub struct StreamOnDemand {
    /// The stream.
    pub name: String,
    /// Its account.
    pub account: AccountId,
}

/// The change was made as often as it may be within 24 hours.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}", texts::changed_too_often(.name, .account))]
pub struct ChangedTooOften {
    /// The stream.
    pub name: String,
    /// Its account.
    pub account: AccountId,
}

fn status_name(status: StreamStatus) -> &'static str {
    match status {
        StreamStatus::Creating => "CREATING",
        StreamStatus::Deleting => "DELETING",
        StreamStatus::Active => "ACTIVE",
        StreamStatus::Updating => "UPDATING",
    }
}

impl From<ChangeStreamError> for ApiError {
    fn from(error: ChangeStreamError) -> Self {
        let text = error.to_string();
        match error {
            ChangeStreamError::Find(error) => error.into(),
            ChangeStreamError::NotActive(_) => Self::new(ErrorCode::ResourceInUse, text),
            ChangeStreamError::OnDemand(_) => Self::new(ErrorCode::Validation, text),
            ChangeStreamError::TooManyShards(_) | ChangeStreamError::TooOften(_) => {
                Self::new(ErrorCode::LimitExceeded, text)
            }
            ChangeStreamError::Unavailable(error) => error.into(),
        }
    }
}

impl ChangeStreamError {
    /// What a rejection means that any change can meet; `None` if this one is the operation's own matter.
    fn of(reason: Rejected, stream: &Stream) -> Option<Self> {
        let account = stream.key.account.clone();
        let name = stream.key.name.to_string();
        Some(match reason {
            Rejected::NoSuchStream => FindStreamError::from(StreamNotFound::of(&stream.key)).into(),
            Rejected::NotActive(status) => StreamNotActive {
                name,
                account,
                status,
            }
            .into(),
            Rejected::TooOften => ChangedTooOften { name, account }.into(),
            Rejected::OnDemand => StreamOnDemand { name, account }.into(),
            Rejected::TooManyShards {
                current,
                limit,
                additional,
            } => ShardLimitExceeded {
                account,
                region: stream.key.region.clone(),
                current,
                limit,
                additional,
            }
            .into(),
            _ => return None,
        })
    }
}

impl StreamService {
    /// The stream that a request names, for an operation that is about to change it.
    pub(super) fn stream_to_change(
        &self,
        caller: &Caller,
        operation: Operation,
        name: Option<&str>,
        arn: Option<&str>,
    ) -> Result<Arc<Stream>, ChangeStreamError> {
        Ok(self.find_stream(caller, operation, name, arn)?)
    }

    /// Proposes a change of a stream and waits until it is durable and applied.
    ///
    /// `own` says what a rejection means that only this operation can meet; one that is nobody's matter is logged and
    /// becomes [`Unavailable::Failed`]. If the future is dropped, the change may still be applied.
    pub(super) async fn change_stream<E: From<ChangeStreamError>>(
        &self,
        stream: &Stream,
        command: impl Into<Command>,
        own: impl FnOnce(Rejected) -> Option<E>,
    ) -> Result<Applied, E> {
        let proposed = self.inner.commands.propose(command).await;
        proposed.map_err(|error| {
            let reason = match Unavailable::unless_rejected(error) {
                Ok(reason) => reason,
                Err(unavailable) => return ChangeStreamError::from(unavailable).into(),
            };
            let shared = ChangeStreamError::of(reason, stream).map(E::from);
            let unexpected = || ChangeStreamError::from(Unavailable::unexpected(reason)).into();
            shared.or_else(|| own(reason)).unwrap_or_else(unexpected)
        })
    }
}
