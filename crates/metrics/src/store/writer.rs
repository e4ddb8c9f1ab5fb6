//! The one task that writes: samples into the journal as they come, and every hour a checkpoint. It writes what was put
//! as blocks of minutes, makes old minutes five minutes, drops what is older than anything is kept, and only then
//! writes down what there is now: until that entry is durable, all that it replaces is there.

mod checkpoint;

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use millstream_log::{Append, AppendError, AppendId, Appended, EntryKind, NotWritten, Place};
use millstream_types::{SystemRandomness, random_bytes};
use tokio::sync::{mpsc, watch};
use tokio_util::sync::CancellationToken;

use super::open::open;
use super::{Opened, Opening, Put, PutError, Shared};
use crate::state::{Admission, Refused};
use crate::{Minute, Sample};

/// Puts that are written at once.
const BATCH_PUTS_MAX: usize = 32;
/// An append that is not answered after this long has an unknown outcome.
const APPEND_PATIENCE: Duration = Duration::from_secs(10);
/// How often the writer looks whether there is something to do although nothing is put.
const LOOK_INTERVAL: Duration = Duration::from_secs(30);

/// Opens a store and writes it: to be run once.
#[derive(Debug)]
pub struct MetricWriter {
    shared: Arc<Shared>,
    puts: mpsc::Receiver<Put>,
    opening: watch::Sender<Opening>,
    ids: AppendIds,
    /// Puts of which nobody knows whether they are in the journal.
    unresolved: Vec<Unresolved>,
    /// No checkpoint before this minute: the last one failed.
    checkpoint_not_before: Minute,
}

#[derive(Debug)]
struct Unresolved {
    append: Append,
    samples: Vec<Sample>,
}

/// Ids of appends: a random start in each process, and a counter.
#[derive(Debug)]
struct AppendIds {
    start: Option<u128>,
    count: u128,
}

impl AppendIds {
    /// `None` if the system gives no random numbers; an entry without an id of its own must not be written.
    fn next(&mut self) -> Option<AppendId> {
        let start = match self.start {
            Some(start) => start,
            None => {
                let bytes = random_bytes(&SystemRandomness).ok()?;
                *self.start.insert(u128::from_le_bytes(bytes))
            }
        };
        self.count += 1;
        Some(AppendId(start.wrapping_add(self.count)))
    }
}

impl MetricWriter {
    pub(super) fn new(
        shared: Arc<Shared>,
        puts: mpsc::Receiver<Put>,
        opening: watch::Sender<Opening>,
    ) -> Self {
        Self {
            shared,
            puts,
            opening,
            ids: AppendIds {
                start: None,
                count: 0,
            },
            unresolved: Vec::new(),
            checkpoint_not_before: Minute(0),
        }
    }

