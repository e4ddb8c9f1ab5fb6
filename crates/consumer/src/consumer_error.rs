//! Why a worker ends by itself.

use std::collections::BTreeSet;

use crate::BoxError;

/// Why a consumer ended by itself.
#[non_exhaustive]
#[derive(Debug, thiserror::Error)]
pub enum ConsumerError {
    /// A handler failed and said so, or failed as often as
    /// [`FailurePolicy::halt_after`](crate::FailurePolicy::halt_after) allows. The leases were given back; nothing
    /// after the last checkpoint counts as processed.
    #[error(
        "shard {shard_id} could not be processed and the worker was to halt; other workers meet the same record: \
         mend the handler, or park such records"
    )]
    Halted {
        /// The shard.
        shard_id: String,
        /// The handler's last error.
        #[source]
        source: BoxError,
    },
    /// The handlers of these shards did not even stop when they were dropped: they block their threads. Their leases
    /// expire after the failover time.
    #[error(
        "handlers of {0:?} block their threads and could not be stopped: give them threads of their own with \
         ConsumerBuilder::processor_threads"
    )]
    StopTimedOut(BTreeSet<String>),
    /// Another live process works under the same worker id. This one gave its leases back and ended, so that not both
    /// of them work on the same shards.
    #[error(
        "another live worker uses the id {0:?}: give every worker of the application an id of its own"
    )]
    WorkerIdInUse(String),
    /// A task of this crate panicked: a defect. All leases expire after the failover time.
    #[error("a task of the consumer failed: this is a defect of the library")]
    TaskFailed(#[source] BoxError),
}
