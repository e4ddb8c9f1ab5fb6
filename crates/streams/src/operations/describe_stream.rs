//! DescribeStream.

use millstream_wire::shapes::{DescribeStreamRequest, DescribeStreamResponse, StreamDescription};

use crate::Failure;
use crate::call::{Call, operation};
use crate::descriptions::{
    creation_timestamp, describe, enhanced_monitoring, listed_shards, mode_details,
};

/// AWS lists no more shards in one answer, whatever the request says.
const SHARDS_PER_ANSWER_MAX: usize = 100;

operation! {
    /// Describes a stream and up to 100 of its shards.
    DescribeStream: describe_stream(DescribeStreamRequest) -> DescribeStreamResponse
}

async fn describe_stream(
    call: &Call<'_>,
    request: DescribeStreamRequest,
) -> Result<DescribeStreamResponse, Failure> {
    let stream = call.stream(&request)?;
    let limit = request
        .limit
        .map_or(SHARDS_PER_ANSWER_MAX, |limit| limit as usize);
    let limit = limit.clamp(1, SHARDS_PER_ANSWER_MAX);
    let start = request.exclusive_start_shard_id.as_deref();
    let mut listed = listed_shards(&stream, start, call.now());
    let shards = listed.by_ref().take(limit).map(describe).collect();
    let stream_description = StreamDescription {
        stream_name: stream.key.name.clone(),
        stream_arn: stream.arn().to_string(),
        stream_status: stream.status,
        stream_mode_details: mode_details(&stream),
        shards,
        has_more_shards: listed.next().is_some(),
        retention_period_hours: stream.retention_hours,
        stream_creation_timestamp: creation_timestamp(&stream),
        enhanced_monitoring: enhanced_monitoring(&stream),
        encryption_type: stream.encryption_type(),
        key_id: stream.key_id.clone(),
    };
    Ok(DescribeStreamResponse { stream_description })
}
