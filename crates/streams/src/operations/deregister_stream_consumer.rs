//! DeregisterStreamConsumer.

use millstream_catalog::{ConsumerCommand, Rejected};
use millstream_wire::shapes::DeregisterStreamConsumerRequest;

use crate::Failure;
use crate::call::{Call, NamedConsumer, operation};

operation! {
    /// Deregisters a fan-out consumer, also one that is still being created; its subscriptions end. It is gone when
    /// this returns, unless a transition time is set, or the catalog takes more than ten seconds: then it is DELETING.
    ///
    /// If the future is dropped, the consumer may still be deregistered.
    DeregisterStreamConsumer: deregister_stream_consumer(DeregisterStreamConsumerRequest) -> ()
}

async fn deregister_stream_consumer(
    call: &Call<'_>,
    request: DeregisterStreamConsumerRequest,
) -> Result<(), Failure> {
    let found = call.consumer(NamedConsumer {
        consumer_arn: request.consumer_arn.as_deref(),
        stream_arn: request.stream_arn.as_deref(),
        name: request.consumer_name.as_deref(),
    })?;
    let (stream, key) = (&found.stream, &found.consumer.key);
    let begin = ConsumerCommand::BeginDeregisterConsumer {
        id: stream.id,
        consumer: key.clone(),
    };
    call.change(stream, begin, |reason| match reason {
        // One that is on its way out is as good as gone: AWS lists no error for a state that does not fit.
        Rejected::NoSuchConsumer | Rejected::ConsumerNotActive => Some(found.not_found()),
        _ => None,
    })
    .await?;
    call.consumer_settled(stream.id, key).await;
    Ok(())
}
