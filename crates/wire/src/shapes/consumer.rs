//! Registered consumers, and what is pushed to them.

use std::collections::BTreeMap;

use millstream_types::{ConsumerStatus, SequenceNumber};
use serde::{Deserialize, Serialize};

use super::{ChildShard, Record, ShardIteratorType};
use crate::encoding::Timestamp;

/// A consumer in a list and after its registration.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct Consumer {
    /// Unique on its stream.
    pub consumer_name: String,
    /// Its ARN, which ends in its creation second.
    #[serde(rename = "ConsumerARN")]
    pub consumer_arn: String,
    /// Where it is in its life.
    pub consumer_status: ConsumerStatus,
    /// When it was registered; whole seconds.
    pub consumer_creation_timestamp: Timestamp,
}

/// Input of RegisterStreamConsumer.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct RegisterStreamConsumerRequest {
    /// Whose: this operation takes no name.
    #[serde(rename = "StreamARN")]
    pub stream_arn: String,
    /// The new consumer.
    pub consumer_name: String,
    /// Tags from the start.
    #[serde(default)]
    pub tags: BTreeMap<String, String>,
}

/// Answer of RegisterStreamConsumer.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct RegisterStreamConsumerResponse {
    /// The consumer, usually still being created.
    pub consumer: Consumer,
}

/// Input of DeregisterStreamConsumer; the answer has no body.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct DeregisterStreamConsumerRequest {
    /// The stream by ARN.
    #[serde(rename = "StreamARN")]
    pub stream_arn: Option<String>,
    /// The consumer by name, together with the stream.
    pub consumer_name: Option<String>,
    /// The consumer by ARN.
    #[serde(rename = "ConsumerARN")]
    pub consumer_arn: Option<String>,
}

/// Input of DescribeStreamConsumer.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct DescribeStreamConsumerRequest {
    /// The stream by ARN.
    #[serde(rename = "StreamARN")]
    pub stream_arn: Option<String>,
    /// The consumer by name, together with the stream.
    pub consumer_name: Option<String>,
    /// The consumer by ARN.
    #[serde(rename = "ConsumerARN")]
    pub consumer_arn: Option<String>,
}

/// Answer of DescribeStreamConsumer.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct DescribeStreamConsumerResponse {
    /// The consumer and its stream.
    pub consumer_description: ConsumerDescription,
}

/// A consumer and its stream.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct ConsumerDescription {
    /// Unique on its stream.
    pub consumer_name: String,
    /// Its ARN, which ends in its creation second.
    #[serde(rename = "ConsumerARN")]
    pub consumer_arn: String,
    /// Where it is in its life.
    pub consumer_status: ConsumerStatus,
    /// When it was registered; whole seconds.
    pub consumer_creation_timestamp: Timestamp,
    /// Its stream.
    #[serde(rename = "StreamARN")]
    pub stream_arn: String,
}

/// Input of ListStreamConsumers.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct ListStreamConsumersRequest {
    /// Whose: this operation takes no name.
    #[serde(rename = "StreamARN")]
    pub stream_arn: String,
    /// Where the page before ended.
    pub next_token: Option<String>,
    /// Most consumers, 1 to 10,000; never more than 100 are listed.
    pub max_results: Option<u32>,
    /// Tells streams that had the same name apart.
    pub stream_creation_timestamp: Option<Timestamp>,
}

/// Answer of ListStreamConsumers.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct ListStreamConsumersResponse {
    /// A page of them.
    pub consumers: Vec<Consumer>,
    /// Only if the page is not the last.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next_token: Option<String>,
}

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
