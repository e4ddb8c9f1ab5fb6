//! PutResourcePolicy.

use millstream_policy::InvalidPolicy;
use millstream_wire::shapes::PutResourcePolicyRequest;
use millstream_wire::{ApiError, ErrorCode, Operation};

use super::change_stream::ChangeStreamError;
use super::policy_owner::ChangePolicyError;
use super::unverified_texts as texts;
use crate::catalog::ResourcePolicy;
use crate::{Caller, StreamService};

/// How PutResourcePolicy fails.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PutResourcePolicyError {
    /// The policy is not one that is understood here.
    #[error("{}", texts::invalid_policy(.0))]
    Policy(#[from] InvalidPolicy),
    /// As any change of a resource policy.
    #[error(transparent)]
    Change(#[from] ChangePolicyError),
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
            .map_err(|error| ChangePolicyError::from(ChangeStreamError::from(error)))?;
        let operation = Operation::PutResourcePolicy;
        let owner = self.find_policy_owner(caller, operation, &request.resource_arn);
        let owner = owner.map_err(ChangePolicyError::from)?;
        let policy = ResourcePolicy::parse(&request.policy)?;
        self.change_stream(owner.stream(), owner.put(policy), |reason| {
            owner.rejected(reason)
        })
        .await?;
        Ok(())
    }
}
