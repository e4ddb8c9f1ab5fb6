//! Where records come from.

use std::collections::BTreeSet;
use std::fmt;
use std::future::Future;
use std::pin::Pin;

use millstream_types::{HashKeyRange, TimestampMs};

use crate::{ExtendedSequenceNumber, Record};

mod kinesis;
#[cfg(any(test, feature = "testing"))]
pub(crate) mod memory;

pub use kinesis::KinesisStreamReader;

/// What the operations return. It borrows nothing, so it may outlive the call's arguments.
pub type ReadFuture<T> = Pin<Box<dyn Future<Output = Result<T, ReadError>> + Send>>;

/// A shard as listed, or as named by a finished parent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shard {
    /// The shard's id.
    pub shard_id: String,
    /// The shards that it came from: none, one (split) or two (merge). They may be past retention and unlisted.
    pub parent_shard_ids: BTreeSet<String>,
    /// The hash keys of its records, if known.
    pub hash_key_range: Option<HashKeyRange>,
    /// Where its sequence numbers start, if known. A shard of a stream that was deleted and created again under its
    /// old name may have an old shard's id, but never its start.
    pub starting_sequence_number: Option<ExtendedSequenceNumber>,
    /// Whether it takes no more records.
    pub is_closed: bool,
}

/// Where an iterator starts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum IteratorPosition {
    /// At the oldest record.
    TrimHorizon,
    /// After the newest record.
    Latest,
    /// At the first record that arrived at or after this moment.
    AtTimestamp(TimestampMs),
    /// At the record with this number.
    AtSequenceNumber(String),
    /// After the record with this number.
    AfterSequenceNumber(String),
}

/// An iterator as the service made it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ShardIterator {
    /// What [`StreamReader::get_records`] takes.
    pub token: String,
    /// A moment at or before the making of the iterator, on the clock that gives records their arrival times; `None`
    /// if the service does not tell.
    pub made_at: Option<TimestampMs>,
}

/// The answer to one read.
#[derive(Debug, Clone, Default)]
pub struct GetRecords {
    /// Records in the order of their sequence numbers; may be empty before the tip is reached.
    pub records: Vec<Record>,
    /// The iterator for the next read; `None` at the end of a closed shard.
    pub next_shard_iterator: Option<String>,
    /// How far the end of this answer is behind the tip, in milliseconds; 0 at the tip.
    pub millis_behind_latest: u64,
    /// With no next iterator: the shards that follow this one.
    pub child_shards: Vec<Shard>,
}

/// Why a read failed.
#[non_exhaustive]
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// The iterator is too old. Get a new one.
    #[error("the shard iterator has expired: a new one is asked for")]
    ExpiredIterator,
    /// The service asks for fewer calls. Try again later.
    #[error(
        "the stream is throttled: too many readers share its shards, or poll_interval is too short"
    )]
    Throttled,
    /// The stream or the shard does not exist.
    #[error("not found: {0}")]
    NotFound(String),
    /// The service does not take the call as it is. The same call will be refused again.
    #[error("the stream refuses the read: {0}")]
    Refused(String),
    /// The service could not be reached or has failed. Try again later.
    #[error("the stream does not answer: is its service there, and are region and endpoint right?")]
    Unavailable(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// No answer came in time.
    #[error("the stream did not answer in time")]
    TimedOut,
}

pub(crate) mod sealed {
    /// Only this crate reads streams.
    pub trait Sealed {}
}

/// A stream that can be read shard by shard. Implemented by this crate alone.
pub trait StreamReader: sealed::Sealed + Send + Sync + fmt::Debug {
    /// All shards that still hold records or take them.
    fn list_shards(&self) -> ReadFuture<Vec<Shard>>;

    /// An iterator for [`get_records`](Self::get_records).
    fn shard_iterator(
        &self,
        shard_id: &str,
        position: IteratorPosition,
    ) -> ReadFuture<ShardIterator>;

    /// Reads at most `records_max` records.
    fn get_records(&self, shard_iterator: &str, records_max: u32) -> ReadFuture<GetRecords>;
}
