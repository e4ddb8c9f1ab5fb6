//! UpdateShardCount.

use millstream_types::StreamName;
use serde::{Deserialize, Serialize};

/// Input of UpdateShardCount.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct UpdateShardCountRequest {
    /// The stream by name.
    pub stream_name: Option<StreamName>,
    /// The stream by ARN.
    #[serde(rename = "StreamARN")]
    pub stream_arn: Option<String>,
    /// At least 1.
    pub target_shard_count: u32,
    /// The only one.
    pub scaling_type: ScalingType,
}

/// How shards are split and merged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum ScalingType {
    /// To shards of the same size.
    UniformScaling,
}

/// Answer of UpdateShardCount.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct UpdateShardCountResponse {
    /// Its name.
    pub stream_name: StreamName,
    /// Open shards before the change.
    pub current_shard_count: u32,
    /// Open shards after it.
    pub target_shard_count: u32,
    /// Its ARN.
    #[serde(rename = "StreamARN")]
    pub stream_arn: String,
}
