//! DescribeStreamSummary.

use millstream_types::StreamName;
use serde::{Deserialize, Serialize};

use super::{
    EncryptionType, EnhancedMetrics, RecordDistributionStrategy, StreamModeDetails, StreamStatus,
    WarmThroughput,
};
use crate::encoding::Timestamp;

/// Input of DescribeStreamSummary.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct DescribeStreamSummaryRequest {
    /// The stream by name.
    pub stream_name: Option<StreamName>,
    /// The stream by ARN.
    #[serde(rename = "StreamARN")]
    pub stream_arn: Option<String>,
}

/// Answer of DescribeStreamSummary.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct DescribeStreamSummaryResponse {
    /// The stream without its shards.
    pub stream_description_summary: StreamDescriptionSummary,
}

/// A stream without its shards.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct StreamDescriptionSummary {
    /// Its name.
    pub stream_name: StreamName,
    /// Its ARN.
    #[serde(rename = "StreamARN")]
    pub stream_arn: String,
    /// Where it is in its life.
    pub stream_status: StreamStatus,
    /// Its capacity mode.
    pub stream_mode_details: StreamModeDetails,
    /// How long records are kept, in hours.
    pub retention_period_hours: u32,
    /// When it was created; whole seconds.
    pub stream_creation_timestamp: Timestamp,
    /// Always one element.
    pub enhanced_monitoring: Vec<EnhancedMetrics>,
    /// Whether records are encrypted.
    pub encryption_type: EncryptionType,
    /// With which key.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub key_id: Option<String>,
    /// How many shards take records.
    pub open_shard_count: u32,
    /// How many fan-out consumers are registered.
    pub consumer_count: u32,
    /// Largest record, in KiB.
    #[serde(rename = "MaxRecordSizeInKiB")]
    pub max_record_size_in_kib: u32,
    /// Throughput that the stream is ready for; only in on-demand mode, and only once it was set.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub warm_throughput: Option<WarmThroughput>,
    /// What decides to which shard a record goes; only in on-demand mode.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub record_distribution_strategy: Option<RecordDistributionStrategy>,
}
