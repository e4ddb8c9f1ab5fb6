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
    /// The payload.
    pub data: Bytes,
    /// UTF-8 text; empty if it was put without a key.
    pub partition_key: Bytes,
    /// Whether it is encrypted with a key of the user's.
    pub encryption_type: EncryptionType,
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
