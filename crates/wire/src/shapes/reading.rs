//! Iterators, and records that are read with them.

use bytes::Bytes;
use millstream_types::{SequenceNumber, StreamName, TimestampMs};
use serde::{Deserialize, Serialize};

use super::{ChildShard, EncryptionType};
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

/// Input of GetRecords.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct GetRecordsRequest {
    /// From GetShardIterator or the answer before.
    pub shard_iterator: String,
    /// Most records, 1 to 10,000; 10,000 when absent.
    pub limit: Option<u32>,
    /// The stream by ARN; must fit the iterator.
    #[serde(rename = "StreamARN")]
    pub stream_arn: Option<String>,
}

/// One record, read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// Its number.
    pub sequence_number: SequenceNumber,
    /// When it arrived.
    pub approximate_arrival_timestamp: TimestampMs,
    /// Whether it is encrypted with a key of the user's.
    pub encryption_type: EncryptionType,
    /// Partition key and payload, one behind the other: thousands of records share a buffer, and counting one
    /// reference for each is dear enough.
    key_and_data: Bytes,
    key_bytes: usize,
}

impl Record {
    /// A record whose partition key, UTF-8 text, is the first `key_bytes` of `key_and_data`; its payload is the rest.
    ///
    /// # Panics
    /// If there are fewer bytes.
    #[inline]
    pub fn new(
        sequence_number: SequenceNumber,
        approximate_arrival_timestamp: TimestampMs,
        key_and_data: Bytes,
        key_bytes: usize,
        encryption_type: EncryptionType,
    ) -> Self {
        assert!(key_bytes <= key_and_data.len(), "the key is in the bytes");
        Self {
            sequence_number,
            approximate_arrival_timestamp,
            encryption_type,
            key_and_data,
            key_bytes,
        }
    }

    /// UTF-8 text; empty if it was put without a key.
    #[inline]
    pub fn partition_key(&self) -> &[u8] {
        &self.key_and_data[..self.key_bytes]
    }

    /// The payload.
    #[inline]
    pub fn data(&self) -> &[u8] {
        &self.key_and_data[self.key_bytes..]
    }
}

/// Answer of GetRecords.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GetRecordsResponse {
    /// In order; may be empty.
    pub records: Vec<Record>,
    /// Absent exactly at the end of a closed shard.
    pub next_shard_iterator: Option<String>,
    /// Time from the position to the tip; 0 at the tip.
    pub millis_behind_latest: u64,
    /// Given exactly when the next iterator is absent.
    pub child_shards: Option<Vec<ChildShard>>,
}
