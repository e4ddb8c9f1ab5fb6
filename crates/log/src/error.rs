//! How operations on logs fail.

/// Why an entry was certainly not written. The caller may append it again or answer a clear failure.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
pub enum NotWritten {
    /// A CLOSE entry stands in the log.
    #[error("the log is closed")]
    Closed,
    /// Larger than [`Caps::entry_bytes_max`](crate::Caps::entry_bytes_max).
    #[error("the entry is too large")]
    TooLarge,
    /// Never created, or deleted.
    #[error("the log does not exist")]
    NoSuchLog,
    /// The disk is full but for what is kept for commands, trims and deletes. Retry when there is room.
    #[error("there is no room on the disk")]
    NoRoom,
    /// Too many bytes wait for the disk. Retry.
    #[error("too many bytes wait for the disk")]
    Overloaded,
    /// An earlier write failed for good, or the engine is stopping: it takes no more writes.
    #[error("the log engine takes no more writes")]
    Stopped,
}

/// How an append ends when it is not acknowledged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
pub enum AppendError {
    /// Certainly not written, now or later.
    #[error("not written: {0}")]
    NotWritten(#[from] NotWritten),
    /// It may or may not be there after a restart. Never treat it as written or as not written.
    #[error("the outcome is unknown")]
    OutcomeUnknown,
}

/// How any other operation fails.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EngineError {
    /// Never created, or deleted.
    #[error("the log does not exist")]
    NoSuchLog,
    /// As in [`NotWritten::Stopped`].
    #[error("the log engine takes no more writes")]
    Stopped,
    /// The operation may or may not have happened; all of them are idempotent, so do it again.
    #[error("the outcome is unknown")]
    OutcomeUnknown,
    /// Stored bytes are damaged; the text names file and position.
    #[error("damaged: {0}")]
    Damaged(String),
    /// The disk or the network failed.
    #[error("{0}")]
    Io(String),
}
