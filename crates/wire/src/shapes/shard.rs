//! Shards: listed, split, merged, counted.

use millstream_types::{HashKey, HashKeyRange, StreamName};
use serde::{Deserialize, Serialize};

use crate::encoding::Timestamp;

/// A range of hash keys, both ends inclusive.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct WireHashKeyRange {
    /// First hash key.
    pub starting_hash_key: HashKey,
    /// Last hash key.
    pub ending_hash_key: HashKey,
}

impl From<HashKeyRange> for WireHashKeyRange {
    fn from(range: HashKeyRange) -> Self {
        Self {
            starting_hash_key: range.start,
            ending_hash_key: range.end,
        }
    }
}

/// First and, once the shard is closed, last possible sequence number.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct SequenceNumberRange {
    /// Not above the first record's number.
    pub starting_sequence_number: String,
    /// Only of a closed shard.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ending_sequence_number: Option<String>,
}

/// A shard.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct Shard {
    /// Its id, canonical.
    pub shard_id: String,
    /// The shard that was split, or the first of two that were merged.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub parent_shard_id: Option<String>,
    /// The second of two that were merged.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub adjacent_parent_shard_id: Option<String>,
    /// Which records go to it.
    pub hash_key_range: WireHashKeyRange,
    /// Which numbers they have.
    pub sequence_number_range: SequenceNumberRange,
}

/// What follows a shard that has ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct ChildShard {
    /// Its id, canonical.
    pub shard_id: String,
    /// One parent after a split, two after a merge, ShardToMerge first.
    pub parent_shards: Vec<String>,
    /// Which records go to it.
    pub hash_key_range: WireHashKeyRange,
}

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

/// Input of SplitShard; the answer has no body.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct SplitShardRequest {
    /// The stream by name.
    pub stream_name: Option<StreamName>,
    /// The stream by ARN.
    #[serde(rename = "StreamARN")]
    pub stream_arn: Option<String>,
    /// The shard, leniently written.
    pub shard_to_split: String,
    /// Where the second child starts: decimal text of the model's pattern.
    pub new_starting_hash_key: String,
}

/// Input of MergeShards; the answer has no body.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct MergeShardsRequest {
    /// The stream by name.
    pub stream_name: Option<StreamName>,
    /// The stream by ARN.
    #[serde(rename = "StreamARN")]
    pub stream_arn: Option<String>,
    /// The shard with the lower range, leniently written.
    pub shard_to_merge: String,
    /// The shard whose range follows.
    pub adjacent_shard_to_merge: String,
}

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
