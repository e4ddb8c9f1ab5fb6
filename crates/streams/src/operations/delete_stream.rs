//! DeleteStream.

use millstream_catalog::{Rejected, StreamCommand, StreamKey};
use millstream_wire::shapes::DeleteStreamRequest;

use crate::Failure;
use crate::call::{Call, operation};

operation! {
    /// Deletes a stream with everything in it, in whatever state it is. It is gone when this returns, unless a
    /// transition time is set, or deleting its logs takes more than ten seconds or fails (it is tried again until it
    /// succeeds): then it is DELETING.
    ///
    /// If the future is dropped, the stream may still be deleted.
    DeleteStream: delete_stream(DeleteStreamRequest) -> ()
}

async fn delete_stream(call: &Call<'_>, request: DeleteStreamRequest) -> Result<(), Failure> {
    let stream = call.stream(&request)?;
    let begin = StreamCommand::BeginDeleteStream {
        id: stream.id,
        enforce_consumer_deletion: request.enforce_consumer_deletion.unwrap_or(false),
    };
    call.change(&stream, begin, |reason| match reason {
        Rejected::HasConsumers => Some(has_consumers(&stream.key)),
        _ => None,
    })
    .await?;
    call.settled(stream.id).await;
    Ok(())
}

/// Consumers are registered, and the request does not say that they go with the stream.
fn has_consumers(StreamKey { name, account, .. }: &StreamKey) -> Failure {
    Failure::in_use(format!(
        "DeleteStream can't delete {account}:{name} because there are consumers associated with this data stream. To \
         delete {name} anyway, set the EnforceConsumerDeletion parameter to true to force the deletion of all the \
         consumers that are associated with it."
    ))
}
