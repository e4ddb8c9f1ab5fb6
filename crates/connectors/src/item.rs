//! What is delivered.

use std::fmt::Write;
use std::sync::Arc;

use bytes::Bytes;
use serde_json::Value;

/// The record that an item came from: what is kept if no sink takes the item.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Origin {
    /// Its shard.
    pub shard_id: String,
    /// Its sequence number, in decimal digits.
    pub sequence_number: String,
    /// Its index among the records that it travelled with.
    pub sub_sequence_number: u64,
    /// Its partition key.
    pub partition_key: String,
    /// When the stream took it, in milliseconds since 1970.
    pub arrived_ms: u64,
    /// Its bytes.
    pub data: Bytes,
}

/// Room for the two indexes of an id, as they mostly are, and for what stands between its parts.
const NUMBERS_BYTES: usize = 16;

/// One value on its way to a sink. Clones share the contents.
#[derive(Debug, Clone)]
pub struct Item {
    /// The same however often the item comes: `stream:shard:sequence:subsequence`, and `:index` behind it for all but the
    /// first value of a record; for a result of a window `pipeline:window:key`.
    pub id: Arc<str>,
    /// Items of one id replace each other in this order: 0 for records, the revision for results of windows.
    pub revision: u32,
    /// Where it came from.
    pub origin: Arc<Origin>,
    /// The value.
    pub value: Arc<Value>,
    /// The value's bytes, if it is no JSON but raw data.
    pub raw: Option<Bytes>,
    /// About how many bytes it takes.
    pub bytes: usize,
}

impl Item {
    /// An item of a record; `index` counts the values of the record from 0.
    pub fn of_record(
        stream: &str,
        origin: Arc<Origin>,
        index: usize,
        value: Value,
        raw: Option<Bytes>,
        bytes: usize,
    ) -> Self {
        let Origin {
            shard_id,
            sequence_number,
            sub_sequence_number,
            ..
        } = &*origin;
        // Whole from the start: most of it is the long number.
        let mut id = String::with_capacity(
            stream.len() + shard_id.len() + sequence_number.len() + NUMBERS_BYTES,
        );
        let written = write!(
            id,
            "{stream}:{shard_id}:{sequence_number}:{sub_sequence_number}"
        );
        let written = written.and_then(|()| match index {
            0 => Ok(()),
            _ => write!(id, ":{index}"),
        });
        written.expect("memory takes every text");
        Self {
            id: id.into(),
            revision: 0,
            origin,
            value: Arc::new(value),
            raw,
            bytes,
        }
    }
}
