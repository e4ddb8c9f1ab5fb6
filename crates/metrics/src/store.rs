//! The store as its callers see it. One task, [`MetricWriter`], writes; reads go past it.

mod open;
mod read;
mod writer;

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use millstream_log::{EngineError, LogEngine, NotWritten, Place};
use millstream_types::WallClock;
use parking_lot::RwLock;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, oneshot, watch};
use tokio::time::Instant;

use crate::journal::samples_entry;
use crate::state::{Refused, State};
use crate::{Metric, MetricSettings, Minute, Owner, Sample};

pub use read::{Points, Wanted};
pub use writer::MetricWriter;

/// Puts that wait for the writer at most.
const WAITING_PUTS_MAX: usize = 64;
/// Reads that are under way at most: each may hold an answer.
const READS_MAX: usize = 4;
/// How long a caller waits for a place, and for the store to be open.
const PATIENCE: Duration = Duration::from_secs(5);
/// How long a caller waits for what the writer has taken.
const ANSWER_PATIENCE: Duration = Duration::from_secs(30);

/// Why samples were not put, or are not known to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PutError {
    /// A bound would be passed. Nothing was put.
    #[error(transparent)]
    Refused(#[from] Refused),
    /// The log did not take them. Nothing was put.
    #[error("the samples were not written: {0}")]
    NotWritten(NotWritten),
    /// They may or may not be there.
    #[error("whether the samples were written is unknown")]
    OutcomeUnknown,
    /// The store cannot be read, or an earlier put's outcome is unknown. Nothing was put.
    #[error("the store of metrics takes nothing now")]
    Unavailable,
}

/// Why nothing can be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ReadError {
    /// Too many read. Try again.
    #[error("too many read metrics")]
    Busy,
    /// The answer would take more than it may. Ask for less time, fewer metrics or a longer period.
    #[error("the answer would take more memory than there is for it")]
    TooLarge,
    /// The store did not open; the server's log says why.
    #[error("the store of metrics cannot be used")]
    Unavailable,
    /// The log cannot be read.
    #[error("the store of metrics cannot be read: {0}")]
    Unreadable(String),
}

/// A metric that has samples.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listed {
    /// What it is called.
    pub metric: Metric,
    /// Of its newest sample.
    pub last: Minute,
}

/// What the store takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Usage {
    /// Series that are known.
    pub series: usize,
    /// Bytes of memory, about.
    pub memory_bytes: usize,
    /// Bytes of entries in its logs that are needed.
    pub stored_bytes: u64,
}

/// Handle to a store of metrics. Clones share it.
#[derive(Debug, Clone)]
pub struct MetricStore {
    shared: Arc<Shared>,
    puts: mpsc::Sender<Put>,
    opened: watch::Receiver<Opening>,
}

/// What the handle and the writer both use.
#[derive(Debug)]
struct Shared {
    engine: Arc<dyn LogEngine>,
    clock: Arc<dyn WallClock>,
    settings: MetricSettings,
    waiting: Arc<Semaphore>,
    reads: Semaphore,
}

/// How far the store is open.
#[derive(Debug, Clone)]
enum Opening {
    NotYet,
    Open(Arc<Opened>),
    Failed,
}

/// An open store.
#[derive(Debug)]
struct Opened {
    journal: Place,
    minutes: Place,
    fives: Place,
    state: RwLock<State>,
}

/// Samples on their way to the writer.
#[derive(Debug)]
struct Put {
    samples: Vec<Sample>,
    entry: Bytes,
    answer: oneshot::Sender<Result<(), PutError>>,
    /// Goes back when the put is answered.
    _room: OwnedSemaphorePermit,
}

impl MetricStore {
    /// A store on an engine, and the task that opens it and writes it, which has to be run.
    pub fn new(
        engine: Arc<dyn LogEngine>,
        clock: Arc<dyn WallClock>,
        settings: MetricSettings,
    ) -> (Self, MetricWriter) {
        let (sender, puts) = mpsc::channel(WAITING_PUTS_MAX);
        let (opening, opened) = watch::channel(Opening::NotYet);
        let shared = Arc::new(Shared {
            engine,
            clock,
            settings,
            waiting: Arc::new(Semaphore::new(settings.waiting_bytes_max)),
            reads: Semaphore::new(READS_MAX),
        });
        let store = Self {
            shared: Arc::clone(&shared),
            puts: sender,
            opened,
        };
        (store, MetricWriter::new(shared, puts, opening))
    }

