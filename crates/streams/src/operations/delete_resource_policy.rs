//! DeleteResourcePolicy.

use millstream_wire::shapes::DeleteResourcePolicyRequest;
use millstream_wire::{ApiError, ErrorCode, Operation};

use super::change_resource::ChangeResourceError;
use super::change_stream::ChangeStreamError;
use super::find_resource::FoundResource;
use super::unverified_texts as texts;
use crate::{Caller, StreamService};
use millstream_catalog::{Command, ConsumerCommand, Rejected, StreamCommand};

/// How DeleteResourcePolicy fails.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DeleteResourcePolicyError {
    /// The stream or consumer has no policy.
    #[error("{}", texts::no_resource_policy(.0))]
    NoPolicy(String),
    /// As any change of a stream or consumer.
    #[error(transparent)]
    Change(#[from] ChangeResourceError),
}

impl From<ChangeStreamError> for DeleteResourcePolicyError {
    fn from(error: ChangeStreamError) -> Self {
        ChangeResourceError::from(error).into()
    }
}

impl From<DeleteResourcePolicyError> for ApiError {
    fn from(error: DeleteResourcePolicyError) -> Self {
        match error {
            DeleteResourcePolicyError::NoPolicy(_) => {
                Self::new(ErrorCode::ResourceNotFound, error.to_string())
            }
            DeleteResourcePolicyError::Change(error) => error.into(),
        }
    }
}

impl StreamService {
    /// Takes the policy from a stream or consumer.
    ///
    /// If the future is dropped, it may still be taken away.
    ///
    /// # Errors
    /// See [`DeleteResourcePolicyError`].
    pub async fn delete_resource_policy(
        &self,
        caller: &Caller,
        request: DeleteResourcePolicyRequest,
    ) -> Result<(), DeleteResourcePolicyError> {
        let _call = self.enter().map_err(ChangeStreamError::from)?;
        let arn = request.resource_arn;
        let found = self.find_resource(caller, Operation::DeleteResourcePolicy, &arn);
        let found = found.map_err(ChangeResourceError::from)?;
        self.change_stream(found.stream(), delete(&found), |reason| match reason {
            Rejected::NoResourcePolicy => Some(DeleteResourcePolicyError::NoPolicy(arn)),
            reason => found.rejected(reason).map(Into::into),
        })
        .await?;
        Ok(())
    }
}

fn delete(resource: &FoundResource) -> Command {
    match resource {
        FoundResource::Stream(stream) => {
            StreamCommand::DeleteResourcePolicy { id: stream.id }.into()
        }
        FoundResource::Consumer(found) => ConsumerCommand::DeleteConsumerPolicy {
            id: found.stream.id,
            consumer: found.consumer.key.clone(),
        }
        .into(),
    }
}
