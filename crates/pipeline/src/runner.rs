//! The worker that runs a pipeline: start as many as you like, on as many machines.

mod cuts;
mod direct;
mod evaluation;
mod first_stage;
mod intermediate;
mod lanes;
mod progress;
mod rejections;
mod second_stage;
mod state_table;

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use millstream_connectors::{Opener, SinkStatus};
use millstream_consumer::{
    CheckpointPolicy, Consumer, ConsumerError, DeadLetterStream, InitialPosition, Polling,
    Settings, StatusBoard,
};
use millstream_types::{SystemClock, WallClock};
use parking_lot::Mutex;
use tokio_util::sync::CancellationToken;

pub use crate::clients::Clients;
pub use intermediate::{KinesisPieces, PieceFuture, PieceStream};
pub use progress::{StageCounts, StageProgress};
pub use state_table::{MemoryStates, StateError, StateFuture, StateStore, StateTable};

use crate::evaluator::Evaluator;
use crate::file::{Pipeline, SinkSpec, Start};
use rejections::Rejections;

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
}

impl Default for WorkerSettings {
    fn default() -> Self {
        Self {
            worker_id: None,
            failover_time: Duration::from_secs(10),
            poll_interval: Duration::from_millis(250),
            shutdown_grace: Duration::from_secs(30),
            threads: std::thread::available_parallelism().map_or(1, usize::from),
        }
    }
}

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
            let opener = spec.sink.opener(clients);
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
    sinks: Vec<ReadySink>,
    rejections: Arc<Rejections>,
    fatal: Arc<Fatal>,
    clock: Arc<dyn WallClock>,
    progress: StageProgress,
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
    clients: Clients,
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
        let fatal = Arc::new(Fatal {
            why: Mutex::default(),
            stop: CancellationToken::new(),
        });
        let progress = StageProgress::default();
        let letters = pipeline.dead_letter_stream.as_ref().map(|stream| {
            let letters = DeadLetterStream::new(clients.kinesis.clone(), stream);
            Arc::new(letters) as Arc<dyn millstream_consumer::DeadLetters>
        });
        let rejections = Arc::new(Rejections::new(
            &pipeline,
            letters,
            Arc::clone(&fatal),
            progress.clone(),
        ));
        let worker_id = settings
            .worker_id
            .clone()
            .unwrap_or_else(|| format!("{:016x}", rand::random::<u64>()));
        let shared = Arc::new(Shared {
            evaluator: Evaluator::start(settings.threads)?,
            pipeline,
            sinks,
            rejections,
            fatal,
            clock: Arc::new(SystemClock),
            progress,
        });
        Ok(Self {
            shared,
            clients,
            settings,
            worker_id,
        })
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
        let _told = tokio_util::task::AbortOnDropHandle::new(told);
        let ran = match self.shared.pipeline.window.clone() {
            None => self.run_direct().await,
            Some(plan) => Box::pin(self.run_windows(plan)).await,
        };
        match fatal.why.lock().take() {
            Some(why) => Err(RunError::Stopped(why)),
            None => ran,
        }
    }

    async fn run_direct(&self) -> Result<(), RunError> {
        let consumer = self.source_consumer()?;
        let shared = Arc::clone(&self.shared);
        let processing = consumer
            .process(move |shard_id| direct::DirectProcessor::new(shard_id, Arc::clone(&shared)));
        let stopping = self.shared.fatal.stop.clone();
        Ok(processing.until(stopping.cancelled_owned()).await?)
    }

    async fn run_windows(&self, plan: Arc<crate::window::Plan>) -> Result<(), RunError> {
        let pipeline = &self.shared.pipeline;
        let stream = pipeline.intermediate_stream();
        let pieces = KinesisPieces::new(self.clients.kinesis.clone(), &stream);
        let made = pieces.ensure_exists().await;
        made.map_err(|cause| RunError::Intermediate {
            stream: stream.clone(),
            cause,
        })?;
        let states = StateTable::new(
            self.clients.dynamodb.clone(),
            &format!("{}-state", pipeline.name),
        );
        states.ensure_exists().await?;
        let (pieces, states): (Arc<dyn PieceStream>, Arc<dyn StateStore>) =
            (Arc::new(pieces), Arc::new(states));

        let first = self.source_consumer()?;
        let board: StatusBoard = first.status();
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
        let second = Consumer::builder(pipeline.merge_application(), &stream)
            .clients(self.clients.kinesis.clone(), self.clients.dynamodb.clone())
            .settings(settings)
            .build()?;
        let source = Arc::new(Polling::new(
            self.clients.kinesis.clone(),
            &pipeline.source.stream,
        ));
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

    fn source_consumer(&self) -> Result<Consumer, RunError> {
        let pipeline = &self.shared.pipeline;
        let position = match pipeline.source.start {
            Start::TrimHorizon => InitialPosition::TrimHorizon,
            Start::Latest => InitialPosition::Latest,
            Start::At(ms) => {
                let since = Duration::from_millis(ms.max(0) as u64);
                InitialPosition::AtTimestamp(SystemTime::UNIX_EPOCH + since)
            }
        };
        let consumer = Consumer::builder(pipeline.application(), &pipeline.source.stream)
            .clients(self.clients.kinesis.clone(), self.clients.dynamodb.clone())
            .settings(self.consumer_settings().initial_position(position))
            .build()?;
        Ok(consumer)
    }

    fn consumer_settings(&self) -> Settings {
        Settings::new()
            .failover_time(self.settings.failover_time)
            .poll_interval(self.settings.poll_interval)
            .shutdown_grace(self.settings.shutdown_grace)
            .worker_id(&self.worker_id)
            // The processors say themselves what is done.
            .checkpoints(CheckpointPolicy::Manual)
    }
}
