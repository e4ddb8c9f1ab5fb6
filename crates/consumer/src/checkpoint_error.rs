//! Why a checkpoint is refused.

use crate::{Checkpoint, ExtendedSequenceNumber, InvalidCheckpoint, LeaseTableError};

/// Why a checkpoint was not taken.
#[non_exhaustive]
#[derive(Debug, thiserror::Error)]
pub enum CheckpointError {
    /// Another worker has the shard, or may have it. Stop processing; it starts at the last checkpoint.
    #[error(
        "the lease of the shard is lost: stop processing it, another worker goes on from the last checkpoint"
    )]
    LeaseLost,
    /// The place lies before the last checkpoint, or is not yet done: it was not delivered, or the batch in hand was
    /// told that it, or a record before it, is not done.
    #[error(
        "{place} is not between the last checkpoint, {checkpoint}, and the last record that was delivered and not \
         noted as failed"
    )]
    OutOfRange {
        /// The place asked for.
        place: ExtendedSequenceNumber,
        /// The last checkpoint.
        checkpoint: Checkpoint,
    },
    /// The text is not a sequence number.
    #[error(transparent)]
    Invalid(#[from] InvalidCheckpoint),
    /// The lease table failed. The checkpoint may have been taken all the same; asking again is safe.
    #[error("the checkpoint may not be stored: the lease table failed; it is safe to try again")]
    Table(#[from] LeaseTableError),
    /// The runtime is shutting down.
    #[error("the checkpoint was not stored: the runtime is shutting down")]
    ShuttingDown,
}
