//! Where records come from: by polling and by enhanced fan-out, which are equals here.

use std::collections::BTreeSet;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

use millstream_types::{HashKeyRange, TimestampMs};
use tokio::time::timeout;

use crate::{ExtendedSequenceNumber, Record};

mod fan_out;
mod kinesis;
mod looking_up;
#[cfg(any(test, feature = "testing"))]
pub(crate) mod memory;
mod one_of_several;
mod polling;

pub use fan_out::FanOut;
pub(crate) use one_of_several::OneOfSeveral;
pub use polling::Polling;

/// What the operations return. It borrows nothing, so it may outlive the call's arguments.
pub type ReadFuture<T> = Pin<Box<dyn Future<Output = Result<T, ReadError>> + Send>>;

/// What [`ShardReads::next`] returns.
pub type NextRead<'a> = Pin<Box<dyn Future<Output = Result<ShardRead, ReadError>> + Send + 'a>>;

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

/// Where the reading of a shard starts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StartingPosition {
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

/// A shard that is being read.
#[derive(Debug)]
pub struct OpenShard {
    /// Where its records come from.
    pub reads: Box<dyn ShardReads>,
    /// A moment at or before the opening, on the clock that gives records their arrival times; `None` if the service
    /// does not tell.
    pub opened_at: Option<TimestampMs>,
}

/// What one read brought.
#[derive(Debug, Clone, Default)]
pub struct ShardRead {
    /// Records in the order of their sequence numbers; may be empty before the tip is reached.
    pub records: Vec<Record>,
    /// The number after which the reading goes on, where the service says so; otherwise it is that of the last record.
    pub continue_after: Option<String>,
    /// How far the end of this read is behind the tip, in milliseconds; 0 at the tip.
    pub millis_behind_latest: u64,
    /// The shards that follow, if this was the last read of a closed shard.
    pub end: Option<Vec<Shard>>,
}

/// Why a read failed.
#[non_exhaustive]
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// The iterator is too old, or the subscription has ended: open the shard again.
    #[error("the shard must be opened again")]
    Expired,
    /// The service asks for fewer calls. Try again later.
    #[error(
        "the stream is throttled: too many readers share its shards, or reads_per_second_max is too high"
    )]
    Throttled,
    /// Another subscription of the same consumer has the shard. Try again later.
    #[error("another subscription of the consumer has the shard; it ends within five minutes")]
    InUse,
    /// The stream, the shard or the consumer does not exist.
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

/// How long one call to the stream may take.
pub(crate) const READ_TIMEOUT: Duration = Duration::from_secs(30);

pub(crate) async fn in_time<T>(call: ReadFuture<T>) -> Result<T, ReadError> {
    timeout(READ_TIMEOUT, call)
        .await
        .unwrap_or(Err(ReadError::TimedOut))
}

pub(crate) mod sealed {
    /// Only this crate reads streams.
    pub trait Sealed {}
}

/// A stream that can be read shard by shard: [`Polling`] or [`FanOut`]. Implemented by this crate alone.
pub trait Source: sealed::Sealed + Send + Sync + fmt::Debug {
    /// All shards that still hold records or take them.
    fn list_shards(&self) -> ReadFuture<Vec<Shard>>;

    /// Begins to read a shard.
    fn open(&self, shard_id: &str, position: StartingPosition) -> ReadFuture<OpenShard>;
}

/// The reads of one shard, one after the other.
pub trait ShardReads: sealed::Sealed + Send + fmt::Debug {
    /// The next records, at most `records_max` where the service can be asked for a number. After a failure the same
    /// records come again, unless the shard must be opened again.
    fn next(&mut self, records_max: u32) -> NextRead<'_>;

    /// Whether a read waits for records by itself, so that nobody has to pause between two.
    fn is_pushed(&self) -> bool;
}
