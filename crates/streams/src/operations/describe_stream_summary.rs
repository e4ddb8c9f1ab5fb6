//! DescribeStreamSummary.

use millstream_wire::Operation;
use millstream_wire::shapes::{
    DescribeStreamSummaryRequest, DescribeStreamSummaryResponse, StreamDescriptionSummary,
};

use super::find_stream::ReadStreamError;
use super::shard_description::{
    creation_timestamp, enhanced_monitoring, mode_details, warm_throughput,
};
use crate::{Caller, StreamService};

impl StreamService {
    /// Describes a stream without its shards.
    ///
    /// # Errors
    /// See [`ReadStreamError`].
    pub async fn describe_stream_summary(
        &self,
        caller: &Caller,
        request: DescribeStreamSummaryRequest,
    ) -> Result<DescribeStreamSummaryResponse, ReadStreamError> {
        let _call = self.enter()?;
        let name = request.stream_name.as_ref().map(|name| name.as_str());
        let stream = self.find_stream(
            caller,
            Operation::DescribeStreamSummary,
            name,
            request.stream_arn.as_deref(),
        )?;
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
}
