//! DescribeStreamSummary.

use millstream_wire::shapes::{
    DescribeStreamSummaryRequest, DescribeStreamSummaryResponse, StreamDescriptionSummary,
};

use crate::Failure;
use crate::call::{Call, operation};
use crate::descriptions::{creation_timestamp, enhanced_monitoring, mode_details, warm_throughput};

operation! {
    /// Describes a stream without its shards.
    DescribeStreamSummary:
        describe_stream_summary(DescribeStreamSummaryRequest) -> DescribeStreamSummaryResponse
}

async fn describe_stream_summary(
    call: &Call<'_>,
    request: DescribeStreamSummaryRequest,
) -> Result<DescribeStreamSummaryResponse, Failure> {
    let stream = call.stream(&request)?;
    let open_shards = stream.open_shards().len();
    let stream_description_summary = StreamDescriptionSummary {
        stream_name: stream.key.name.clone(),
        stream_arn: stream.arn().to_string(),
        stream_status: stream.status,
        stream_mode_details: mode_details(&stream),
        retention_period_hours: stream.retention_hours,
        stream_creation_timestamp: creation_timestamp(&stream),
        enhanced_monitoring: enhanced_monitoring(&stream),
        encryption_type: stream.encryption_type(),
        key_id: stream.key_id.clone(),
        open_shard_count: u32::try_from(open_shards).unwrap_or(u32::MAX),
        consumer_count: u32::try_from(stream.consumers.len()).unwrap_or(u32::MAX),
        max_record_size_in_kib: stream.max_record_size_kib,
        warm_throughput: warm_throughput(&stream),
        // AWS's documentation speaks of on-demand streams only. The KPL takes its absence for a permission that it
        // lacks, warns, and asks again every few seconds; on provisioned streams it is always USER_PARTITION_KEY.
        record_distribution_strategy: Some(stream.record_distribution),
    };
    Ok(DescribeStreamSummaryResponse {
        stream_description_summary,
    })
}
