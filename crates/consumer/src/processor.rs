//! What an application writes.

use std::future::Future;
use std::time::Instant;

use crate::{BoxError, Checkpoint, Checkpointer, Failure, PendingCheckpoint, RecordBatch};

/// Where a processor starts.
#[non_exhaustive]
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ShardStart {
    /// The shard.
    pub shard_id: String,
    /// Records up to and including this place are not delivered.
    pub checkpoint: Checkpoint,
    /// What a predecessor announced by [`Checkpointer::prepare`] and did not confirm.
    pub pending_checkpoint: Option<PendingCheckpoint>,
}

impl ShardStart {
    /// The start of a shard of which nothing is processed, for tests of processors.
    pub fn at(shard_id: impl Into<String>, checkpoint: Checkpoint) -> Self {
        Self {
            shard_id: shard_id.into(),
            checkpoint,
            pending_checkpoint: None,
        }
    }
}

/// The application's logic for one shard. One value serves one shard, as long as this worker holds its lease.
///
/// Methods of one processor never run at the same time. When the lease is lost, a running future is dropped at its
/// next await, and [`lease_lost`](Self::lease_lost) follows: another worker may already be processing the same
/// records. A method that blocks its thread delays that; give such processors threads of their own
/// ([`ConsumerBuilder::processor_threads`](crate::ConsumerBuilder::processor_threads)).
///
/// What is done is checkpointed as the [`CheckpointPolicy`](crate::CheckpointPolicy) says. A [`Failure`] is handled
/// as it says itself, or as the [`FailurePolicy`](crate::FailurePolicy) says; nothing is skipped. To pass over a
/// record, return `Ok`. A panic, or the error [`StartOver`](crate::StartOver), discards the processor; a new one starts at
/// the last checkpoint.
pub trait RecordProcessor: Send + 'static {
    /// Processes records. `Ok` means that all of them are done, but for those of which `batch` was told otherwise.
    /// Called again with the records that are not done.
    fn process(
        &mut self,
        batch: &RecordBatch,
        checkpointer: &Checkpointer,
    ) -> impl Future<Output = Result<(), Failure>> + Send;

    /// Called once before anything else. Called again if it fails.
    fn started(
        &mut self,
        start: &ShardStart,
        checkpointer: &Checkpointer,
    ) -> impl Future<Output = Result<(), BoxError>> + Send {
        let _ = (start, checkpointer);
        async { Ok(()) }
    }

    /// When [`timer_fired`](Self::timer_fired) is to be called, whether or not records arrive. Asked after every
    /// call of another method. By default never.
    fn next_timer(&self) -> Option<Instant> {
        None
    }

    /// The moment of [`next_timer`](Self::next_timer) has come. Called again if it fails.
    fn timer_fired(
        &mut self,
        checkpointer: &Checkpointer,
    ) -> impl Future<Output = Result<(), BoxError>> + Send {
        let _ = checkpointer;
        async { Ok(()) }
    }

    /// Another worker may take the shard; nothing can be checkpointed any more.
    fn lease_lost(&mut self) -> impl Future<Output = ()> + Send {
        async {}
    }

    /// All records of the shard have been processed. Called again if it fails; after `Ok` the library checkpoints
    /// the end of the shard, and its children start.
    fn shard_ended(
        &mut self,
        checkpointer: &Checkpointer,
    ) -> impl Future<Output = Result<(), BoxError>> + Send {
        let _ = checkpointer;
        async { Ok(()) }
    }

    /// The worker is about to stop, or to hand the shard over, and to release the lease: the last chance to
    /// checkpoint. Called once, and not while a failed batch waits for its next try; an error is logged.
    fn stop_requested(
        &mut self,
        checkpointer: &Checkpointer,
    ) -> impl Future<Output = Result<(), BoxError>> + Send {
        let _ = checkpointer;
        async { Ok(()) }
    }
}
