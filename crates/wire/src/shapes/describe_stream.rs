//! DescribeStream.

use millstream_types::{EncryptionType, MetricsName, StreamName, StreamStatus};
use serde::{Deserialize, Serialize};

use super::{Shard, StreamModeDetails};
use crate::encoding::Timestamp;

/// Input of DescribeStream.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct DescribeStreamRequest {
    /// The stream by name.
    pub stream_name: Option<StreamName>,
    /// The stream by ARN.
    #[serde(rename = "StreamARN")]
    pub stream_arn: Option<String>,
    /// Most shards to list, 1 to 10,000; never more than 100 are.
    pub limit: Option<u32>,
    /// List shards after this one.
    pub exclusive_start_shard_id: Option<String>,
}

/// Shard-level metrics that are switched on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct EnhancedMetrics {
    /// Which; empty when off.
    pub shard_level_metrics: Vec<MetricsName>,
}

/// Answer of DescribeStream.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct DescribeStreamResponse {
    /// The stream and a page of its shards.
    pub stream_description: StreamDescription,
}

/// A stream and a page of its shards.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct StreamDescription {
    /// Its name.
    pub stream_name: StreamName,
    /// Its ARN.
    #[serde(rename = "StreamARN")]
    pub stream_arn: String,
    /// Where it is in its life.
    pub stream_status: StreamStatus,
    /// Its capacity mode.
    pub stream_mode_details: StreamModeDetails,
    /// Shards by id; empty while creating and deleting.
    pub shards: Vec<Shard>,
    /// Whether the page is not the last.
    pub has_more_shards: bool,
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
}
