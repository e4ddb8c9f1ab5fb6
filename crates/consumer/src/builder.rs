//! How a consumer is put together.

use std::collections::{BTreeMap, BTreeSet};
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;

use crate::metrics::Metrics;
use crate::processor_threads::ProcessorThreads;
use crate::shard_consumer::Worksite;
use crate::streams::{Named, StreamSet};
use crate::{
    Consumer, DeadLetterStream, DeadLetters, DynamoDbLeaseTable, FanOut, InvalidSettings,
    LeaseTable, MetricsRecorder, Polling, Settings, Source, StatusBoard, StreamIdentifier, Streams,
};

/// Why a consumer cannot be built.
#[non_exhaustive]
#[derive(Debug, thiserror::Error)]
pub enum BuildError {
    /// Nothing to read from.
    #[error("the consumer has no stream: call clients(..), or source(..)")]
    NoStream,
    /// Several streams are named, and one of them has nothing that it is read from.
    #[error("nothing reads the stream {0}: call clients(..), or source_of(..)")]
    NoSource(StreamIdentifier),
    /// A source was given for a stream that is not named.
    #[error("a source was given for {0}, which is not among the consumer's streams")]
    NotNamed(StreamIdentifier),
    /// Several streams are named, and a source that does not say of which.
    #[error("source(..) is for a consumer of one stream: call source_of(..) for each of several")]
    SourceOfSeveral,
    /// Two of the streams are read by one name.
    #[error("two of the streams are called {0}: through one client only one of them can be read")]
    SameName(String),
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
    streams: Streams,
    client: Option<aws_sdk_kinesis::Client>,
    source: Option<Arc<dyn Source>>,
    sources: BTreeMap<StreamIdentifier, Arc<dyn Source>>,
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
    /// A consumer for `application`, whose name is also that of its lease table, of a stream by its name, or of several by
    /// their identifiers.
    ///
    /// ```no_run
    /// use millstream_consumer::{Consumer, StreamIdentifier};
    ///
    /// # async fn example(kinesis: aws_sdk_kinesis::Client, dynamodb: aws_sdk_dynamodb::Client) -> Result<(), Box<dyn std::error::Error>> {
    /// let orders = StreamIdentifier::look_up(&kinesis, "orders").await?;
    /// let payments = StreamIdentifier::look_up(&kinesis, "payments").await?;
    /// Consumer::builder("ledger", [orders, payments])
    ///     .clients(kinesis, dynamodb)
    ///     .build()?
    ///     .for_each(|record| async move {
    ///         let stream = record.stream.as_ref().map(|stream| stream.stream_name());
    ///         println!("{stream:?} {}", record.partition_key);
    ///         Ok(())
    ///     })
    ///     .await?;
    /// # Ok(()) }
    /// ```
    pub fn builder(application: impl Into<String>, streams: impl Into<Streams>) -> ConsumerBuilder {
        ConsumerBuilder::new(application.into(), streams.into())
    }
}

impl ConsumerBuilder {
    fn new(application: String, streams: Streams) -> Self {
        Self {
            application,
            streams,
            client: None,
            source: None,
            sources: BTreeMap::new(),
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

    /// Reads one of several streams from `source`.
    pub fn source_of(mut self, stream: StreamIdentifier, source: impl Source + 'static) -> Self {
        self.sources.insert(stream, Arc::new(source));
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

    /// The streams, each with what it is read from.
    fn read_streams(&self) -> Result<StreamSet, BuildError> {
        let by_client = |name: &str| {
            let client = self.client.clone()?;
            let source: Arc<dyn Source> = match &self.fan_out {
                Some(consumer) => Arc::new(FanOut::new(client, name, consumer)),
                None => Arc::new(Polling::new(client, name)),
            };
            Some(source)
        };
        let streams = match &self.streams.0 {
            Named::One(name) => {
                if let Some(other) = self.sources.keys().next() {
                    return Err(BuildError::NotNamed(other.clone()));
                }
                let source = self.source.clone().or_else(|| by_client(name));
                let source = source.ok_or(BuildError::NoStream)?;
                return Ok(StreamSet::of_one(name, source));
            }
            Named::Several(streams) if streams.is_empty() => return Err(BuildError::NoStream),
            Named::Several(streams) => streams,
        };
        if self.source.is_some() {
            return Err(BuildError::SourceOfSeveral);
        }
        if let Some(other) = self.sources.keys().find(|one| !streams.contains(one)) {
            return Err(BuildError::NotNamed(other.clone()));
        }
        let mut names_of_client = BTreeSet::new();
        let mut read = Vec::with_capacity(streams.len());
        for stream in streams {
            let name = stream.stream_name();
            let source = match self.sources.get(stream) {
                Some(source) => Arc::clone(source),
                None if !names_of_client.insert(name) => {
                    return Err(BuildError::SameName(name.to_owned()));
                }
                None => by_client(name).ok_or_else(|| BuildError::NoSource(stream.clone()))?,
            };
            read.push((stream.clone(), source));
        }
        Ok(StreamSet::of_several(read))
    }

    /// The consumer. Nothing is called before it runs.
    ///
    /// # Errors
    /// See [`BuildError`].
    pub fn build(self) -> Result<Consumer, BuildError> {
        self.settings.check()?;
        let streams = self.read_streams()?;
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
            streams,
            prefetch: Arc::new(Semaphore::new(self.settings.prefetch_bytes_max / 1024)),
            processor_threads: threads.map_err(BuildError::Threads)?,
            settings: Arc::new(self.settings),
            board: StatusBoard::default(),
            metrics: Metrics::new(self.metrics, &worker_id),
            application: self.application,
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

    /// A client finds a stream by its name alone: of two that were created one after the other it would read one twice.
    #[test]
    fn two_streams_of_one_name_are_not_read_through_one_client() {
        let created = |second| StreamIdentifier::new("123456789012", "orders", second).unwrap();
        let (former, current) = (created(1_795_881_602), created(1_795_900_000));
        let config = aws_sdk_kinesis::Config::builder()
            .behavior_version(aws_sdk_kinesis::config::BehaviorVersion::latest())
            .build();
        let builder = || {
            Consumer::builder("tested", [former.clone(), current.clone()])
                .kinesis(aws_sdk_kinesis::Client::from_conf(config.clone()))
                .lease_table(MemoryLeaseTable::default())
        };
        let refused = builder().build();
        assert!(matches!(refused, Err(BuildError::SameName(name)) if name == "orders"));
        let with_a_source = builder().source_of(former.clone(), MemoryStream::new(1));
        assert!(with_a_source.build().is_ok());
    }

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
