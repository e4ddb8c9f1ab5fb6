//! DeleteResourcePolicy.

use millstream_wire::shapes::DeleteResourcePolicyRequest;
use millstream_wire::{ApiError, ErrorCode, Operation};

use super::change_stream::ChangeStreamError;
use super::unverified_texts as texts;
use crate::catalog::{Command, Rejected};
use crate::{Caller, StreamService};

/// How DeleteResourcePolicy fails.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DeleteResourcePolicyError {
    /// The stream has no policy.
    #[error("{}", texts::no_resource_policy(.0))]
    NoPolicy(String),
    /// As any change of a stream.
    #[error(transparent)]
    Change(#[from] ChangeStreamError),
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
    /// Takes the policy from a stream.
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
        let operation = Operation::DeleteResourcePolicy;
        let stream = self.stream_to_change(caller, operation, None, Some(&arn))?;
        let command = Command::DeleteResourcePolicy { id: stream.id };
        self.change_stream(&stream, command, |reason| match reason {
            Rejected::NoResourcePolicy => Some(DeleteResourcePolicyError::NoPolicy(arn)),
            _ => None,
        })
        .await?;
        Ok(())
    }
}
