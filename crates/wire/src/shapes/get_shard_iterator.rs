//! GetShardIterator.

use millstream_types::StreamName;
use serde::{Deserialize, Serialize};

use crate::encoding::Timestamp;

/// Input of GetShardIterator.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct GetShardIteratorRequest {
    /// The stream by name.
    pub stream_name: Option<StreamName>,
    /// The stream by ARN.
    #[serde(rename = "StreamARN")]
    pub stream_arn: Option<String>,
    /// The shard, leniently written.
    pub shard_id: String,
    /// Where to start.
    pub shard_iterator_type: ShardIteratorType,
    /// For AT_SEQUENCE_NUMBER and AFTER_SEQUENCE_NUMBER.
    pub starting_sequence_number: Option<String>,
    /// For AT_TIMESTAMP.
    pub timestamp: Option<Timestamp>,
}

/// Where to start reading.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum ShardIteratorType {
    /// At a record.
    AtSequenceNumber,
    /// Right after a record.
    AfterSequenceNumber,
    /// At the oldest record that is kept.
    TrimHorizon,
    /// Right after the newest record.
    Latest,
    /// At the first record that arrived at or after a time.
    AtTimestamp,
}

/// Answer of GetShardIterator.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct GetShardIteratorResponse {
    /// Opaque; valid for 300 s.
    pub shard_iterator: String,
}
