//! How a consumer is put together.

use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use tokio::runtime::Handle;
use tokio_util::sync::CancellationToken;

use crate::shard_consumer::ShardContext;
use crate::worker::Worker;
use crate::{
    Consumer, DynamoDbLeaseTable, InvalidSettings, KinesisStreamReader, LeaseTable,
    RecordProcessor, Settings, StatusBoard, StreamReader,
};

/// Why a consumer cannot be built.
#[derive(Debug, thiserror::Error)]
pub enum BuildError {
    /// Neither [`clients`](ConsumerBuilder::clients) nor [`stream_reader`](ConsumerBuilder::stream_reader) was given.
    #[error("no client for the stream was given")]
    NoStream,
    /// Neither [`clients`](ConsumerBuilder::clients) nor [`lease_table`](ConsumerBuilder::lease_table) was given.
    #[error("no client for the lease table was given")]
    NoLeaseTable,
    /// A setting is out of its bounds.
    #[error(transparent)]
    Settings(#[from] InvalidSettings),
    /// There is no Tokio runtime to work on.
    #[error("a consumer is built inside a Tokio runtime")]
    NoRuntime,
}

/// Puts a [`Consumer`] together.
#[derive(Debug)]
#[must_use]
pub struct ConsumerBuilder {
    application: String,
    stream: String,
    reader: Option<Arc<dyn StreamReader>>,
    table: Option<Arc<dyn LeaseTable>>,
    settings: Settings,
    processors_on: Option<Handle>,
    seed: Option<u64>,
}

impl ConsumerBuilder {
    pub(crate) fn new(application: String, stream: String) -> Self {
        Self {
            application,
            stream,
            reader: None,
            table: None,
            settings: Settings::default(),
            processors_on: None,
            seed: None,
        }
    }

    /// Reads the stream and keeps the leases through these clients.
    pub fn clients(
        self,
        kinesis: aws_sdk_kinesis::Client,
        dynamodb: aws_sdk_dynamodb::Client,
    ) -> Self {
        let reader = KinesisStreamReader::new(kinesis, &self.stream);
        let table = DynamoDbLeaseTable::new(dynamodb, &self.application);
        self.stream_reader(Arc::new(reader))
            .lease_table(Arc::new(table))
    }

    /// Reads the stream through `reader`.
    pub fn stream_reader(mut self, reader: Arc<dyn StreamReader>) -> Self {
        self.reader = Some(reader);
        self
    }

    /// Keeps the leases in `table`.
    pub fn lease_table(mut self, table: Arc<dyn LeaseTable>) -> Self {
        self.table = Some(table);
        self
    }

    /// Replaces all settings.
    pub fn settings(mut self, settings: Settings) -> Self {
        self.settings = settings;
        self
    }

    /// Runs the processors on another runtime, so that one that blocks its thread holds up neither renewals nor other
    /// work of this crate. Default: the runtime that the consumer is built in.
    pub fn processors_on(mut self, runtime: Handle) -> Self {
        self.processors_on = Some(runtime);
        self
    }

    /// Fixes the random choices among leases, so that a simulation can be repeated.
    #[cfg(test)]
    pub(crate) fn seed(mut self, seed: u64) -> Self {
        self.seed = Some(seed);
        self
    }

    /// The consumer; `factory` makes the processor of each shard that this worker takes.
    ///
    /// # Errors
    /// See [`BuildError`].
    pub fn build<P: RecordProcessor>(
        self,
        factory: impl Fn(&str) -> P + Send + Sync + 'static,
    ) -> Result<Consumer<P>, BuildError> {
        self.settings.check()?;
        let runtime = Handle::try_current().map_err(|_| BuildError::NoRuntime)?;
        let worker_id = self
            .settings
            .worker_id
            .clone()
            .unwrap_or_else(|| uuid::Uuid::new_v4().to_string());
        let seed = self.seed.unwrap_or_else(rand::random);
        let context = ShardContext {
            settings: Arc::new(self.settings),
            table: self.table.ok_or(BuildError::NoLeaseTable)?,
            reader: self.reader.ok_or(BuildError::NoStream)?,
            factory: Arc::new(factory),
            processors_on: self.processors_on.unwrap_or(runtime),
            board: StatusBoard::default(),
            stop: CancellationToken::new(),
            abandon: CancellationToken::new(),
            seeds: AtomicU64::new(seed),
        };
        Ok(Consumer::new(Worker::new(
            Arc::new(context),
            worker_id,
            seed,
        )))
    }
}
