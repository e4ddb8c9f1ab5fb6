//! The contract between the stream service and whatever keeps its logs.

use std::fmt;
use std::time::Duration;

use futures::future::BoxFuture;
use millstream_types::TimestampMs;
use tokio::sync::watch;

use crate::{
    Append, AppendError, Appended, Bounds, Counter, EngineError, EngineStatus, GroupId, LogId,
    Place, ReadFrom, ReadOutcome,
};

/// What the operations return. It borrows nothing, so it may outlive the call's arguments.
pub type LogFuture<T> = BoxFuture<'static, T>;

/// Wishes for a new log. Empty today; an engine on a cluster takes replication from here.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct LogSpec {}

/// What an engine can do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Caps {
    /// Most bytes of one entry's payload.
    pub entry_bytes_max: usize,
    /// Whether acknowledged entries survive a kill of the process; `None` if it cannot know.
    pub survives_kill: Option<bool>,
    /// Whether acknowledged entries survive a power cut; `None` if it cannot know.
    pub survives_power_cut: Option<bool>,
    /// Whether a log's entries have every offset from 0 up. Where not, offsets rise with gaps that no entry fills.
    pub dense_offsets: bool,
    /// Whether an entry that comes after a CLOSE gets no offset. Where not, it may stand behind the CLOSE, where no
    /// reader looks, and is answered as [`Closed`](crate::NotWritten::Closed) all the same.
    pub closes_in_place: bool,
    /// How many of a log's most recent entries with an [`AppendId`](crate::AppendId) are recognised when sent again.
    pub append_ids_kept: usize,
}

/// Ordered, durable logs.
///
/// ```text
///   trimmed │ first … entries, rising offsets … │ next: the tail
/// ```
///
/// * **Durable first.** An append is answered, read, counted in [`bounds`](Self::bounds) or found by time only once
///   it is as durable as [`caps`](Self::caps) declares.
/// * **Order.** Appends of one caller to one log take offsets in the order of the calls; entries of one call in the
///   order of the list. Each entry is there whole or not at all; the entries of one call are independent.
/// * **When it happens.** An operation is submitted by the call, not by the first poll. Dropping the future
///   drops only the answer: the operation may still take effect.
/// * **Not written is not unknown.** See [`AppendError`].
/// * All operations may be called from any task, concurrently.
pub trait LogEngine: Send + Sync + fmt::Debug {
    /// Creates a log. Idempotent: the same ids give the same place and leave an existing log as it is.
    /// Creating a deleted log, or a log of a deleted group, is [`EngineError::NoSuchLog`].
    fn create(
        &self,
        group: GroupId,
        log: LogId,
        spec: LogSpec,
    ) -> LogFuture<Result<Place, EngineError>>;

    /// Deletes a log. Idempotent. Durable when answered; reads that are open finish or end with
    /// [`ReadOutcome::NoSuchLog`].
    fn delete(&self, place: Place) -> LogFuture<Result<(), EngineError>>;

    /// Deletes all logs of a group, and those that are being created. Idempotent.
    fn delete_group(&self, group: GroupId) -> LogFuture<Result<(), EngineError>>;

    /// Appends entries; one answer per entry, in the order of the list.
    ///
    /// An entry with the [`AppendId`](crate::AppendId) of one of the log's
    /// [`append_ids_kept`](Caps::append_ids_kept) last such entries is not written again: the answer is the first
    /// one's, also after a restart and after a CLOSE.
    fn append_many(&self, appends: Vec<Append>) -> LogFuture<Vec<Result<Appended, AppendError>>>;

    /// Reads from several logs; one outcome per item, in the order of the list.
    ///
    /// Answers as soon as any item has an entry or is not [`Entries`](ReadOutcome::Entries), at the latest after
    /// `wait`. Needs no cursor: the same offset may be read again and again, from anywhere.
    fn read_many(&self, reads: Vec<ReadFrom>, wait: Duration) -> LogFuture<Vec<ReadOutcome>>;

    /// The part of [`read_many`](Self::read_many) that memory alone can answer, at once; `None` where it might have to
    /// wait, for a disk or a network. A caller that bounds how many reads may wait asks here first.
    ///
    /// An engine may always say `None`, as this one does that stands in for those that say nothing.
    fn read_now(&self, read: ReadFrom) -> Option<ReadOutcome> {
        let _ = read;
        None
    }

    /// First and next offset, from memory.
    fn bounds(&self, place: Place) -> LogFuture<Result<Bounds, EngineError>>;

    /// An offset at or before the first entry that was appended at or after `time`: early is allowed, late never.
    /// `bounds.next` if there is no such entry; never below `bounds.first`.
    fn offset_for_time(
        &self,
        place: Place,
        time: TimestampMs,
    ) -> LogFuture<Result<u64, EngineError>>;

    /// Allows the engine to drop entries below `before`. Advisory and idempotent: the engine may keep them, a lower
    /// `before` than an earlier one has no effect, one above `next` counts as `next`. Offsets never change. Where offsets
    /// have gaps, `first` may be as high as the first entry at or above `before`.
    fn trim(&self, place: Place, before: u64) -> LogFuture<Result<(), EngineError>>;

    /// An offset above every entry whose append to this log was answered before the call.
    fn barrier(&self, place: Place) -> LogFuture<Result<u64, EngineError>>;

    /// What this engine can do. Constant for its life.
    fn caps(&self) -> Caps;

    /// Whether the engine takes writes, now and as it changes: for health, logs and whoever ends the process.
    ///
    /// Whoever is told of a write that failed for good, or for want of room, finds it here already. A stop is no
    /// failure: it leaves the status as it was.
    fn status(&self) -> watch::Receiver<EngineStatus>;

    /// What the engine tells of itself in numbers, each name once, always the same names in the same order. Reads
    /// memory. An engine that counts entries calls those that it has acknowledged `entries`.
    fn counters(&self) -> Vec<Counter> {
        Vec::new()
    }

    /// Checks what can be checked of the engine's promises (lock, clock, disk). An error is fatal: do not serve.
    fn verify(&self) -> LogFuture<Result<(), EngineError>>;

    /// Finishes what was submitted, makes it durable and ends the engine's tasks and threads. Later writes are
    /// [`Stopped`](EngineError::Stopped); reads that wait are answered at once with what there is. Idempotent.
    fn stop(&self) -> LogFuture<Result<(), EngineError>>;
}
