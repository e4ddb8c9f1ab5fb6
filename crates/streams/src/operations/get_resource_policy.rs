//! GetResourcePolicy.

use millstream_wire::Operation;
use millstream_wire::shapes::{GetResourcePolicyRequest, GetResourcePolicyResponse};

use super::find_resource::{FoundResource, ReadResourceError};
use crate::{Caller, StreamService};

/// What stands for no policy.
const NO_POLICY: &str = "{}";

impl StreamService {
    /// The policy of a stream or consumer, as its owner wrote it; `{}` without one.
    ///
    /// # Errors
    /// See [`ReadResourceError`].
    pub async fn get_resource_policy(
        &self,
        caller: &Caller,
        request: GetResourcePolicyRequest,
    ) -> Result<GetResourcePolicyResponse, ReadResourceError> {
        let _call = self.enter()?;
        let operation = Operation::GetResourcePolicy;
        let found = self.find_resource(caller, operation, &request.resource_arn)?;
        let policy = match &found {
            FoundResource::Stream(stream) => &stream.policy,
            FoundResource::Consumer(found) => &found.consumer.policy,
        };
        let text = policy.as_ref().map_or(NO_POLICY, |policy| policy.text());
        Ok(GetResourcePolicyResponse {
            policy: text.to_owned(),
        })
    }
}
