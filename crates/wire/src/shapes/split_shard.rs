//! SplitShard.

use millstream_types::StreamName;
use serde::Deserialize;

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
