//! Ordered, durable logs: the one idea that carries the server.
//!
//! Everything that Millstream must remember about streams is a *log*: a sequence of opaque *entries* at rising
//! offsets. A shard is a log of record envelopes; the catalog is a state machine over a log of commands.
//! [`LogEngine`] is the contract that the stream service builds on. It asks for no compare-and-append and keeps
//! no cursor for a reader, so that a cluster can implement it with a raw, stateless fetch.
//!
//! Deliberately absent: records, sequence numbers, retention and every other word of Kinesis.

#[cfg(feature = "contract")]
pub mod contract;
mod counters;
mod engine;
mod entry;
mod error;
mod memory;
mod place;
mod snapshot;
mod status;

pub use counters::{Counter, CounterValue, TIME_BOUNDS_US, TimeHistogram, Times};
pub use engine::{Caps, LogEngine, LogFuture, LogSpec};
pub use entry::{Append, AppendId, Appended, Bounds, Entry, EntryKind, ReadFrom, ReadOutcome};
pub use error::{AppendError, EngineError, NotWritten};
pub use memory::{MemoryEngine, MemorySettings, MemorySnapshots};
pub use place::{GroupId, LogId, Place};
pub use snapshot::{Snapshot, SnapshotStore};
pub use status::EngineStatus;
