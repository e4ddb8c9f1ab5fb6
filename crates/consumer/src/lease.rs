//! One row of the lease table.

use std::collections::BTreeSet;

use millstream_types::{HashKeyRange, TimestampMs};

use crate::{Checkpoint, ExtendedSequenceNumber, PendingCheckpoint, Shard};

/// A lease: who processes a shard, and how far it got.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lease {
    /// The shard's id.
    pub lease_key: String,
    /// The worker that holds the lease, if any; while it is handed over, the worker that is going to.
    pub lease_owner: Option<String>,
    /// While the lease is handed over: the worker that still holds it, and finishes what it has in hand.
    pub checkpoint_owner: Option<String>,
    /// Raised by every change of owner, renewal and checkpoint; each of these names the value that it saw.
    pub lease_counter: u64,
    /// Changes of owner since the last checkpoint.
    pub owner_switches_since_checkpoint: u64,
    /// How far the shard has been processed.
    pub checkpoint: Checkpoint,
    /// A prepared checkpoint, if one is outstanding.
    pub pending_checkpoint: Option<PendingCheckpoint>,
    /// The shards that this one came from; set when the row is made.
    pub parent_shard_ids: BTreeSet<String>,
    /// The shards that came from this one; known once the shard has ended.
    pub child_shard_ids: BTreeSet<String>,
    /// The hash keys of the shard, if known.
    pub hash_key_range: Option<HashKeyRange>,
    /// With the checkpoint LATEST: the moment that LATEST stands for, once a worker has opened the shard.
    pub latest_at: Option<TimestampMs>,
    /// Where the shard's sequence numbers start, if known: what tells it from a shard of the same id in a stream that
    /// was deleted and created again.
    pub starting_sequence_number: Option<ExtendedSequenceNumber>,
}

impl Lease {
    /// A new row that nobody holds.
    pub fn unowned(lease_key: impl Into<String>, checkpoint: Checkpoint) -> Self {
        Self {
            lease_key: lease_key.into(),
            lease_owner: None,
            checkpoint_owner: None,
            lease_counter: 0,
            owner_switches_since_checkpoint: 0,
            checkpoint,
            pending_checkpoint: None,
            parent_shard_ids: BTreeSet::new(),
            child_shard_ids: BTreeSet::new(),
            hash_key_range: None,
            latest_at: None,
            starting_sequence_number: None,
        }
    }

    /// A new row for `shard` that nobody holds.
    pub(crate) fn of_shard(shard: &Shard, checkpoint: Checkpoint) -> Self {
        Self {
            parent_shard_ids: shard.parent_shard_ids.clone(),
            hash_key_range: shard.hash_key_range,
            starting_sequence_number: shard.starting_sequence_number.clone(),
            ..Self::unowned(&shard.shard_id, checkpoint)
        }
    }

    /// Whether the whole shard has been processed.
    pub fn is_finished(&self) -> bool {
        self.checkpoint == Checkpoint::ShardEnd
    }

    /// Whether both rows were made for one shard, and not one of them for the shard of that id in a stream that was
    /// deleted and created again.
    pub(crate) fn is_of_same_shard(&self, other: &Self) -> bool {
        self.starting_sequence_number == other.starting_sequence_number
    }

    /// Who processes the shard, if anybody does.
    pub(crate) fn holder(&self) -> Option<&str> {
        let holder = self.checkpoint_owner.as_ref().or(self.lease_owner.as_ref());
        holder.map(String::as_str)
    }

    /// Whether another worker still holds the lease and is going to pass it on to `worker_id`.
    pub(crate) fn is_being_handed_to(&self, worker_id: &str) -> bool {
        self.is_owned_by(worker_id) && self.checkpoint_owner.is_some()
    }

    /// Whether `worker_id` holds the lease, or is going to.
    pub fn is_owned_by(&self, worker_id: &str) -> bool {
        self.lease_owner.as_deref() == Some(worker_id)
    }
}
