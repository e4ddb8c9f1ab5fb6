//! Where a state machine keeps its snapshots, so that its log can be trimmed.

use std::fmt;

use bytes::Bytes;

use crate::{EngineError, LogFuture};

/// The state of a state machine after the entries below an offset.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Snapshot {
    /// Entries below this offset are in the state; replay starts here.
    pub offset: u64,
    /// The state, opaque.
    pub state: Bytes,
}

/// Keeps the two newest snapshots of one state machine.
pub trait SnapshotStore: Send + Sync + fmt::Debug {
    /// Stores a snapshot; durable when answered. A crash in the middle leaves the older ones whole. A snapshot whose
    /// offset is not above the newest one's changes nothing.
    fn save(&self, snapshot: Snapshot) -> LogFuture<Result<(), EngineError>>;

    /// The snapshots that are whole, newest first; empty if there are none. A damaged one is left out and reported
    /// in the log; it is an error only if no whole one is left.
    fn load(&self) -> LogFuture<Result<Vec<Snapshot>, EngineError>>;
}
