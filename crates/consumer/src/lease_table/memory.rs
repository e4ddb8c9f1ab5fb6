//! Leases in memory, for tests of processors and of this crate.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use futures::FutureExt;
use futures::future::ready;

use super::{Conditional, LeaseTable, TableFuture};
use crate::Lease;

/// A lease table in memory. Clones share the same rows.
#[derive(Debug, Clone, Default)]
pub struct MemoryLeaseTable {
    rows: Arc<Mutex<BTreeMap<String, Lease>>>,
}

impl MemoryLeaseTable {
    /// All rows as they stand.
    pub fn rows(&self) -> Vec<Lease> {
        self.with(|rows| rows.values().cloned().collect())
    }

    fn with<T>(&self, act: impl FnOnce(&mut BTreeMap<String, Lease>) -> T) -> T {
        act(&mut self.rows.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn change(
        &self,
        seen: &Lease,
        owner_matters: bool,
        change: impl FnOnce(&mut Lease),
    ) -> TableFuture<Conditional> {
        let outcome = self.with(|rows| {
            let Some(row) = rows.get_mut(&seen.lease_key) else {
                return Conditional::Refused(None);
            };
            let same_owner = !owner_matters
                || (row.lease_owner == seen.lease_owner
                    && row.checkpoint_owner == seen.checkpoint_owner);
            if !is_as_seen(row, seen) || !same_owner {
                return Conditional::Refused(Some(row.clone()));
            }
            change(row);
            row.lease_counter += 1;
            Conditional::Done(row.clone())
        });
        ready(Ok(outcome)).boxed()
    }
}

fn is_as_seen(row: &Lease, seen: &Lease) -> bool {
    row.lease_counter == seen.lease_counter && row.is_of_same_shard(seen)
}

impl LeaseTable for MemoryLeaseTable {
    fn ensure_exists(&self) -> TableFuture<()> {
        ready(Ok(())).boxed()
    }

    fn list(&self) -> TableFuture<Vec<Lease>> {
        ready(Ok(self.rows())).boxed()
    }

    fn get(&self, lease_key: &str) -> TableFuture<Option<Lease>> {
        ready(Ok(self.with(|rows| rows.get(lease_key).cloned()))).boxed()
    }

    fn create(&self, lease: Lease) -> TableFuture<bool> {
        let created = self.with(|rows| {
            let is_new = !rows.contains_key(&lease.lease_key);
            if is_new {
                rows.insert(lease.lease_key.clone(), lease);
            }
            is_new
        });
        ready(Ok(created)).boxed()
    }

    fn renew(&self, lease: &Lease) -> TableFuture<Conditional> {
        self.change(lease, true, |_row| {})
    }

    fn hand_over(&self, lease: &Lease, worker_id: &str) -> TableFuture<Conditional> {
        let outcome = self.with(|rows| {
            let Some(row) = rows.get_mut(&lease.lease_key) else {
                return Conditional::Refused(None);
            };
            let is_same = is_as_seen(row, lease)
                && row.lease_owner == lease.lease_owner
                && row.checkpoint_owner.is_none();
            if !is_same || row.lease_owner.is_none() {
                return Conditional::Refused(Some(row.clone()));
            }
            row.checkpoint_owner = row.lease_owner.replace(worker_id.to_owned());
            Conditional::Done(row.clone())
        });
        ready(Ok(outcome)).boxed()
    }

    fn take(&self, lease: &Lease, worker_id: &str) -> TableFuture<Conditional> {
        self.change(lease, false, |row| {
            row.checkpoint_owner = None;
            if !row.is_owned_by(worker_id) {
                row.owner_switches_since_checkpoint += 1;
            }
            row.lease_owner = Some(worker_id.to_owned());
        })
    }

    fn update(&self, lease: &Lease) -> TableFuture<Conditional> {
        let new = lease.clone();
        self.change(lease, true, |row| {
            row.checkpoint = new.checkpoint;
            row.pending_checkpoint = new.pending_checkpoint;
            row.child_shard_ids = new.child_shard_ids;
            row.latest_at = new.latest_at;
            row.owner_switches_since_checkpoint = 0;
        })
    }

    fn release(&self, lease: &Lease) -> TableFuture<Conditional> {
        self.change(lease, true, |row| {
            let is_passed_on = row.checkpoint_owner.take().is_some();
            if is_passed_on {
                row.owner_switches_since_checkpoint += 1;
            }
            if !is_passed_on || row.is_finished() {
                row.lease_owner = None;
            }
        })
    }

    fn restart(&self, seen: &Lease, fresh: Lease) -> TableFuture<Conditional> {
        self.change(seen, false, |row| {
            let lease_counter = row.lease_counter;
            *row = Lease {
                lease_counter,
                ..fresh
            };
        })
    }

    fn remove(&self, seen: &Lease) -> TableFuture<bool> {
        let removed = self.with(|rows| {
            let is_same = rows
                .get(&seen.lease_key)
                .is_some_and(|row| is_as_seen(row, seen));
            is_same && rows.remove(&seen.lease_key).is_some()
        });
        ready(Ok(removed)).boxed()
    }

    fn delete_finished(&self, seen: &Lease) -> TableFuture<()> {
        self.with(|rows| {
            let is_over = |row: &Lease| row.is_finished() && row.is_of_same_shard(seen);
            if rows.get(&seen.lease_key).is_some_and(is_over) {
                rows.remove(&seen.lease_key);
            }
        });
        ready(Ok(())).boxed()
    }
}
