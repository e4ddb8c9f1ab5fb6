//! The worker that runs a pipeline: start as many as you like, on as many machines.

mod cuts;
mod direct;
mod evaluation;
mod first_stage;
mod intermediate;
mod lanes;
mod metrics;
mod progress;
mod rejections;
mod reports;
mod second_stage;
mod services;
#[cfg(test)]
mod simulation;
mod state_table;

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use millstream_connectors::{Opener, SinkStatus};
use millstream_consumer::{
    CheckpointPolicy, CloudWatchMetrics, ConsumerBuilder, ConsumerError, DeadLetterStream,
    DeadLetters, InitialPosition, PutMetricData, Settings, StatusBoard,
};
use millstream_types::{SystemClock, WallClock};
use parking_lot::Mutex;
use tokio_util::sync::CancellationToken;
use tokio_util::task::AbortOnDropHandle;

pub use crate::clients::Clients;
pub use intermediate::{KinesisPieces, PieceFuture, PieceStream};
pub use progress::{ShardProgress, Stage, StageCounts, StageProgress};
pub use reports::{REPORT_AGE_MAX, REPORT_INTERVAL, Reports, SinkReport, WorkerReport};
pub use state_table::{MemoryStates, StateError, StateFuture, StateStore, StateTable};

use crate::evaluator::Evaluator;
use crate::file::{Pipeline, READ_AHEAD_BYTES_MAX, SinkSpec, Start};
use metrics::Publisher;
use rejections::Rejections;
use services::{AwsServices, Services};

/// A sink that is ready to be opened for each shard.
#[derive(Debug, Clone)]
pub struct ReadySink {
    /// What the file says.
    pub spec: SinkSpec,
    /// Opens it.
    pub opener: Arc<dyn Opener>,
    /// What is counted of it.
    pub status: SinkStatus,
}

/// How a worker behaves.
#[derive(Debug, Clone)]
pub struct WorkerSettings {
    /// Unique among the workers; random without it.
    pub worker_id: Option<String>,
    /// A worker that is silent for so long is replaced. Default 10 s.
    pub failover_time: Duration,
    /// Time between two reads at the tip of a shard. Default 250 ms.
    pub poll_interval: Duration,
    /// How long shards may take to finish when the worker stops. Default 30 s.
    pub shutdown_grace: Duration,
    /// Threads for steps. Default as many as the machine has.
    pub threads: usize,
    /// Where metrics go, if the file asks for them. Default nowhere.
    pub metrics: Option<Arc<dyn PutMetricData>>,
}

impl Default for WorkerSettings {
    fn default() -> Self {
        Self {
            worker_id: None,
            failover_time: Duration::from_secs(10),
            poll_interval: Duration::from_millis(250),
            shutdown_grace: Duration::from_secs(30),
            threads: std::thread::available_parallelism().map_or(1, usize::from),
            metrics: None,
        }
    }
}

/// How long the last word of a worker may take.
const GOODBYE_TIME: Duration = Duration::from_secs(2);

