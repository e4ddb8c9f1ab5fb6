//! DescribeStream.

use millstream_wire::shapes::{
    DescribeStreamRequest, DescribeStreamResponse, EncryptionType, EnhancedMetrics,
    StreamDescription,
};
use millstream_wire::{ApiError, Operation};

use super::find_stream::FindStreamError;
use super::shard_description::{
    creation_timestamp, describe, is_after, listed_shards, mode_details,
};
use super::unavailable::Unavailable;
use crate::{Caller, StreamService};

/// AWS lists no more shards in one answer, whatever the request says.
const SHARDS_PER_ANSWER_MAX: usize = 100;

/// How DescribeStream fails.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DescribeStreamError {
    /// The request names no stream that there is.
    #[error(transparent)]
    Find(#[from] FindStreamError),
    /// See [`Unavailable`].
    #[error(transparent)]
    Unavailable(#[from] Unavailable),
}

impl From<DescribeStreamError> for ApiError {
    fn from(error: DescribeStreamError) -> Self {
        match error {
            DescribeStreamError::Find(error) => error.into(),
            DescribeStreamError::Unavailable(error) => error.into(),
        }
    }
}

impl StreamService {
    /// Describes a stream and up to 100 of its shards.
    ///
    /// # Errors
    /// See [`DescribeStreamError`].
    pub async fn describe_stream(
        &self,
        caller: &Caller,
        request: DescribeStreamRequest,
    ) -> Result<DescribeStreamResponse, DescribeStreamError> {
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
        let mut listed = listed_shards(&stream, self.inner.clock.now())
            .filter(|shard| start.is_none_or(|start| is_after(shard, start)));
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
            enhanced_monitoring: vec![EnhancedMetrics {
                shard_level_metrics: Vec::new(),
            }],
            encryption_type: EncryptionType::None,
            key_id: None,
        };
        Ok(DescribeStreamResponse { stream_description })
    }
}
