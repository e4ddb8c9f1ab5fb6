//! What is delivered.

use std::cell::Cell;
use std::fmt::Write;
use std::sync::Arc;

use bytes::Bytes;

use crate::Json;

/// The record that an item came from: what is kept if no sink takes the item.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Origin {
    /// Its shard.
    pub shard_id: Arc<str>,
    /// Its sequence number, in decimal digits.
    pub sequence_number: Arc<str>,
    /// Its index among the records that it travelled with.
    pub sub_sequence_number: u64,
    /// Its partition key.
    pub partition_key: String,
    /// When the stream took it, in milliseconds since 1970.
    pub arrived_ms: u64,
    /// Its bytes.
    pub data: Bytes,
}

thread_local! {
    /// Room for an id.
    static ID: Cell<String> = const { Cell::new(String::new()) };
}

/// What tells an item from all others; its [`id`](Item::id) is made of it, for the sinks that want one.
#[derive(Debug, Clone)]
pub enum Identity {
    /// It is a value of its record.
    OfRecord {
        /// The record's stream.
        stream: Arc<str>,
        /// Which of the record's values it is, from 0.
        index: usize,
    },
    /// This is its id.
    Given(Arc<str>),
}

/// One value on its way to a sink. Clones share the contents.
#[derive(Debug, Clone)]
pub struct Item {
    /// Which item it is.
    pub identity: Identity,
    /// Items of one id replace each other in this order: 0 for records, the revision for results of windows.
    pub revision: u32,
    /// Where it came from.
    pub origin: Arc<Origin>,
    /// The value.
    pub value: Json,
    /// The value's bytes, if it is no JSON but raw data.
    pub raw: Option<Bytes>,
    /// About how many bytes it takes.
    pub bytes: usize,
}

impl Item {
    /// An item of a record; `index` counts the values of the record from 0.
    pub fn of_record(
        stream: impl Into<Arc<str>>,
        origin: Arc<Origin>,
        index: usize,
        value: impl Into<Json>,
        raw: Option<Bytes>,
        bytes: usize,
    ) -> Self {
        let stream = stream.into();
        Self {
            identity: Identity::OfRecord { stream, index },
            revision: 0,
            origin,
            value: value.into(),
            raw,
            bytes,
        }
    }

    /// The same however often the item comes: `stream:shard:sequence:subsequence`, and `:index` behind it for all but the
    /// first value of a record; for a result of a window `pipeline:window:key`.
    pub fn id(&self) -> Arc<str> {
        let (stream, index) = match &self.identity {
            Identity::OfRecord { stream, index } => (stream, *index),
            Identity::Given(id) => return Arc::clone(id),
        };
        let Origin {
            shard_id,
            sequence_number,
            sub_sequence_number,
            ..
        } = &*self.origin;
        // Shared texts are made of others: this one is used again.
        let mut id = ID.take();
        id.clear();
        let written = write!(
            id,
            "{stream}:{shard_id}:{sequence_number}:{sub_sequence_number}"
        );
        let written = written.and_then(|()| match index {
            0 => Ok(()),
            _ => write!(id, ":{index}"),
        });
        written.expect("memory takes every text");
        let shared = id.as_str().into();
        ID.set(id);
        shared
    }
}
