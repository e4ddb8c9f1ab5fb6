//! Where leases are kept.

use std::fmt;
use std::future::Future;
use std::pin::Pin;

use crate::Lease;

#[cfg(any(test, feature = "testing"))]
pub(crate) mod contract;
mod dynamodb;
mod expressions;
#[cfg(any(test, feature = "testing"))]
pub(crate) mod memory;
mod row;

pub use dynamodb::DynamoDbLeaseTable;

/// What the operations return. It borrows nothing, so it may outlive the call's arguments.
pub type TableFuture<T> = Pin<Box<dyn Future<Output = Result<T, LeaseTableError>> + Send>>;

/// What became of a write that is made only under a condition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Conditional {
    /// The write was made; this is the row now.
    Done(Lease),
    /// The condition did not hold; this is the row as it stands, if there is one.
    Refused(Option<Lease>),
}

/// Why an operation on the table failed. A write that fails may have been made all the same.
#[non_exhaustive]
#[derive(Debug, thiserror::Error)]
pub enum LeaseTableError {
    /// The table does not exist: somebody deleted it.
    #[error("lease table {0} does not exist: it was deleted while workers run, or never made")]
    Missing(String),
    /// The service asks for fewer calls. Try again later.
    #[error("lease table {0} is throttled: give it more capacity, or raise failover_time")]
    Throttled(String),
    /// The service could not be reached or refused the call.
    #[error(
        "lease table {table} does not answer: is its service there, and are region and endpoint right?"
    )]
    Unavailable {
        /// The table's name.
        table: String,
        /// What the client says.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// No answer came in time.
    #[error("lease table did not answer in time")]
    TimedOut,
}

/// A table of leases with conditional writes.
///
/// All writes but [`create`](Self::create) and [`delete_finished`](Self::delete_finished) name the `lease_counter`
/// that the caller last saw, and all of these but [`hand_over`](Self::hand_over) raise it by one: of two writers that saw
/// the same row, one wins. All but `create` also name the `starting_sequence_number` that the caller saw: a row that was
/// removed and made anew, for the shard of that id in a stream that was created again, counts from 0 again, and a write that
/// arrives late must not find its counter there. Where an operation names the owner, it names both, `lease_owner` and
/// `checkpoint_owner`. Dropping a future drops only the answer: the write may still be made.
pub trait LeaseTable: Send + Sync + fmt::Debug {
    /// Creates the table unless it exists, and waits until it can be used.
    fn ensure_exists(&self) -> TableFuture<()>;

    /// All leases, in the order of their keys. Rows that are no leases are left out. May lag behind recent writes.
    fn list(&self) -> TableFuture<Vec<Lease>>;

    /// One lease, as of the last write.
    fn get(&self, lease_key: &str) -> TableFuture<Option<Lease>>;

    /// Writes the row unless one with this key exists; tells whether it did.
    fn create(&self, lease: Lease) -> TableFuture<bool>;

    /// Extends the lease by one more term. Refused unless counter and owner are those of `lease`.
    fn renew(&self, lease: &Lease) -> TableFuture<Conditional>;

    /// Asks the holder to pass the lease on: `worker_id` becomes the owner, and the owner of before the checkpoint owner,
    /// which it stays until it releases the lease. Refused unless counter and owner are those of `lease`, which has no
    /// checkpoint owner. The counter does not change, as in the KCL.
    fn hand_over(&self, lease: &Lease, worker_id: &str) -> TableFuture<Conditional>;

    /// Makes `worker_id` the owner, whoever held the lease before. Refused unless the counter is that of `lease`.
    fn take(&self, lease: &Lease, worker_id: &str) -> TableFuture<Conditional>;

    /// Writes checkpoint, pending checkpoint, children and the moment of LATEST. Refused unless counter and owner are those
    /// of `lease`.
    fn update(&self, lease: &Lease) -> TableFuture<Conditional>;

    /// Removes the checkpoint owner, or the owner where there is none, so that another worker may have the lease at once:
    /// the one that it is handed to, or any. Of a shard that has ended both go: nobody works on it any more. Of a lease that
    /// nobody owns only the counter changes. Refused unless counter and owner are those of `lease`.
    fn release(&self, lease: &Lease) -> TableFuture<Conditional>;

    /// Replaces the whole row by `fresh`, whoever holds it. Refused unless the counter is that of `seen`.
    fn restart(&self, seen: &Lease, fresh: Lease) -> TableFuture<Conditional>;

    /// Removes the row, whoever holds it; tells whether it did. Does nothing unless the counter is that of `seen`.
    fn remove(&self, seen: &Lease) -> TableFuture<bool>;

    /// Removes the row if its checkpoint is SHARD_END and it was made for the same shard as `seen`; does nothing otherwise.
    fn delete_finished(&self, seen: &Lease) -> TableFuture<()>;
}
