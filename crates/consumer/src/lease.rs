//! One row of the lease table.

use std::collections::BTreeSet;

use millstream_types::HashKeyRange;

use crate::{Checkpoint, PendingCheckpoint};

/// A lease: who processes a shard, and how far it got.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lease {
    /// The shard's id.
    pub lease_key: String,
    /// The worker that holds the lease, if any.
    pub lease_owner: Option<String>,
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
}

impl Lease {
    /// A new row that nobody holds.
    pub fn unowned(lease_key: impl Into<String>, checkpoint: Checkpoint) -> Self {
        Self {
            lease_key: lease_key.into(),
            lease_owner: None,
            lease_counter: 0,
            owner_switches_since_checkpoint: 0,
            checkpoint,
            pending_checkpoint: None,
            parent_shard_ids: BTreeSet::new(),
            child_shard_ids: BTreeSet::new(),
            hash_key_range: None,
        }
    }

    /// Whether the whole shard has been processed.
    pub fn is_finished(&self) -> bool {
        self.checkpoint == Checkpoint::ShardEnd
    }

    /// Whether `worker_id` holds the lease.
    pub fn is_owned_by(&self, worker_id: &str) -> bool {
        self.lease_owner.as_deref() == Some(worker_id)
    }
}
