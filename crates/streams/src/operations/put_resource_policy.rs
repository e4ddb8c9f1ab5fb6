//! PutResourcePolicy.

use millstream_catalog::{Command, ConsumerCommand, ResourcePolicy, StreamCommand};
use millstream_wire::shapes::PutResourcePolicyRequest;

use crate::Failure;
use crate::call::{Call, FoundResource, operation};
use crate::unverified_texts as texts;

operation! {
    /// Attaches a policy to a stream or consumer, in place of the one that it has. It is in force when this returns.
    ///
    /// If the future is dropped, it may still be attached.
    PutResourcePolicy: put_resource_policy(PutResourcePolicyRequest) -> ()
}

async fn put_resource_policy(
    call: &Call<'_>,
    request: PutResourcePolicyRequest,
) -> Result<(), Failure> {
    let found = call.resource(&request.resource_arn)?;
    let policy = ResourcePolicy::parse(&request.policy)
        .map_err(|error| Failure::invalid_argument(texts::invalid_policy(&error)).because(error))?;
    call.change(found.stream(), put(&found, policy), |reason| {
        found.rejected(reason)
    })
    .await?;
    Ok(())
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