    /// Puts samples, all or none; durable as the engine declares when answered. Samples that are older than two weeks
    /// or more than two hours ahead should not be put: see [`may_take`](Self::may_take).
    ///
    /// If the future is dropped, the samples may still be put.
    ///
    /// # Errors
    /// See [`PutError`].
    pub async fn put(&self, samples: Vec<Sample>) -> Result<(), PutError> {
        if samples.is_empty() {
            return Ok(());
        }
        let deadline = Instant::now() + PATIENCE;
        let entry = samples_entry(&samples);
        let memory = samples
            .iter()
            .map(|sample| sample.aggregate.memory_bytes() + size_of::<Sample>());
        let bytes =
            (entry.len() + memory.sum::<usize>()).min(self.shared.settings.waiting_bytes_max);
        let bytes = u32::try_from(bytes).unwrap_or(u32::MAX);
        let room = Arc::clone(&self.shared.waiting).acquire_many_owned(bytes);
        let room = tokio::time::timeout_at(deadline, room).await;
        let room = room
            .map_err(|_| Refused::Busy)?
            .map_err(|_| PutError::Unavailable)?;
        let place = tokio::time::timeout_at(deadline, self.puts.reserve()).await;
        let place = place
            .map_err(|_| Refused::Busy)?
            .map_err(|_| PutError::Unavailable)?;
        let (answer, answered) = oneshot::channel();
        place.send(Put {
            samples,
            entry,
            answer,
            _room: room,
        });
        match tokio::time::timeout(ANSWER_PATIENCE, answered).await {
            Ok(Ok(result)) => result,
            // The writer is gone or slow: they may have reached the log.
            Ok(Err(_)) | Err(_) => Err(PutError::OutcomeUnknown),
        }
    }

    /// Whether samples of a minute are taken: not older than two weeks, not more than two hours ahead.
    pub fn may_take(&self, minute: Minute) -> bool {
        let now = self.now();
        minute >= now.minus(crate::state::PAST_MINUTES)
            && minute.0 <= now.0.saturating_add(crate::state::FUTURE_MINUTES)
    }

    /// The minute that is now.
    pub fn now(&self) -> Minute {
        Minute::of(self.shared.clock.now())
    }

    /// Up to `max` metrics of an owner behind `after`, in order of namespace, name and dimensions, of which `filter`
    /// holds and which have a sample in the last two weeks; and whether there are more.
    ///
    /// # Errors
    /// See [`ReadError`].
    pub async fn list(
        &self,
        owner: &Owner,
        after: Option<&Metric>,
        max: usize,
        filter: impl Fn(&Listed) -> bool,
    ) -> Result<(Vec<Listed>, bool), ReadError> {
        let opened = self.opened().await?;
        let oldest = self.now().minus(crate::state::PAST_MINUTES);
        let state = opened.state.read();
        let mut found: Vec<Listed> = Vec::new();
        for (metric, last) in state.kept().table.metrics_of(owner, after) {
            let listed = Listed {
                metric: metric.clone(),
                last,
            };
            if last < oldest || !filter(&listed) {
                continue;
            }
            if found.len() == max {
                return Ok((found, true));
            }
            found.push(listed);
        }
        Ok((found, false))
    }

    /// What the store takes now.
    ///
    /// # Errors
    /// If it is not open.
    pub async fn usage(&self) -> Result<Usage, ReadError> {
        let opened = self.opened().await?;
        let state = opened.state.read();
        Ok(Usage {
            series: state.kept().table.len(),
            memory_bytes: state.memory_bytes(),
            stored_bytes: state.stored_bytes(),
        })
    }

    async fn opened(&self) -> Result<Arc<Opened>, ReadError> {
        let mut opened = self.opened.clone();
        let opening = opened.wait_for(|opening| !matches!(opening, Opening::NotYet));
        match tokio::time::timeout(PATIENCE, opening).await {
            Ok(Ok(opening)) => match &*opening {
                Opening::Open(opened) => Ok(Arc::clone(opened)),
                Opening::NotYet | Opening::Failed => Err(ReadError::Unavailable),
            },
            Ok(Err(_)) => Err(ReadError::Unavailable),
            Err(_) => Err(ReadError::Busy),
        }
    }
}

impl From<EngineError> for ReadError {
    fn from(error: EngineError) -> Self {
        Self::Unreadable(error.to_string())
    }
}

#[cfg(test)]
mod tests;
