//! DescribeStreamConsumer.

use millstream_wire::shapes::{DescribeStreamConsumerRequest, DescribeStreamConsumerResponse};

use crate::Failure;
use crate::call::{Call, NamedConsumer, operation};
use crate::descriptions::consumer_and_stream;

operation! {
    /// Describes a fan-out consumer.
    DescribeStreamConsumer:
        describe_stream_consumer(DescribeStreamConsumerRequest) -> DescribeStreamConsumerResponse
}

async fn describe_stream_consumer(
    call: &Call<'_>,
    request: DescribeStreamConsumerRequest,
) -> Result<DescribeStreamConsumerResponse, Failure> {
    let found = call.consumer(NamedConsumer {
        consumer_arn: request.consumer_arn.as_deref(),
        stream_arn: request.stream_arn.as_deref(),
        name: request.consumer_name.as_deref(),
    })?;
    Ok(DescribeStreamConsumerResponse {
        consumer_description: consumer_and_stream(&found.stream, &found.consumer),
    })
}
