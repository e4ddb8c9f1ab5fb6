//! How a processor says what it has finished.

use std::sync::{Arc, Mutex, PoisonError};

use tokio::runtime::Handle;

use crate::held_lease::HeldLease;
use crate::{
    Checkpoint, CheckpointError, ExtendedSequenceNumber, Lease, PendingCheckpoint, RecordBatch,
    tasks,
};

/// Stores how far a shard has been processed.
///
/// Checkpoints only go forward, and only while the lease is held. A call that is dropped may still take effect.
#[derive(Debug, Clone)]
pub struct Checkpointer {
    held: Arc<HeldLease>,
    delivered: Arc<Mutex<Delivered>>,
    runtime: Handle,
}

/// What may be checkpointed.
#[derive(Debug, Clone, Default)]
enum Delivered {
    #[default]
    Nothing,
    /// All of these records, but for those that were noted as not done.
    Batch(RecordBatch),
    /// Everything up to this place is done.
    UpTo(ExtendedSequenceNumber),
}

impl Delivered {
    /// The last record that may be checkpointed.
    fn limit(&self) -> Option<ExtendedSequenceNumber> {
        match self {
            Self::Nothing => None,
            Self::UpTo(place) => Some(place.clone()),
            Self::Batch(batch) => {
                let unfinished = batch.first_unfinished();
                let records = batch.records().iter().rev();
                let mut before = records.skip_while(|record| {
                    unfinished.is_some_and(|unfinished| record.place >= *unfinished)
                });
                Some(before.next()?.place.clone())
            }
        }
    }
}

impl Checkpointer {
    /// `runtime` makes the calls to the table: a processor's own runtime may be busy.
    pub(crate) fn new(held: Arc<HeldLease>, runtime: Handle) -> Self {
        Self {
            held,
            delivered: Arc::default(),
            runtime,
        }
    }

    /// These records are handed out, and all before the first of them are done.
    pub(crate) fn deliver(&self, batch: &RecordBatch) {
        *self.delivered_slot() = Delivered::Batch(batch.clone());
    }

    pub(crate) fn all_done(&self, up_to: &ExtendedSequenceNumber) {
        *self.delivered_slot() = Delivered::UpTo(up_to.clone());
    }

    /// The shard.
    pub fn shard_id(&self) -> &str {
        self.held.key()
    }

    /// Checkpoints the last record delivered, which includes the batch in hand up to the first record that was noted
    /// as not done. Does nothing if there is none.
    ///
    /// # Errors
    /// See [`CheckpointError`].
    pub async fn checkpoint(&self) -> Result<(), CheckpointError> {
        let delivered = self.delivered_slot().limit();
        match delivered {
            Some(place) => self.checkpoint_at(&place).await,
            None => Ok(()),
        }
    }

    /// Checkpoints everything up to and including `place`, and clears a prepared checkpoint.
    ///
    /// # Errors
    /// See [`CheckpointError`]; a place outside the delivered range is [`CheckpointError::OutOfRange`].
    pub async fn checkpoint_at(
        &self,
        place: &ExtendedSequenceNumber,
    ) -> Result<(), CheckpointError> {
        let delivered = self.delivered_slot().limit();
        let place = place.clone();
        self.write(move |row| {
            check(row, &place, delivered.as_ref())?;
            Ok(Lease {
                checkpoint: Checkpoint::At(place.clone()),
                latest_at: None,
                pending_checkpoint: None,
                ..row.clone()
            })
        })
        .await
    }

    /// Everything up to `place` is done: the policy's checkpoint, not the processor's. A prepared checkpoint that lies
    /// beyond is kept.
    pub(crate) async fn store_done(
        &self,
        place: &ExtendedSequenceNumber,
    ) -> Result<(), CheckpointError> {
        let done = Checkpoint::At(place.clone());
        self.write(move |row| {
            if row.checkpoint >= done {
                return Ok(row.clone());
            }
            let pending = row.pending_checkpoint.clone();
            Ok(Lease {
                checkpoint: done.clone(),
                latest_at: None,
                pending_checkpoint: pending.filter(|pending| pending.checkpoint > done),
                ..row.clone()
            })
        })
        .await
    }

    /// Announces a checkpoint at `place` together with whatever a successor needs to repeat the step. It is kept
    /// until the next checkpoint of the processor's own or of the policy, and handed to the processor of a worker that takes over.
    ///
    /// `state` is stored in the lease's row: with everything else it must stay below 400 KB.
    ///
    /// # Errors
    /// See [`CheckpointError`]; a place outside the delivered range is [`CheckpointError::OutOfRange`].
    pub async fn prepare(
        &self,
        place: &ExtendedSequenceNumber,
        state: Option<Vec<u8>>,
    ) -> Result<(), CheckpointError> {
        let delivered = self.delivered_slot().limit();
        let place = place.clone();
        self.write(move |row| {
            check(row, &place, delivered.as_ref())?;
            let pending = PendingCheckpoint {
                checkpoint: Checkpoint::At(place.clone()),
                state: state.clone(),
            };
            Ok(Lease {
                pending_checkpoint: Some(pending),
                ..row.clone()
            })
        })
        .await
    }

    async fn write(
        &self,
        change: impl Fn(&Lease) -> Result<Lease, CheckpointError> + Send + Sync + 'static,
    ) -> Result<(), CheckpointError> {
        let held = Arc::clone(&self.held);
        let write = tasks::of_this_process(async move { held.update(change).await });
        let written = self.runtime.spawn(write);
        written.await.map_err(|_| CheckpointError::ShuttingDown)?
    }

    fn delivered_slot(&self) -> std::sync::MutexGuard<'_, Delivered> {
        self.delivered
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whether `place` may become the checkpoint: not before the last one, not after the last record delivered.
fn check(
    row: &Lease,
    place: &ExtendedSequenceNumber,
    delivered: Option<&ExtendedSequenceNumber>,
) -> Result<(), CheckpointError> {
    let is_forward = match row.checkpoint.place() {
        Some(last) => last <= place,
        None => !row.is_finished(),
    };
    let is_delivered =
        delivered.is_some_and(|last| place <= last) || row.checkpoint.place() == Some(place);
    if is_forward && is_delivered {
        return Ok(());
    }
    Err(CheckpointError::OutOfRange {
        place: place.clone(),
        checkpoint: row.checkpoint.clone(),
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn place(n: u64) -> ExtendedSequenceNumber {
        ExtendedSequenceNumber::new(&n.to_string(), 0).unwrap()
    }

    proptest! {
        #[test]
        fn only_forward_and_only_what_was_delivered(last in prop::option::of(0u64..20), at in 0u64..20, delivered in prop::option::of(0u64..20)) {
            let checkpoint = last.map_or(Checkpoint::TrimHorizon, |n| Checkpoint::At(place(n)));
            let row = Lease::unowned("s", checkpoint);
            let allowed = last.is_none_or(|last| at >= last)
                && (delivered.is_some_and(|delivered| at <= delivered) || last == Some(at));
            prop_assert_eq!(check(&row, &place(at), delivered.map(place).as_ref()).is_ok(), allowed);
        }
    }

    #[test]
    fn nothing_follows_the_end() {
        let row = Lease::unowned("s", Checkpoint::ShardEnd);
        assert!(check(&row, &place(1), Some(&place(1))).is_err());
    }
}
