//! A worker of an application, ready to run.

use std::fmt;
use std::sync::Arc;

use tracing::Instrument;

use crate::shard_consumer::{ShardContext, Worksite};
use crate::worker::Worker;
use crate::{RecordProcessor, Run, Settings, StatusBoard};

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

    pub(crate) fn settings(&self) -> &Settings {
        &self.site.settings
    }

    /// What this worker is doing, shard by shard; live while it runs.
    pub fn status(&self) -> StatusBoard {
        self.site.board.clone()
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
            stream = context.streams.names(),
            worker_id = self.worker_id
        );
        let metrics = context.metrics.clone();
        let worker = Worker::new(Arc::new(context), self.worker_id, self.seed);
        let work = metrics.published_while(worker.run(stop.clone()));
        Run::new(stop, Box::pin(work.instrument(span)))
    }
}
