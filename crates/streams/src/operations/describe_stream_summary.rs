//! DescribeStreamSummary.

use millstream_wire::shapes::{
    DescribeStreamSummaryRequest, DescribeStreamSummaryResponse, EncryptionType, EnhancedMetrics,
    StreamDescriptionSummary,
};
use millstream_wire::{ApiError, Operation};

use super::find_stream::FindStreamError;
use super::shard_description::{creation_timestamp, mode_details};
use super::unavailable::Unavailable;
use crate::{Caller, StreamService};

/// How DescribeStreamSummary fails.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DescribeStreamSummaryError {
    /// The request names no stream that there is.
    #[error(transparent)]
    Find(#[from] FindStreamError),
    /// See [`Unavailable`].
    #[error(transparent)]
    Unavailable(#[from] Unavailable),
}

impl From<DescribeStreamSummaryError> for ApiError {
    fn from(error: DescribeStreamSummaryError) -> Self {
        match error {
            DescribeStreamSummaryError::Find(error) => error.into(),
            DescribeStreamSummaryError::Unavailable(error) => error.into(),
        }
    }
}

impl StreamService {
    /// Describes a stream without its shards.
    ///
    /// # Errors
    /// See [`DescribeStreamSummaryError`].
    pub async fn describe_stream_summary(
        &self,
        caller: &Caller,
        request: DescribeStreamSummaryRequest,
    ) -> Result<DescribeStreamSummaryResponse, DescribeStreamSummaryError> {
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
            enhanced_monitoring: vec![EnhancedMetrics {
                shard_level_metrics: Vec::new(),
            }],
            encryption_type: EncryptionType::None,
            key_id: None,
            open_shard_count: u32::try_from(open_shards).unwrap_or(u32::MAX),
            consumer_count: u32::try_from(stream.consumers.len()).unwrap_or(u32::MAX),
            max_record_size_in_kib: stream.max_record_size_kib,
        };
        Ok(DescribeStreamSummaryResponse {
            stream_description_summary,
        })
    }
}
