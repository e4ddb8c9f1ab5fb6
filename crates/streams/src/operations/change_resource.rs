//! How a change of a resource fails, be it a stream or a consumer.

use millstream_wire::{ApiError, ErrorCode};

use super::change_stream::ChangeStreamError;
use super::find_consumer::{ConsumerNotFound, FindConsumerError};
use super::find_resource::{FindResourceError, FoundResource};
use super::subscribe_to_shard::ConsumerNotActive;
use millstream_catalog::Rejected;

/// How a change of a stream or consumer fails, whatever the change is.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ChangeResourceError {
    /// The request names nothing that there is.
    #[error(transparent)]
    Find(#[from] FindResourceError),
    /// The consumer is being created or deleted. Try again when it is ACTIVE.
    #[error(transparent)]
    ConsumerNotActive(#[from] ConsumerNotActive),
    /// As any change of a stream.
    #[error(transparent)]
    Change(#[from] ChangeStreamError),
}

impl From<ChangeResourceError> for ApiError {
    fn from(error: ChangeResourceError) -> Self {
        match error {
            ChangeResourceError::Find(error) => error.into(),
            ChangeResourceError::ConsumerNotActive(error) => {
                Self::new(ErrorCode::ResourceInUse, error.to_string())
            }
            ChangeResourceError::Change(error) => error.into(),
        }
    }
}

impl FoundResource {
    /// What a rejection means that only a consumer can meet.
    pub(super) fn rejected(&self, reason: Rejected) -> Option<ChangeResourceError> {
        match (self, reason) {
            (Self::Consumer(found), Rejected::NoSuchConsumer) => {
                let not_found = FindConsumerError::from(ConsumerNotFound {
                    consumer: found.arn().to_string(),
                    account: found.stream.key.account.clone(),
                });
                Some(FindResourceError::from(not_found).into())
            }
            (Self::Consumer(found), Rejected::ConsumerNotActive) => {
                Some(ConsumerNotActive::of(found).into())
            }
            _ => None,
        }
    }
}
