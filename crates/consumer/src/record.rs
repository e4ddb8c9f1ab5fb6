//! A record as it was put.

use std::sync::Arc;
use std::time::SystemTime;

use bytes::Bytes;

use crate::{ExtendedSequenceNumber, StreamIdentifier};

/// One record as its writer put it: records that the KPL or another producer joined come one by one.
#[non_exhaustive]
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// Where it is in its shard: the sequence number, and the index among the records that travelled with it.
    pub place: ExtendedSequenceNumber,
    /// What the writer chose to place the record.
    pub partition_key: String,
    /// What the writer chose to place the record in the partition key's stead; known of joined records only.
    pub explicit_hash_key: Option<u128>,
    /// The record itself.
    pub data: Bytes,
    /// When the stream took the record, if it says so.
    pub arrived_at: Option<SystemTime>,
    /// Of which stream it is, where the application reads several.
    pub stream: Option<Arc<StreamIdentifier>>,
}

impl Record {
    /// A record for tests of handlers.
    pub fn new(
        place: ExtendedSequenceNumber,
        partition_key: impl Into<String>,
        data: impl Into<Bytes>,
    ) -> Self {
        Self {
            place,
            partition_key: partition_key.into(),
            explicit_hash_key: None,
            data: data.into(),
            arrived_at: None,
            stream: None,
        }
    }

    /// The sequence number as the stream gave it; records that travelled together share it.
    pub fn sequence_number(&self) -> &str {
        self.place.sequence_number()
    }

    /// Bytes of data and partition key.
    pub(crate) fn size_bytes(&self) -> usize {
        self.data.len() + self.partition_key.len()
    }
}
