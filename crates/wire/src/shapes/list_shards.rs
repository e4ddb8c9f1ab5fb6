//! ListShards.

use millstream_types::StreamName;
use serde::{Deserialize, Serialize};

use super::Shard;
use crate::encoding::Timestamp;

/// Input of ListShards.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct ListShardsRequest {
    /// The stream by name.
    pub stream_name: Option<StreamName>,
    /// The stream by ARN.
    #[serde(rename = "StreamARN")]
    pub stream_arn: Option<String>,
    /// Where the page before ended; excludes every other member but `max_results`.
    pub next_token: Option<String>,
    /// List shards after this one.
    pub exclusive_start_shard_id: Option<String>,
    /// Most shards, 1 to 10,000; 1,000 when absent.
    pub max_results: Option<u32>,
    /// Tells streams that had the same name apart.
    pub stream_creation_timestamp: Option<Timestamp>,
    /// Which shards.
    pub shard_filter: Option<ShardFilter>,
}

/// Which shards ListShards lists.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct ShardFilter {
    /// The rule.
    #[serde(rename = "Type")]
    pub filter_type: ShardFilterType,
    /// For AFTER_SHARD_ID.
    pub shard_id: Option<String>,
    /// For AT_TIMESTAMP and FROM_TIMESTAMP.
    pub timestamp: Option<Timestamp>,
}

/// Rules of [`ShardFilter`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum ShardFilterType {
    /// Ids above `shard_id`.
    AfterShardId,
    /// Shards that were open at the trim horizon.
    AtTrimHorizon,
    /// All shards within retention; the default.
    FromTrimHorizon,
    /// Open shards.
    AtLatest,
    /// Shards that were open at `timestamp`.
    AtTimestamp,
    /// Shards that were open at `timestamp` or later.
    FromTimestamp,
}

/// Answer of ListShards.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct ListShardsResponse {
    /// By id.
    pub shards: Vec<Shard>,
    /// Only if the page is not the last.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next_token: Option<String>,
}
