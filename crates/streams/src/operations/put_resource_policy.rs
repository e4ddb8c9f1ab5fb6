//! PutResourcePolicy.

use millstream_policy::InvalidPolicy;
use millstream_wire::shapes::PutResourcePolicyRequest;
use millstream_wire::{ApiError, ErrorCode, Operation};

use super::change_resource::ChangeResourceError;
use super::change_stream::ChangeStreamError;
use super::find_resource::FoundResource;
use super::unverified_texts as texts;
use crate::{Caller, StreamService};
use millstream_catalog::{Command, ConsumerCommand, ResourcePolicy, StreamCommand};

/// How PutResourcePolicy fails.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PutResourcePolicyError {
    /// The policy is not one that is understood here.
    #[error("{}", texts::invalid_policy(.0))]
    Policy(#[from] InvalidPolicy),
    /// As any change of a stream or consumer.
    #[error(transparent)]
    Change(#[from] ChangeResourceError),
}

impl From<PutResourcePolicyError> for ApiError {
    fn from(error: PutResourcePolicyError) -> Self {
        match error {
            PutResourcePolicyError::Policy(_) => {
                Self::new(ErrorCode::InvalidArgument, error.to_string())
            }
            PutResourcePolicyError::Change(error) => error.into(),
        }
    }
}

impl StreamService {
    /// Attaches a policy to a stream or consumer, in place of the one that it has. It is in force when this returns.
    ///
    /// If the future is dropped, it may still be attached.
    ///
    /// # Errors
    /// See [`PutResourcePolicyError`].
    pub async fn put_resource_policy(
        &self,
        caller: &Caller,
        request: PutResourcePolicyRequest,
    ) -> Result<(), PutResourcePolicyError> {
        let _call = self
            .enter()
            .map_err(|error| ChangeResourceError::from(ChangeStreamError::from(error)))?;
        let operation = Operation::PutResourcePolicy;
        let found = self.find_resource(caller, operation, &request.resource_arn);
        let found = found.map_err(ChangeResourceError::from)?;
        let policy = ResourcePolicy::parse(&request.policy)?;
        let own = |reason| found.rejected(reason);
        self.change_stream(found.stream(), put(&found, policy), own)
            .await?;
        Ok(())
    }
}

fn put(resource: &FoundResource, policy: ResourcePolicy) -> Command {
    match resource {
        FoundResource::Stream(stream) => StreamCommand::PutResourcePolicy {
            id: stream.id,
            policy,
        }
        .into(),
        FoundResource::Consumer(found) => ConsumerCommand::PutConsumerPolicy {
            id: found.stream.id,
            consumer: found.consumer.key.clone(),
            policy,
        }
        .into(),
    }
}
