//! How a consumer is put together.

use std::num::NonZeroUsize;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;

use crate::listed_starts::ListedStarts;
use crate::metrics::Metrics;
use crate::processor_threads::ProcessorThreads;
use crate::shard_consumer::Worksite;
use crate::{
    Consumer, DeadLetterStream, DeadLetters, DynamoDbLeaseTable, FanOut, InvalidSettings,
    LeaseTable, MetricsRecorder, Polling, Settings, Source, StatusBoard,
};

/// Why a consumer cannot be built.
#[non_exhaustive]
#[derive(Debug, thiserror::Error)]
pub enum BuildError {
    /// Nothing to read from.
    #[error("the consumer has no stream: call clients(..), or source(..)")]
    NoStream,
    /// Nowhere to keep leases.
    #[error("the consumer has no lease table: call clients(..), or lease_table(..)")]
    NoLeaseTable,
    /// The failure policy parks records, and there is nowhere to put them.
    #[error("the failure policy parks records: call dead_letter_stream(..), or dead_letters(..)")]
    NoDeadLetters,
    /// A stream for dead letters needs a client.
    #[error(
        "dead_letter_stream(..) needs a client: call clients(..), or dead_letters(..) with one of your own"
    )]
    NoDeadLetterClient,
    /// A setting is out of its bounds.
    #[error(transparent)]
    Settings(#[from] InvalidSettings),
    /// The threads of the processors could not be started.
    #[error("the threads for processors could not be started")]
    Threads(#[source] std::io::Error),
}

/// Puts a [`Consumer`] together.
#[derive(Debug)]
#[must_use]
pub struct ConsumerBuilder {
    application: String,
    stream: String,
    client: Option<aws_sdk_kinesis::Client>,
    source: Option<Arc<dyn Source>>,
    fan_out: Option<String>,
    table: Option<Arc<dyn LeaseTable>>,
    dead_letters: Option<Arc<dyn DeadLetters>>,
    dead_letter_stream: Option<String>,
    metrics: Option<Arc<dyn MetricsRecorder>>,
    settings: Settings,
    processor_threads: Option<NonZeroUsize>,
    seed: Option<u64>,
}

impl Consumer {
    /// A consumer of `stream` for `application`, whose name is also that of its lease table.
    pub fn builder(application: impl Into<String>, stream: impl Into<String>) -> ConsumerBuilder {
        ConsumerBuilder::new(application.into(), stream.into())
    }
}

impl ConsumerBuilder {
    fn new(application: String, stream: String) -> Self {
        Self {
            application,
            stream,
            client: None,
            source: None,
            fan_out: None,
            table: None,
            dead_letters: None,
            dead_letter_stream: None,
            metrics: None,
            settings: Settings::default(),
            processor_threads: None,
            seed: None,
        }
    }

    /// Reads the stream and keeps the leases through these clients, unless [`source`](Self::source) or
    /// [`lease_table`](Self::lease_table) say otherwise.
    pub fn clients(
        mut self,
        kinesis: aws_sdk_kinesis::Client,
        dynamodb: aws_sdk_dynamodb::Client,
    ) -> Self {
        if self.table.is_none() {
            self.table = Some(Arc::new(DynamoDbLeaseTable::new(
                dynamodb,
                &self.application,
            )));
        }
        self.kinesis(kinesis)
    }

    /// Reads the stream through this client; leases are kept elsewhere.
    pub fn kinesis(mut self, client: aws_sdk_kinesis::Client) -> Self {
        self.client = Some(client);
        self
    }

    /// Reads the stream by enhanced fan-out, as the registered consumer of this name, instead of polling it: see
    /// [`FanOut`].
    pub fn fan_out(mut self, consumer: impl Into<String>) -> Self {
        self.fan_out = Some(consumer.into());
        self
    }

    /// Reads the stream from `source`.
    pub fn source(mut self, source: impl Source + 'static) -> Self {
        self.source = Some(Arc::new(source));
        self
    }

    /// Keeps the leases in `table`.
    pub fn lease_table(mut self, table: impl LeaseTable + 'static) -> Self {
        self.table = Some(Arc::new(table));
        self
    }

    /// Puts records that cannot be processed on this stream, which must exist, as
    /// [`ParkedRecord`](crate::ParkedRecord) writes them.
    pub fn dead_letter_stream(mut self, stream: impl Into<String>) -> Self {
        self.dead_letter_stream = Some(stream.into());
        self
    }

    /// Keeps records that cannot be processed in `dead_letters`.
    pub fn dead_letters(mut self, dead_letters: impl DeadLetters + 'static) -> Self {
        self.dead_letters = Some(Arc::new(dead_letters));
        self
    }

    /// Gives `recorder` what the worker measures: [`CloudWatchMetrics`](crate::CloudWatchMetrics), `MetricsFacade` (feature
    /// `metrics`), or one of your own. Default: nothing is measured.
    pub fn metrics(mut self, recorder: impl MetricsRecorder + 'static) -> Self {
        self.metrics = Some(Arc::new(recorder));
        self
    }

    /// Replaces all settings.
    pub fn settings(mut self, settings: Settings) -> Self {
        self.settings = settings;
        self
    }

    /// Runs handlers on so many threads of their own, so that one that blocks its thread holds up neither renewals nor
    /// other work of this crate. Default: the threads of the runtime that the consumer runs in.
    pub fn processor_threads(mut self, threads: NonZeroUsize) -> Self {
        self.processor_threads = Some(threads);
        self
    }

    /// Fixes the random choices among leases, so that a simulation can be repeated.
    #[cfg(test)]
    pub(crate) fn seed(mut self, seed: u64) -> Self {
        self.seed = Some(seed);
        self
    }

    /// The consumer. Nothing is called before it runs.
    ///
    /// # Errors
    /// See [`BuildError`].
    pub fn build(self) -> Result<Consumer, BuildError> {
        self.settings.check()?;
        let dead_letters = match (self.dead_letters, &self.dead_letter_stream, &self.client) {
            (Some(dead_letters), ..) => Some(dead_letters),
            (None, Some(stream), Some(client)) => {
                let stream = DeadLetterStream::new(client.clone(), stream);
                Some(Arc::new(stream) as Arc<dyn DeadLetters>)
            }
            (None, Some(_), None) => return Err(BuildError::NoDeadLetterClient),
            (None, None, _) => None,
        };
        if self.settings.failure_policy.parks() && dead_letters.is_none() {
            return Err(BuildError::NoDeadLetters);
        }
        let of_client = |client| match self.fan_out {
            Some(consumer) => {
                Arc::new(FanOut::new(client, &self.stream, consumer)) as Arc<dyn Source>
            }
            None => Arc::new(Polling::new(client, &self.stream)),
        };
        let source = self.source.or_else(|| self.client.map(of_client));
        let source = source.ok_or(BuildError::NoStream)?;
        let threads = self.processor_threads.map(NonZeroUsize::get);
        let threads = threads.map(ProcessorThreads::start).transpose();
        let worker_id = self
            .settings
            .worker_id
            .clone()
            .unwrap_or_else(|| uuid::Uuid::new_v4().to_string());
        let seed = self.seed.unwrap_or_else(rand::random);
        let site = Worksite {
            table: self.table.ok_or(BuildError::NoLeaseTable)?,
            listed_starts: Arc::new(ListedStarts::new(Arc::clone(&source))),
            source,
            prefetch: Arc::new(Semaphore::new(self.settings.prefetch_bytes_max / 1024)),
            processor_threads: threads.map_err(BuildError::Threads)?,
            settings: Arc::new(self.settings),
            board: StatusBoard::default(),
            metrics: Metrics::new(self.metrics, &worker_id),
            application: self.application,
            stream: self.stream,
            dead_letters,
            stop: CancellationToken::new(),
            told_to_stop: CancellationToken::new(),
            abandon: CancellationToken::new(),
            seeds: AtomicU64::new(seed),
        };
        Ok(Consumer::new(site, worker_id, seed))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::FailurePolicy;
    use crate::testing::{MemoryDeadLetters, MemoryLeaseTable, MemoryStream};

    #[test]
    fn what_is_missing_is_named() {
        let builder = || Consumer::builder("tested", "stream");
        let whole = || {
            builder()
                .source(MemoryStream::new(1))
                .lease_table(MemoryLeaseTable::default())
        };
        let parks = Settings::new().on_failure(FailurePolicy::park_after(3));
        assert!(whole().build().is_ok());
        let no_stream = builder().lease_table(MemoryLeaseTable::default());
        assert!(matches!(no_stream.build(), Err(BuildError::NoStream)));
        let no_table = builder().source(MemoryStream::new(1));
        assert!(matches!(no_table.build(), Err(BuildError::NoLeaseTable)));
        let no_letters = whole().settings(parks.clone());
        assert!(matches!(no_letters.build(), Err(BuildError::NoDeadLetters)));
        let no_client = whole().dead_letter_stream("dead");
        assert!(matches!(
            no_client.build(),
            Err(BuildError::NoDeadLetterClient)
        ));
        let complete = whole()
            .settings(parks)
            .dead_letters(MemoryDeadLetters::default());
        assert!(complete.build().is_ok());
    }
}
