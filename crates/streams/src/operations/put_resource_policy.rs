//! PutResourcePolicy.

use millstream_policy::InvalidPolicy;
use millstream_wire::shapes::PutResourcePolicyRequest;
use millstream_wire::{ApiError, ErrorCode, Operation};

use super::change_stream::ChangeStreamError;
use super::unverified_texts as texts;
use crate::catalog::{Command, ResourcePolicy};
use crate::{Caller, StreamService};

/// How PutResourcePolicy fails.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PutResourcePolicyError {
    /// The policy is not one that is understood here.
    #[error("{}", texts::invalid_policy(.0))]
    Policy(#[from] InvalidPolicy),
    /// As any change of a stream.
    #[error(transparent)]
    Change(#[from] ChangeStreamError),
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
    /// Attaches a policy to a stream, in place of the one that it has. It is in force when this returns.
    ///
    /// # Errors
    /// See [`PutResourcePolicyError`].
    pub async fn put_resource_policy(
        &self,
        caller: &Caller,
        request: PutResourcePolicyRequest,
    ) -> Result<(), PutResourcePolicyError> {
        let _call = self.enter().map_err(ChangeStreamError::from)?;
        let stream = self.stream_to_change(
            caller,
            Operation::PutResourcePolicy,
            None,
            Some(&request.resource_arn),
        )?;
        let policy = ResourcePolicy::parse(&request.policy)?;
        let command = Command::PutResourcePolicy {
            id: stream.id,
            policy,
        };
        self.change_stream::<ChangeStreamError>(&stream, command, |_| None)
            .await?;
        Ok(())
    }
}
