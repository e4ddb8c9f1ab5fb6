//! GetResourcePolicy.

use millstream_wire::shapes::{GetResourcePolicyRequest, GetResourcePolicyResponse};
use millstream_wire::{ApiError, Operation};

use super::find_consumer::FindConsumerError;
use super::unavailable::Unavailable;
use crate::{Caller, StreamService};

/// What stands for no policy.
const NO_POLICY: &str = "{}";

/// How GetResourcePolicy fails.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum GetResourcePolicyError {
    /// The request names no stream or consumer that there is.
    #[error(transparent)]
    Find(#[from] FindConsumerError),
    /// See [`Unavailable`].
    #[error(transparent)]
    Unavailable(#[from] Unavailable),
}

impl From<GetResourcePolicyError> for ApiError {
    fn from(error: GetResourcePolicyError) -> Self {
        match error {
            GetResourcePolicyError::Find(error) => error.into(),
            GetResourcePolicyError::Unavailable(error) => error.into(),
        }
    }
}

impl StreamService {
    /// The policy of a stream or consumer, as its owner wrote it; `{}` without one.
    ///
    /// # Errors
    /// See [`GetResourcePolicyError`].
    pub async fn get_resource_policy(
        &self,
        caller: &Caller,
        request: GetResourcePolicyRequest,
    ) -> Result<GetResourcePolicyResponse, GetResourcePolicyError> {
        let _call = self.enter()?;
        let operation = Operation::GetResourcePolicy;
        let owner = self.find_policy_owner(caller, operation, &request.resource_arn)?;
        let policy = owner.policy().map_or(NO_POLICY, |policy| policy.text());
        Ok(GetResourcePolicyResponse {
            policy: policy.to_owned(),
        })
    }
}
