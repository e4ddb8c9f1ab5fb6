//! DeleteResourcePolicy.

use millstream_catalog::{Command, ConsumerCommand, Rejected, StreamCommand};
use millstream_wire::shapes::DeleteResourcePolicyRequest;

use crate::Failure;
use crate::call::{Call, FoundResource, operation};
use crate::unverified_texts as texts;

operation! {
    /// Takes the policy from a stream or consumer.
    ///
    /// If the future is dropped, it may still be taken away.
    DeleteResourcePolicy: delete_resource_policy(DeleteResourcePolicyRequest) -> ()
}

async fn delete_resource_policy(
    call: &Call<'_>,
    request: DeleteResourcePolicyRequest,
) -> Result<(), Failure> {
    let arn = &request.resource_arn;
    let found = call.resource(arn)?;
    call.change(found.stream(), delete(&found), |reason| match reason {
        Rejected::NoResourcePolicy => Some(Failure::not_found(texts::no_resource_policy(arn))),
        reason => found.rejected(reason),
    })
    .await?;
    Ok(())
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
