//! A shard as descriptions show it.

use millstream_types::{HashKey, HashKeyRange};
use serde::Serialize;

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
