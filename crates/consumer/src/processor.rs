//! What an application writes.

use std::future::Future;

use millstream_types::TimestampMs;
use tokio::time::Instant;

use crate::{Checkpoint, Checkpointer, ExtendedSequenceNumber, PendingCheckpoint};

/// Any error of an application.
pub type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// One record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// The sequence number as the stream gave it.
    pub sequence_number: String,
    /// The sequence number as a number, for comparison with checkpoints.
    pub place: ExtendedSequenceNumber,
    /// What the writer chose to place the record.
    pub partition_key: String,
    /// The record itself.
    pub data: Vec<u8>,
    /// When the stream took the record, if it says so.
    pub approximate_arrival: Option<TimestampMs>,
}

/// Records of one shard, in order; never empty.
#[derive(Debug, Clone)]
pub struct RecordBatch {
    pub(crate) records: Vec<Record>,
    pub(crate) millis_behind_latest: u64,
}

impl RecordBatch {
    /// A batch for tests of processors.
    ///
    /// # Panics
    /// If `records` is empty.
    pub fn new(records: Vec<Record>, millis_behind_latest: u64) -> Self {
        assert!(!records.is_empty(), "a batch holds at least one record");
        Self {
            records,
            millis_behind_latest,
        }
    }

    /// The records, oldest first.
    pub fn records(&self) -> &[Record] {
        &self.records
    }

    /// How far the end of the batch was behind the tip of the shard when it was read, in milliseconds.
    pub fn millis_behind_latest(&self) -> u64 {
        self.millis_behind_latest
    }
}

/// Where a processor starts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ShardStart {
    /// The shard.
    pub shard_id: String,
    /// Records up to and including this place are not delivered.
    pub checkpoint: Checkpoint,
    /// What a predecessor announced by [`Checkpointer::prepare`] and did not confirm.
    pub pending_checkpoint: Option<PendingCheckpoint>,
}

/// The application's logic for one shard. One value serves one shard, as long as this worker holds its lease.
///
/// Methods of one processor never run at the same time. When the lease is lost, a running future is dropped at its
/// next await, and [`lease_lost`](Self::lease_lost) follows: another worker may already be processing the same
/// records. A method that blocks its thread delays that; give such processors a runtime of their own
/// ([`ConsumerBuilder::processors_on`](crate::ConsumerBuilder::processors_on)).
///
/// An error is handled as the [`FailurePolicy`](crate::FailurePolicy) says; a batch is never skipped. To skip a
/// record, return `Ok`. A panic discards the processor; a new one starts at the last checkpoint.
pub trait RecordProcessor: Send + 'static {
    /// Processes records. Called again with the same batch if it fails.
    ///
    /// Nothing is checkpointed unless the processor says so through `checkpointer`.
    fn process(
        &mut self,
        batch: &RecordBatch,
        checkpointer: &Checkpointer,
    ) -> impl Future<Output = Result<(), BoxError>> + Send;

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

    /// The worker is about to stop and to release the lease: the last chance to checkpoint. Called once; an error is
    /// logged.
    fn stop_requested(
        &mut self,
        checkpointer: &Checkpointer,
    ) -> impl Future<Output = Result<(), BoxError>> + Send {
        let _ = checkpointer;
        async { Ok(()) }
    }
}
