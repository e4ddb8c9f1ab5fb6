//! RegisterStreamConsumer.

use millstream_catalog::{ConsumerCommand, Rejected, StreamKey};
use millstream_types::ConsumerName;
use millstream_types::limits::CONSUMERS_PER_STREAM_MAX;
use millstream_wire::shapes::{RegisterStreamConsumerRequest, RegisterStreamConsumerResponse};

use crate::call::{Call, operation};
use crate::descriptions::describe_consumer;
use crate::rules::tags::check_tags;
use crate::unverified_texts as texts;
use crate::{Failure, refusals};

operation! {
    /// Registers a fan-out consumer. It is ACTIVE when this returns, unless a transition time is set, or the catalog
    /// takes more than ten seconds: then it is CREATING.
    ///
    /// If the future is dropped, the consumer may still be registered.
    RegisterStreamConsumer:
        register_stream_consumer(RegisterStreamConsumerRequest) -> RegisterStreamConsumerResponse
}

async fn register_stream_consumer(
    call: &Call<'_>,
    request: RegisterStreamConsumerRequest,
) -> Result<RegisterStreamConsumerResponse, Failure> {
    let stream = call.stream(&request)?;
    let RegisterStreamConsumerRequest {
        consumer_name,
        tags,
        ..
    } = request;
    let name: ConsumerName = consumer_name.parse().map_err(|error| {
        Failure::validation(texts::invalid_consumer_name(&consumer_name)).because(error)
    })?;
    check_tags(&tags, &stream.key.name, &stream.key.account)?;
    let id = stream.id;
    let begin = ConsumerCommand::BeginRegisterConsumer {
        id,
        name: name.clone(),
        tags,
    };
    call.change(&stream, begin, |reason| {
        rejected(reason, &stream.key, &name)
    })
    .await?;
    let registered = || {
        let stream = call.inner().view.get(id)?;
        let consumer = stream.consumer(name.as_str())?.clone();
        Some((stream, consumer))
    };
    // Whoever deleted it since then may have done so at once.
    let (stream, consumer) = registered().ok_or_else(refusals::failed)?;
    call.consumer_settled(id, &consumer.key).await;
    let (stream, consumer) = registered()
        .filter(|(_, now)| now.key == consumer.key)
        .unwrap_or((stream, consumer));
    Ok(RegisterStreamConsumerResponse {
        consumer: describe_consumer(&stream, &consumer),
    })
}

fn rejected(reason: Rejected, stream: &StreamKey, consumer: &ConsumerName) -> Option<Failure> {
    let StreamKey { name, account, .. } = stream;
    Some(match reason {
        Rejected::ConsumerExists => {
            Failure::in_use(texts::consumer_exists(consumer, name, account))
        }
        // Deregister one.
        Rejected::TooManyConsumers(current) => {
            let limit = CONSUMERS_PER_STREAM_MAX;
            Failure::limit_exceeded(texts::too_many_consumers(name, account, current, limit))
        }
        // Try again when they are ACTIVE.
        Rejected::TooManyConsumersCreating => {
            Failure::limit_exceeded(texts::rate_exceeded(name, account))
        }
        _ => return None,
    })
}
