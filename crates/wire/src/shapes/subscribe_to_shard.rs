//! SubscribeToShard.

use millstream_types::SequenceNumber;
use serde::Deserialize;

use super::{ChildShard, Record, ShardIteratorType};
use crate::encoding::Timestamp;

/// Input of SubscribeToShard.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct SubscribeToShardRequest {
    /// The consumer.
    #[serde(rename = "ConsumerARN")]
    pub consumer_arn: String,
    /// The shard, leniently written.
    pub shard_id: String,
    /// Where to start.
    pub starting_position: StartingPosition,
}

/// Where to start reading.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct StartingPosition {
    /// The rule.
    #[serde(rename = "Type")]
    pub position_type: ShardIteratorType,
    /// For AT_SEQUENCE_NUMBER and AFTER_SEQUENCE_NUMBER.
    pub sequence_number: Option<String>,
    /// For AT_TIMESTAMP.
    pub timestamp: Option<Timestamp>,
}

/// One event of the stream of events that answers SubscribeToShard.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SubscribeToShardEvent {
    /// In order; empty in an event that only says that the subscription lives.
    pub records: Vec<Record>,
    /// Where a later subscription goes on, after this number; absent exactly at the end of a closed shard.
    pub continuation_sequence_number: Option<SequenceNumber>,
    /// Time from the position to the tip; 0 at the tip.
    pub millis_behind_latest: u64,
    /// Given exactly when the continuation is absent.
    pub child_shards: Option<Vec<ChildShard>>,
}