    /// Opens the store, then takes puts until `stop`; those that wait then are still written. What is in the journal
    /// and not in blocks is read again at the next start.
    ///
    /// A store that does not open refuses everything and says why in the log.
    pub async fn run(mut self, stop: CancellationToken) {
        let opened = match open(&self.shared).await {
            Ok(opened) => Arc::new(opened),
            Err(error) => {
                tracing::error!(%error, "the store of metrics does not open: metrics are neither taken nor told");
                self.opening.send_replace(Opening::Failed);
                self.puts.close();
                while let Some(put) = self.puts.recv().await {
                    answer(put, Err(PutError::Unavailable));
                }
                return;
            }
        };
        self.opening
            .send_replace(Opening::Open(Arc::clone(&opened)));
        let mut look = tokio::time::interval(LOOK_INTERVAL);
        look.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                put = self.puts.recv() => match put {
                    Some(put) => self.take(&opened, put).await,
                    None => break,
                },
                _ = look.tick() => {}
                () = stop.cancelled(), if !self.puts.is_closed() => self.puts.close(),
            }
            self.checkpoint_if_due(&opened).await;
        }
    }

    /// Writes a put, and those that wait behind it.
    async fn take(&mut self, opened: &Opened, first: Put) {
        let mut batch = vec![first];
        while batch.len() < BATCH_PUTS_MAX
            && let Ok(put) = self.puts.try_recv()
        {
            batch.push(put);
        }
        if !self.resolve(opened).await {
            for put in batch {
                answer(put, Err(PutError::Unavailable));
            }
            return;
        }
        let mut admission = Admission::default();
        let (mut admitted, mut appends) = (Vec::new(), Vec::new());
        for put in batch {
            let bytes = put.entry.len() as u64;
            let may = opened
                .state
                .read()
                .admit(&mut admission, &put.samples, bytes);
            match may.map(|()| self.append_of(opened.journal, &put.entry)) {
                Err(refused) => answer(put, Err(refused.into())),
                Ok(None) => answer(put, Err(Refused::Busy.into())),
                Ok(Some(append)) => {
                    appends.push(append);
                    admitted.push(put);
                }
            }
        }
        let outcomes = self.append_all(&appends).await;
        for ((put, append), outcome) in admitted.into_iter().zip(appends).zip(outcomes) {
            match outcome {
                Ok(_) => {
                    self.apply(opened, &put.samples, put.entry.len());
                    answer(put, Ok(()));
                }
                Err(AppendError::NotWritten(reason)) => {
                    answer(put, Err(PutError::NotWritten(reason)));
                }
                Err(AppendError::OutcomeUnknown) => {
                    tracing::error!("whether samples of metrics were written is unknown");
                    self.unresolved.push(Unresolved {
                        append,
                        samples: put.samples.clone(),
                    });
                    answer(put, Err(PutError::OutcomeUnknown));
                }
            }
        }
    }

    /// Writes again what may not be there, under the ids of the first time; whether all is known now.
    async fn resolve(&mut self, opened: &Opened) -> bool {
        let unresolved = std::mem::take(&mut self.unresolved);
        let appends: Vec<_> = unresolved.iter().map(|put| put.append.clone()).collect();
        let outcomes = self.append_all(&appends).await;
        for (put, outcome) in unresolved.into_iter().zip(outcomes) {
            match outcome {
                Ok(_) => self.apply(opened, &put.samples, put.append.payload.len()),
                Err(_) => self.unresolved.push(put),
            }
        }
        self.unresolved.is_empty()
    }

    fn apply(&self, opened: &Opened, samples: &[Sample], entry_bytes: usize) {
        let now = Minute::of(self.shared.clock.now());
        opened.state.write().apply(samples, entry_bytes as u64, now);
    }

    fn append_of(&mut self, place: Place, payload: &Bytes) -> Option<Append> {
        Some(Append {
            place,
            kind: EntryKind::Data,
            payload: payload.clone(),
            id: Some(self.ids.next()?),
        })
    }

    async fn append_all(&self, appends: &[Append]) -> Vec<Result<Appended, AppendError>> {
        if appends.is_empty() {
            return Vec::new();
        }
        let answers = self.shared.engine.append_many(appends.to_vec());
        let answers = tokio::time::timeout(APPEND_PATIENCE, answers).await;
        answers.unwrap_or_else(|_| vec![Err(AppendError::OutcomeUnknown); appends.len()])
    }

    async fn append_one(&mut self, place: Place, payload: &Bytes) -> Result<Appended, AppendError> {
        let append = self
            .append_of(place, payload)
            .ok_or(NotWritten::Overloaded)?;
        let mut answers = self.append_all(&[append]).await;
        answers.pop().unwrap_or(Err(AppendError::OutcomeUnknown))
    }
}

fn answer(put: Put, result: Result<(), PutError>) {
    // A caller that hung up loses its answer, never its samples.
    if put.answer.send(result).is_err() {
        tracing::debug!("nobody waits for the answer to a put of metrics");
    }
}
