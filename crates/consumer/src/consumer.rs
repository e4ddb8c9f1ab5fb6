//! A worker of an application, ready to run.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;

use tracing::Instrument;

use crate::handlers::{Batches, ForEach};
use crate::shard_consumer::{ShardContext, Worksite};
use crate::worker::Worker;
use crate::{BoxError, ConsumerBuilder, Failure, Record, RecordProcessor, Run, StatusBoard};

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

/// A worker of an application.
///
/// Three ways lead to the same core; [`Run`] says how a worker is started and stopped.
///
/// * [`for_each`](Self::for_each): a closure for one record;
/// * [`batches`](Self::batches): a stream of batches that are acknowledged;
/// * [`process`](Self::process): a [`RecordProcessor`] for each shard, with hooks for everything that happens to it.
pub struct Consumer {
    site: Worksite,
    worker_id: String,
    seed: u64,
}

impl fmt::Debug for Consumer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Consumer")
            .field("worker_id", &self.worker_id)
            .finish_non_exhaustive()
    }
}

impl Consumer {
    /// A consumer of `stream` for `application`, whose name is also that of its lease table.
    pub fn builder(application: impl Into<String>, stream: impl Into<String>) -> ConsumerBuilder {
        ConsumerBuilder::new(application.into(), stream.into())
    }

    pub(crate) fn new(site: Worksite, worker_id: String, seed: u64) -> Self {
        Self {
            site,
            worker_id,
            seed,
        }
    }

    /// Who this worker is, as the lease table names it.
    pub fn worker_id(&self) -> &str {
        &self.worker_id
    }

    /// What this worker is doing, shard by shard; live while it runs.
    pub fn status(&self) -> StatusBoard {
        self.site.board.clone()
    }

    /// Calls `handler` with every record, those of a shard one after the other and in order, those of different shards
    /// at the same time; [`parallel_keys_max`](crate::Settings::parallel_keys_max) allows more.
    ///
    /// `Ok` means that the record is done. A [`Failure`] is handled as it says itself, or as the
    /// [`FailurePolicy`](crate::FailurePolicy) says; a panic is a failure. While a record waits for its next try, the
    /// records behind it wait too (with `parallel_keys_max` those of the same key).
    ///
    /// ```
    /// # use millstream_consumer::*;
    /// # use millstream_consumer::testing::{MemoryLeaseTable, MemoryStream};
    /// # #[tokio::main(flavor = "current_thread", start_paused = true)]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let stream = MemoryStream::new(1);
    /// # stream.put("key", "data");
    /// # let consumer = Consumer::builder("application", "orders").source(stream).lease_table(MemoryLeaseTable::default()).build()?;
    /// # let stop = tokio::time::sleep(std::time::Duration::from_secs(30));
    /// consumer
    ///     .for_each(|record| async move {
    ///         println!("{}: {}", record.partition_key, std::str::from_utf8(&record.data)?);
    ///         Ok(())
    ///     })
    ///     .until(stop)
    ///     .await?;
    /// # Ok(()) }
    /// ```
    pub fn for_each<F, Done>(self, handler: F) -> Run
    where
        F: Fn(Record) -> Done + Send + Sync + 'static,
        Done: Future<Output = Result<(), Failure>> + Send + 'static,
    {
        let parallel_max = self.site.settings.parallel_keys_max;
        let handler = Arc::new(handler);
        self.process(move |_| ForEach::new(Arc::clone(&handler), parallel_max))
    }

    /// The records as a stream of [`Batch`](crate::Batch)es, at most one of each shard at a time. A batch that is
    /// acknowledged is done; one that is dropped comes again.
    ///
    /// ```
    /// # use millstream_consumer::*;
    /// # use millstream_consumer::testing::{MemoryLeaseTable, MemoryStream};
    /// # #[tokio::main(flavor = "current_thread", start_paused = true)]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let stream = MemoryStream::new(1);
    /// # stream.put("key", "data");
    /// # let consumer = Consumer::builder("application", "orders").source(stream).lease_table(MemoryLeaseTable::default()).build()?;
    /// # let stop = tokio::time::sleep(std::time::Duration::from_secs(30));
    /// let mut batches = consumer.batches().until(stop);
    /// while let Some(batch) = batches.next().await {
    ///     let batch = batch?;
    ///     println!("{} records of {}", batch.records().len(), batch.shard_id());
    ///     batch.ack();
    /// }
    /// # Ok(()) }
    /// ```
    pub fn batches(self) -> Batches {
        Batches::of(self)
    }

    /// Makes a processor for each shard that this worker takes, with `factory`, which is told the shard's id.
    ///
    /// ```
    /// # use millstream_consumer::*;
    /// # use millstream_consumer::testing::{MemoryLeaseTable, MemoryStream};
    /// struct Counter {
    ///     records: usize,
    /// }
    ///
    /// impl RecordProcessor for Counter {
    ///     async fn process(&mut self, batch: &RecordBatch, _: &Checkpointer) -> Result<(), Failure> {
    ///         self.records += batch.records().len();
    ///         Ok(())
    ///     }
    ///
    ///     async fn shard_ended(&mut self, _: &Checkpointer) -> Result<(), BoxError> {
    ///         println!("{} records", self.records);
    ///         Ok(())
    ///     }
    /// }
    /// # #[tokio::main(flavor = "current_thread", start_paused = true)]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let stream = MemoryStream::new(1);
    /// # stream.put("key", "data");
    /// # let consumer = Consumer::builder("application", "orders").source(stream).lease_table(MemoryLeaseTable::default()).build()?;
    /// # let stop = tokio::time::sleep(std::time::Duration::from_secs(30));
    ///
    /// consumer.process(|_shard_id| Counter { records: 0 }).until(stop).await?;
    /// # Ok(()) }
    /// ```
    pub fn process<P: RecordProcessor>(
        self,
        factory: impl Fn(&str) -> P + Send + Sync + 'static,
    ) -> Run {
        let stop = self.site.told_to_stop.clone();
        let context = ShardContext {
            site: self.site,
            factory: Box::new(move |shard_id| Box::new(factory(shard_id))),
        };
        let span = tracing::info_span!(
            "worker",
            application = context.application,
            stream = context.stream,
            worker_id = self.worker_id
        );
        let metrics = context.metrics.clone();
        let worker = Worker::new(Arc::new(context), self.worker_id, self.seed);
        let work = metrics.published_while(worker.run(stop.clone()));
        Run::new(stop, Box::pin(work.instrument(span)))
    }
}
