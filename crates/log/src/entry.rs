//! What goes into a log and what comes out.

use bytes::Bytes;
use millstream_types::TimestampMs;

use crate::Place;

/// Makes an append that is sent again harmless. Chosen by the caller; unique in the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct AppendId(pub u128);

/// What an entry means to the log itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum EntryKind {
    /// Payload of the layer above.
    Data,
    /// The log ends with the first entry of this kind. An engine that sequences a log in one place refuses whatever
    /// would follow it ([`NotWritten::Closed`](crate::NotWritten::Closed)); on any engine readers stop there.
    Close,
}

/// One entry to append.
#[derive(Debug, Clone)]
pub struct Append {
    /// The log.
    pub place: Place,
    /// Ordinary, or the log's end.
    pub kind: EntryKind,
    /// Opaque bytes; at most [`Caps::entry_bytes_max`](crate::Caps::entry_bytes_max).
    pub payload: Bytes,
    /// Given where the caller may have to append the same entry again; costs a little room.
    pub id: Option<AppendId>,
}

impl Append {
    /// The same entry with an append id.
    #[must_use]
    pub fn with_id(self, id: AppendId) -> Self {
        Self {
            id: Some(id),
            ..self
        }
    }
}

/// The answer to a durable append.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Appended {
    /// Offset of the entry.
    pub offset: u64,
    /// When the log took it: the greater of the engine's clock and the time of the log's entry before.
    pub time: TimestampMs,
}

/// One entry, read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Its offset: rises from entry to entry, by one where [`Caps::dense_offsets`](crate::Caps::dense_offsets) says so.
    /// Whoever follows a log takes it from here and goes on behind it; nobody counts entries.
    pub offset: u64,
    /// Its append time; never lower than that of the entry before.
    pub time: TimestampMs,
    /// Ordinary, or the log's end.
    pub kind: EntryKind,
    /// As appended.
    pub payload: Bytes,
}

/// What a log holds now; durable entries only.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bounds {
    /// No entry below may still be read.
    pub first: u64,
    /// The next entry gets this offset, or a later one where offsets have gaps. Equal to `first` in a log without
    /// entries whose offsets are dense.
    pub next: u64,
    /// Append time of entry `next - 1`, kept even when it was trimmed; 0 if nothing was ever appended.
    pub last_time: TimestampMs,
}

/// One log's part of a read.
#[derive(Debug, Clone, Copy)]
pub struct ReadFrom {
    /// The log.
    pub place: Place,
    /// Offset of the first entry wanted, or of the one before it: a read begins with the first entry at or above.
    pub from: u64,
    /// Most bytes of payload to return; one entry is returned even if it alone is larger.
    pub bytes_max: usize,
}

/// One log's part of a read's answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ReadOutcome {
    /// The first entries at or above the offset asked for, none left out. Empty: no entry is at or above it, whatever
    /// offsets lie between it and `bounds.next`; go on from `bounds.next`. `bounds` are those of the same moment.
    Entries {
        /// In order of offset.
        entries: Vec<Entry>,
        /// What the log holds.
        bounds: Bounds,
    },
    /// The offset lies below `bounds.first` or above `bounds.next`.
    OutOfRange(Bounds),
    /// The log does not exist or is deleted.
    NoSuchLog,
    /// Stored bytes are damaged or the disk fails: `reason` names file and position. Other logs are not affected.
    ///
    /// What lies before is served first: a read that meets damage behind its first entry ends there.
    Unreadable {
        /// For the operator.
        reason: String,
        /// Above the offset asked for: where a reader goes on that gives up what is damaged. Everything below is damaged
        /// or not there. `None` if that is not known.
        next: Option<u64>,
    },
}
