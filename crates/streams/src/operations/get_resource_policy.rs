//! GetResourcePolicy.

use millstream_wire::shapes::{GetResourcePolicyRequest, GetResourcePolicyResponse};
use millstream_wire::{ApiError, Operation};

use super::find_stream::FindStreamError;
use super::unavailable::Unavailable;
use crate::{Caller, StreamService};

/// What stands for no policy.
const NO_POLICY: &str = "{}";

/// How GetResourcePolicy fails.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum GetResourcePolicyError {
    /// The request names no stream that there is.
    #[error(transparent)]
    Find(#[from] FindStreamError),
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
    /// The policy of a stream, as its owner wrote it; `{}` without one.
    ///
    /// # Errors
    /// See [`GetResourcePolicyError`].
    pub async fn get_resource_policy(
        &self,
        caller: &Caller,
        request: GetResourcePolicyRequest,
    ) -> Result<GetResourcePolicyResponse, GetResourcePolicyError> {
        let _call = self.enter()?;
        let arn = Some(request.resource_arn.as_str());
        let stream = self.find_stream(caller, Operation::GetResourcePolicy, None, arn)?;
        let policy = stream
            .policy
            .as_ref()
            .map_or(NO_POLICY, |policy| policy.text());
        Ok(GetResourcePolicyResponse {
            policy: policy.to_owned(),
        })
    }
}
