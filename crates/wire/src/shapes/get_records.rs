//! GetRecords.

use bytes::Bytes;
use millstream_types::{SequenceNumber, TimestampMs};
use serde::Deserialize;

use super::{ChildShard, EncryptionType};

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
    pub fn partition_key(&self) -> &[u8] {
        &self.key_and_data[..self.key_bytes]
    }

    /// The payload.
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
