//! What the operations on resource policies are about: a stream, or a consumer.

use std::sync::Arc;

use millstream_wire::Operation;

use super::change_stream::ChangeStreamError;
use super::find_consumer::{ConsumerNotFound, FindConsumerError, FoundConsumer, NamedConsumer};
use super::subscribe_to_shard::ConsumerNotActive;
use crate::catalog::{Command, Rejected, ResourcePolicy, Stream};
use crate::{Caller, StreamService};

/// What a policy is attached to.
#[derive(Debug)]
pub(super) enum PolicyOwner {
    Stream(Arc<Stream>),
    Consumer(FoundConsumer),
}

impl PolicyOwner {
    /// Its policy, if it has one.
    pub(super) fn policy(&self) -> Option<&ResourcePolicy> {
        match self {
            Self::Stream(stream) => stream.policy.as_ref(),
            Self::Consumer(found) => found.consumer.policy.as_ref(),
        }
    }

    /// The stream that it is, or is of.
    pub(super) fn stream(&self) -> &Stream {
        match self {
            Self::Stream(stream) => stream,
            Self::Consumer(found) => &found.stream,
        }
    }

    /// The command that attaches a policy to it.
    pub(super) fn put(&self, policy: ResourcePolicy) -> Command {
        match self {
            Self::Stream(stream) => Command::PutResourcePolicy {
                id: stream.id,
                policy,
            },
            Self::Consumer(found) => Command::PutConsumerPolicy {
                id: found.stream.id,
                consumer: found.consumer.key.clone(),
                policy,
            },
        }
    }

    /// The command that takes its policy away.
    pub(super) fn delete(&self) -> Command {
        match self {
            Self::Stream(stream) => Command::DeleteResourcePolicy { id: stream.id },
            Self::Consumer(found) => Command::DeleteConsumerPolicy {
                id: found.stream.id,
                consumer: found.consumer.key.clone(),
            },
        }
    }

    /// What a rejection means that only a consumer can meet.
    pub(super) fn rejected(&self, reason: Rejected) -> Option<ChangePolicyError> {
        match (self, reason) {
            (Self::Consumer(found), Rejected::NoSuchConsumer) => {
                let not_found = ConsumerNotFound {
                    consumer: found.arn().to_string(),
                    account: found.stream.key.account.clone(),
                };
                Some(FindConsumerError::from(not_found).into())
            }
            (Self::Consumer(found), Rejected::ConsumerNotActive) => {
                Some(ConsumerNotActive::of(found).into())
            }
            _ => None,
        }
    }
}

/// How a change of a resource policy fails, whatever the change is.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ChangePolicyError {
    /// The request names no stream or consumer that there is.
    #[error(transparent)]
    Find(#[from] FindConsumerError),
    /// The consumer is being created or deleted.
    #[error(transparent)]
    ConsumerNotActive(#[from] ConsumerNotActive),
    /// As any change of a stream.
    #[error(transparent)]
    Change(#[from] ChangeStreamError),
}

impl From<ChangePolicyError> for millstream_wire::ApiError {
    fn from(error: ChangePolicyError) -> Self {
        match error {
            ChangePolicyError::Find(error) => error.into(),
            ChangePolicyError::ConsumerNotActive(error) => {
                Self::new(millstream_wire::ErrorCode::ResourceInUse, error.to_string())
            }
            ChangePolicyError::Change(error) => error.into(),
        }
    }
}

impl StreamService {
    /// The stream or consumer whose policy a request is about; allowed or denied where it is looked up.
    pub(super) fn find_policy_owner(
        &self,
        caller: &Caller,
        operation: Operation,
        arn: &str,
    ) -> Result<PolicyOwner, FindConsumerError> {
        if arn.contains("/consumer/") {
            let named = NamedConsumer {
                consumer_arn: Some(arn),
                stream_arn: None,
                name: None,
            };
            let found = self.find_consumer(caller, operation, named)?;
            return Ok(PolicyOwner::Consumer(found));
        }
        let stream = self.find_stream(caller, operation, None, Some(arn))?;
        Ok(PolicyOwner::Stream(stream))
    }
}
