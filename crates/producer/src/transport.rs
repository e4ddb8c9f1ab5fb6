//! How records get to the stream.

use std::fmt;
use std::pin::Pin;

use bytes::Bytes;
use millstream_types::{HashKey, HashKeyRange};

mod kinesis;
#[cfg(any(test, feature = "testing"))]
mod memory;

pub use kinesis::KinesisTransport;
#[cfg(any(test, feature = "testing"))]
pub use memory::{MemoryStream, StoredRecord};

/// What the operations return. It borrows nothing, so it may outlive the call's arguments.
pub type TransportFuture<T> = Pin<Box<dyn Future<Output = Result<T, CallError>> + Send>>;

/// One record of a PutRecords call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PutEntry {
    /// 1 to 256 characters.
    pub partition_key: String,
    /// Places the record.
    pub explicit_hash_key: HashKey,
    /// The record itself: a user record, or an aggregate of several.
    pub data: Bytes,
}

/// What PutRecords answers for one record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PutAnswer {
    /// It is stored.
    Stored {
        /// The shard that holds it.
        shard_id: String,
        /// Its number there.
        sequence_number: String,
    },
    /// It is not stored.
    Refused {
        /// `ProvisionedThroughputExceededException` or `InternalFailure`.
        code: String,
        /// The service's words.
        message: String,
    },
}

/// An open shard, as listed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OpenShard {
    /// Its id.
    pub shard_id: String,
    /// The hash keys of its records.
    pub hash_key_range: HashKeyRange,
}

/// What to make of a failed call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CallErrorKind {
    /// No answer, or one that tells nothing: its records may be stored.
    Unknown,
    /// The service could not do it now. Nothing is stored.
    Throttled,
    /// The service does not take this request. Another one may do.
    Invalid,
    /// The service takes no request of this kind: no such stream, no permission.
    Denied,
}

/// A call failed as a whole.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message} ({code})")]
pub struct CallError {
    /// What to make of it.
    pub kind: CallErrorKind,
    /// The service's error code, or a word for what is no error of the service.
    pub code: String,
    /// What happened.
    pub message: String,
}

/// A stream that records can be put on. The two operations of the API that a producer needs.
pub trait Transport: Send + Sync + fmt::Debug + 'static {
    /// Puts records; the answers come in their order.
    fn put_records(&self, entries: Vec<PutEntry>) -> TransportFuture<Vec<PutAnswer>>;

    /// The open shards.
    fn list_shards(&self) -> TransportFuture<Vec<OpenShard>>;
}
