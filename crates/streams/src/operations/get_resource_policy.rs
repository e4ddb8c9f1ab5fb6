//! GetResourcePolicy.

use millstream_wire::shapes::{GetResourcePolicyRequest, GetResourcePolicyResponse};

use crate::Failure;
use crate::call::{Call, FoundResource, operation};

/// What stands for no policy.
const NO_POLICY: &str = "{}";

operation! {
    /// The policy of a stream or consumer, as its owner wrote it; `{}` without one.
    GetResourcePolicy: get_resource_policy(GetResourcePolicyRequest) -> GetResourcePolicyResponse
}

async fn get_resource_policy(
    call: &Call<'_>,
    request: GetResourcePolicyRequest,
) -> Result<GetResourcePolicyResponse, Failure> {
    let found = call.resource(&request.resource_arn)?;
    let policy = match &found {
        FoundResource::Stream(stream) => &stream.policy,
        FoundResource::Consumer(found) => &found.consumer.policy,
    };
    let text = policy.as_ref().map_or(NO_POLICY, |policy| policy.text());
    Ok(GetResourcePolicyResponse {
        policy: text.to_owned(),
    })
}