/// Why a worker ended.
#[non_exhaustive]
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// The pipeline must not go on: a record or an item was rejected and is to stop it, or its state is broken.
    #[error("{0}")]
    Stopped(String),
    /// The threads for steps could not be started.
    #[error("the threads for steps could not be started: {0}")]
    Threads(#[from] std::io::Error),
    /// The settings do not fit.
    #[error(transparent)]
    Build(#[from] millstream_consumer::BuildError),
    /// A consumer ended.
    #[error(transparent)]
    Consumer(#[from] ConsumerError),
    /// The intermediate stream cannot be made.
    #[error("the intermediate stream {stream} cannot be made: {cause}")]
    Intermediate {
        /// Its name.
        stream: String,
        /// Why.
        cause: String,
    },
    /// The table of states cannot be made.
    #[error(transparent)]
    State(#[from] StateError),
}

impl ReadySink {
    /// All sinks of a pipeline. Nothing is sent yet.
    ///
    /// # Errors
    /// Which sink lacks what.
    pub fn all(pipeline: &Pipeline, clients: &Clients) -> Result<Vec<Self>, String> {
        let ready = |spec: &SinkSpec| {
            let opener = spec.sink.opener(&pipeline.name, clients);
            Ok(Self {
                opener: opener.map_err(|cause| format!("sink {}: {cause}", spec.name))?,
                spec: spec.clone(),
                status: SinkStatus::default(),
            })
        };
        pipeline.sinks.iter().map(ready).collect()
    }
}

/// What all shards of a worker share.
#[derive(Debug)]
struct Shared {
    pipeline: Arc<Pipeline>,
    evaluator: Evaluator,
    width: Arc<evaluation::Width>,
    sinks: Vec<ReadySink>,
    rejections: Arc<Rejections>,
    fatal: Arc<Fatal>,
    clock: Arc<dyn WallClock>,
    progress: StageProgress,
}

impl Shared {
    fn new(
        pipeline: Arc<Pipeline>,
        evaluator: Evaluator,
        sinks: Vec<ReadySink>,
        letters: Option<Arc<dyn DeadLetters>>,
        clock: Arc<dyn WallClock>,
    ) -> Self {
        let fatal = Arc::new(Fatal {
            why: Mutex::default(),
            stop: CancellationToken::new(),
        });
        let progress = StageProgress::default();
        let rejections = Rejections::new(&pipeline, letters, Arc::clone(&fatal), progress.clone());
        Self {
            pipeline,
            evaluator,
            width: Arc::default(),
            sinks,
            rejections: Arc::new(rejections),
            fatal,
            clock,
            progress,
        }
    }
}

/// The first reason not to go on.
#[derive(Debug)]
struct Fatal {
    why: Mutex<Option<String>>,
    stop: CancellationToken,
}

impl Fatal {
    /// Stops the worker in good order.
    fn fail(&self, why: &str) {
        let mut first = self.why.lock();
        if first.is_none() {
            tracing::error!(error = why, "the pipeline stops");
            *first = Some(why.to_owned());
        }
        self.stop.cancel();
    }

    fn is_failed(&self) -> bool {
        self.why.lock().is_some()
    }
}

/// A worker.
#[derive(Debug)]
pub struct Worker {
    shared: Arc<Shared>,
    services: Arc<dyn Services>,
    settings: WorkerSettings,
    worker_id: String,
}

impl Worker {
    /// A worker of the pipeline. Nothing is called before it runs.
    ///
    /// # Errors
    /// If the threads for steps cannot be started.
    pub fn new(
        pipeline: Pipeline,
        sinks: Vec<ReadySink>,
        clients: Clients,
        settings: WorkerSettings,
    ) -> Result<Self, RunError> {
        let pipeline = Arc::new(pipeline);
        let letters = pipeline.dead_letter_stream.as_ref().map(|stream| {
            let letters = DeadLetterStream::new(clients.kinesis.clone(), stream);
            Arc::new(letters) as Arc<dyn DeadLetters>
        });
        let evaluator = Evaluator::start(settings.threads)?;
        let services = Arc::new(AwsServices {
            clients,
            pipeline: Arc::clone(&pipeline),
        });
        let shared = Shared::new(pipeline, evaluator, sinks, letters, Arc::new(SystemClock));
        Ok(Self::on(services, shared, settings))
    }

    fn on(services: Arc<dyn Services>, shared: Shared, settings: WorkerSettings) -> Self {
        let worker_id = settings
            .worker_id
            .clone()
            .unwrap_or_else(|| format!("{:016x}", rand::random::<u64>()));
        Self {
            shared: Arc::new(shared),
            services,
            settings,
            worker_id,
        }
    }

    /// Who it is.
    pub fn worker_id(&self) -> &str {
        &self.worker_id
    }

    /// What it counts while it runs; clones show the same.
    pub fn progress(&self) -> StageProgress {
        self.shared.progress.clone()
    }

    /// Runs until `stop` is cancelled, then finishes what it has in hand, checkpoints it and gives its shards back.
    ///
    /// # Errors
    /// See [`RunError`].
    pub async fn run(self, stop: CancellationToken) -> Result<(), RunError> {
        let fatal = Arc::clone(&self.shared.fatal);
        let stopping = fatal.stop.clone();
        let told = tokio::spawn({
            let stopping = stopping.clone();
            async move {
                stop.cancelled().await;
                stopping.cancel();
            }
        });
        let _told = AbortOnDropHandle::new(told);
        self.services.ensure_states().await?;
        let reporting = AbortOnDropHandle::new(tokio::spawn(report(
            self.services.reports(),
            self.worker_id.clone(),
            Arc::clone(&self.shared),
        )));
        let running = Box::pin(async {
            match self.shared.pipeline.window.clone() {
                None => self.run_direct().await,
                Some(plan) => Box::pin(self.run_windows(plan)).await,
            }
        });
        let ran = match self.metrics() {
            None => running.await,
            Some(client) => {
                let publisher = Publisher::new(client, Arc::clone(&self.shared));
                publisher.published_while(running).await
            }
        };
        drop(reporting);
        self.say_goodbye().await;
        match fatal.why.lock().take() {
            Some(why) => Err(RunError::Stopped(why)),
            None => ran,
        }
    }

    /// A worker that ends in good order leaves no report behind.
    async fn say_goodbye(&self) {
        let Some(reports) = self.services.reports() else {
            return;
        };
        let removed = tokio::time::timeout(GOODBYE_TIME, reports.remove(&self.worker_id)).await;
        if !matches!(removed, Ok(Ok(()))) {
            tracing::debug!("the worker's last report stays until it is too old");
        }
    }

    async fn run_direct(&self) -> Result<(), RunError> {
        let consumer = self.source_consumer()?;
        self.shared.progress.watch(Stage::Source, consumer.status());
        let shared = Arc::clone(&self.shared);
        let processing = consumer
            .process(move |shard_id| direct::DirectProcessor::new(shard_id, Arc::clone(&shared)));
        let stopping = self.shared.fatal.stop.clone();
        Ok(processing.until(stopping.cancelled_owned()).await?)
    }

    async fn run_windows(&self, plan: Arc<crate::window::Plan>) -> Result<(), RunError> {
        self.services.ensure_pieces().await?;
        let (pieces, states) = (self.services.pieces(), self.services.states());

        let first = self.source_consumer()?;
        let board: StatusBoard = first.status();
        self.shared.progress.watch(Stage::Source, board.clone());
        let (shared, of_first, to_pieces) = (
            Arc::clone(&self.shared),
            Arc::clone(&plan),
            Arc::clone(&pieces),
        );
        let first = first.process(move |shard_id| {
            let (shared, plan, pieces) = (
                Arc::clone(&shared),
                Arc::clone(&of_first),
                Arc::clone(&to_pieces),
            );
            first_stage::FirstStage::new(shard_id, shared, plan, pieces, board.clone())
        });

        let settings = self
            .consumer_settings()
            .initial_position(InitialPosition::TrimHorizon);
        let second = self.services.piece_consumer().settings(settings);
        let second = self.measured(second, self.shared.pipeline.merge_application());
        let second = second.build()?;
        self.shared.progress.watch(Stage::Windows, second.status());
        let source = self.services.source();
        let shared = Arc::clone(&self.shared);
        let second = second.process(move |shard_id| {
            let (shared, plan) = (Arc::clone(&shared), Arc::clone(&plan));
            let (pieces, states, source) = (
                Arc::clone(&pieces),
                Arc::clone(&states),
                Arc::clone(&source),
            );
            second_stage::SecondStage::new(shard_id, shared, plan, pieces, states, source)
        });
        let stopping = &self.shared.fatal.stop;
        let (first, second) = (
            first.until(stopping.clone().cancelled_owned()),
            second.until(stopping.clone().cancelled_owned()),
        );
        // When one ends by itself the other has nothing to do any more.
        let ended = |ended: Result<(), ConsumerError>| {
            if ended.is_err() {
                stopping.cancel();
            }
            ended
        };
        let (first, second) =
            tokio::join!(async { ended(first.await) }, async { ended(second.await) });
        Ok(first.and(second)?)
    }

    fn source_consumer(&self) -> Result<millstream_consumer::Consumer, RunError> {
        let pipeline = &self.shared.pipeline;
        let position = match pipeline.source.start {
            Start::TrimHorizon => InitialPosition::TrimHorizon,
            Start::Latest => InitialPosition::Latest,
            Start::At(ms) => {
                let since = Duration::from_millis(ms.max(0) as u64);
                InitialPosition::AtTimestamp(SystemTime::UNIX_EPOCH + since)
            }
        };
        let settings = self.consumer_settings().initial_position(position);
        let consumer = self.services.source_consumer().settings(settings);
        let consumer = self.measured(consumer, self.shared.pipeline.application());
        Ok(consumer.build()?)
    }

    /// Where metrics go, if the file asks for them.
    fn metrics(&self) -> Option<Arc<dyn PutMetricData>> {
        let is_asked = self.shared.pipeline.has_metrics;
        self.settings.metrics.clone().filter(|_| is_asked)
    }

    /// A consumer that puts what it measures beside what the pipeline counts.
    fn measured(&self, consumer: ConsumerBuilder, application: String) -> ConsumerBuilder {
        match self.metrics() {
            None => consumer,
            Some(client) => consumer.metrics(CloudWatchMetrics::new(application, client)),
        }
    }

    fn consumer_settings(&self) -> Settings {
        Settings::new()
            .failover_time(self.settings.failover_time)
            .poll_interval(self.settings.poll_interval)
            .prefetch_bytes_max(READ_AHEAD_BYTES_MAX)
            .shutdown_grace(self.settings.shutdown_grace)
            .worker_id(&self.worker_id)
            // The processors say themselves what is done.
            .checkpoints(CheckpointPolicy::Manual)
    }
}

/// Says again and again how the worker is doing. What fails is tried again the next time: it is news, no result.
async fn report(reports: Option<Reports>, worker_id: String, shared: Arc<Shared>) {
    let Some(reports) = reports else {
        return;
    };
    let now_ms = || i64::try_from(shared.clock.now().0).unwrap_or(i64::MAX);
    if let Err(error) = reports.sweep(now_ms()).await {
        tracing::debug!(%error, "old reports stay");
    }
    let mut ticks = tokio::time::interval(REPORT_INTERVAL);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        let report = WorkerReport::of(&worker_id, now_ms(), &shared.progress, &shared.sinks);
        if let Err(error) = reports.write(&report).await {
            tracing::debug!(%error, "the worker's report was not written");
        }
    }
}
