//! A worker of an application, ready to run.

use std::collections::BTreeSet;
use std::fmt;

use tokio_util::sync::CancellationToken;

use crate::worker::Worker;
use crate::{BoxError, ConsumerBuilder, RecordProcessor, StatusBoard};

/// Why a consumer ended by itself.
#[non_exhaustive]
#[derive(Debug, thiserror::Error)]
pub enum ConsumerError {
    /// A processor failed as often as [`FailurePolicy::Halt`](crate::FailurePolicy::Halt) allows. The leases were
    /// given back; nothing after the last checkpoint counts as processed.
    #[error("the processor of shard {shard_id} failed and the failure policy is to halt")]
    Halted {
        /// The shard.
        shard_id: String,
        /// The processor's last error.
        #[source]
        source: BoxError,
    },
    /// These shards' processors did not even stop when they were dropped: they block their threads. Their leases
    /// expire after the failover time.
    #[error("processors of {0:?} block their threads and could not be stopped")]
    StopTimedOut(BTreeSet<String>),
    /// Another live process works under the same worker id. This one gave its leases back and ended, so that not both
    /// of them work on the same shards.
    #[error("another live worker uses the id {0:?}: worker ids must be unique in an application")]
    WorkerIdInUse(String),
    /// A task of this crate panicked: a defect. All leases expire after the failover time.
    #[error("a task of the consumer failed")]
    TaskFailed(#[source] tokio::task::JoinError),
}

/// A worker of an application.
pub struct Consumer<P> {
    worker: Worker<P>,
}

impl<P> fmt::Debug for Consumer<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Consumer")
            .field("worker_id", &self.worker.worker_id)
            .finish_non_exhaustive()
    }
}

impl Consumer<std::convert::Infallible> {
    /// A consumer of `stream` for `application`, whose name is also that of its lease table.
    pub fn builder(application: impl Into<String>, stream: impl Into<String>) -> ConsumerBuilder {
        ConsumerBuilder::new(application.into(), stream.into())
    }
}

impl<P: RecordProcessor> Consumer<P> {
    pub(crate) fn new(worker: Worker<P>) -> Self {
        Self { worker }
    }

    /// Who this worker is, as the lease table names it.
    pub fn worker_id(&self) -> &str {
        &self.worker.worker_id
    }

    /// What this worker is doing, shard by shard; live while it runs.
    pub fn status(&self) -> StatusBoard {
        self.worker.context.board.clone()
    }

    /// Works until `stop` is cancelled. Then every processor finishes its batch and hears
    /// [`stop_requested`](RecordProcessor::stop_requested), every lease is given back, and all tasks have ended when
    /// this returns; processors that take longer than `shutdown_grace` are dropped.
    ///
    /// Failures of the stream and of the lease table are waited out, with warnings in the log. Dropping the future
    /// stops all work at its next await; the leases then expire after the failover time.
    ///
    /// # Errors
    /// See [`ConsumerError`].
    pub async fn run(self, stop: CancellationToken) -> Result<(), ConsumerError> {
        Box::pin(self.worker.run(stop)).await
    }
}
