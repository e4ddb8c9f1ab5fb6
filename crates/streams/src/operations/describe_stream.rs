//! DescribeStream.

use millstream_wire::Operation;
use millstream_wire::shapes::{DescribeStreamRequest, DescribeStreamResponse, StreamDescription};

use super::find_stream::ReadStreamError;
use super::shard_description::{
    creation_timestamp, describe, enhanced_monitoring, listed_shards, mode_details,
};
use crate::{Caller, StreamService};

/// AWS lists no more shards in one answer, whatever the request says.
const SHARDS_PER_ANSWER_MAX: usize = 100;

impl StreamService {
    /// Describes a stream and up to 100 of its shards.
    ///
    /// # Errors
    /// See [`ReadStreamError`].
    pub async fn describe_stream(
        &self,
        caller: &Caller,
        request: DescribeStreamRequest,
    ) -> Result<DescribeStreamResponse, ReadStreamError> {
        let _call = self.enter()?;
        let name = request.stream_name.as_ref().map(|name| name.as_str());
        let stream = self.find_stream(
            caller,
            Operation::DescribeStream,
            name,
            request.stream_arn.as_deref(),
        )?;
        let limit = request
            .limit
            .map_or(SHARDS_PER_ANSWER_MAX, |limit| limit as usize);
        let limit = limit.clamp(1, SHARDS_PER_ANSWER_MAX);
        let start = request.exclusive_start_shard_id.as_deref();
        let mut listed = listed_shards(&stream, start, self.inner.clock.now());
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
}
