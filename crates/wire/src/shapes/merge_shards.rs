//! MergeShards.

use millstream_types::StreamName;
use serde::Deserialize;

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
