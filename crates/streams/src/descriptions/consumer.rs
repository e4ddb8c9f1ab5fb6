//! Consumers.

use millstream_catalog::{Consumer, Stream};
use millstream_types::TimestampMs;
use millstream_wire::encoding::Timestamp;
use millstream_wire::shapes;
use millstream_wire::shapes::ConsumerDescription;

/// The second of the ARN, as the creation time.
fn creation_timestamp(consumer: &Consumer) -> Timestamp {
    Timestamp(TimestampMs(consumer.key.created_s.saturating_mul(1000)))
}

pub(crate) fn describe_consumer(stream: &Stream, consumer: &Consumer) -> shapes::Consumer {
    shapes::Consumer {
        consumer_name: consumer.key.name.to_string(),
        consumer_arn: stream.consumer_arn(&consumer.key).to_string(),
        consumer_status: consumer.status,
        consumer_creation_timestamp: creation_timestamp(consumer),
    }
}

pub(crate) fn consumer_and_stream(stream: &Stream, consumer: &Consumer) -> ConsumerDescription {
    ConsumerDescription {
        consumer_name: consumer.key.name.to_string(),
        consumer_arn: stream.consumer_arn(&consumer.key).to_string(),
        consumer_status: consumer.status,
        consumer_creation_timestamp: creation_timestamp(consumer),
        stream_arn: stream.arn().to_string(),
    }
}
