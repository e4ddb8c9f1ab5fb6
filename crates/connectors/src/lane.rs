//! Delivery of one shard's items to one sink: bounded, in order, again until it succeeds.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use rand::Rng;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, oneshot, watch};
use tokio::time::{Instant, sleep, timeout};
use tokio_util::task::AbortOnDropHandle;

use crate::{Cut, Item, Outcome, Sink, SinkStatus};

/// Batches that wait in a lane; bytes are bounded apart from that.
const BATCHES_MAX: usize = 256;

/// Keeps items that a sink rejects.
pub trait Rejects: Send + Sync + std::fmt::Debug {
    /// Keeps the item, however long that takes. An error stops the pipeline.
    fn reject(
        &self,
        sink: &str,
        item: Item,
        cause: String,
    ) -> Pin<Box<dyn Future<Output = Result<(), String>> + Send>>;
}

/// How a lane behaves.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LaneSettings {
    /// Most bytes of items that wait for the sink; one batch that is larger goes alone. What a sink by cuts has taken
    /// and not flushed is not among them: how much that is decides who flushes. Default 8 MiB.
    pub bytes_max: usize,
    /// How long one try may take. Default 60 s.
    pub attempt_time: Duration,
    /// Pause after the first failure; doubled by each up to `pause_max`, with jitter. Default 100 ms.
    pub pause_min: Duration,
    /// Longest pause. Default 10 s.
    pub pause_max: Duration,
    /// Whether items may be missed, and counted as skipped, while the lane has no room.
    pub is_optional: bool,
}

impl Default for LaneSettings {
    fn default() -> Self {
        Self {
            bytes_max: 8 * 1024 * 1024,
            attempt_time: Duration::from_secs(60),
            pause_min: Duration::from_millis(100),
            pause_max: Duration::from_secs(10),
            is_optional: false,
        }
    }
}

/// The lane has ended: a rejected item could not be kept, or must stop the pipeline; or the sink is broken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct LaneFailed(pub String);

enum Message {
    Batch {
        items: Vec<Item>,
        number: u64,
        room: OwnedSemaphorePermit,
    },
    Flush {
        cut: Cut,
        number: u64,
        done: oneshot::Sender<()>,
    },
}

/// Where a lane is.
#[derive(Debug, Clone, Default)]
struct Progress {
    /// All batches up to this number have arrived.
    arrived: u64,
    /// See [`Sink::unflushed_bytes`].
    unflushed_bytes: usize,
    failed: Option<LaneFailed>,
}

/// A sink at work. Dropped, it stops at once, and what has not arrived may or may not.
#[derive(Debug)]
pub struct Lane {
    name: String,
    settings: LaneSettings,
    to_task: mpsc::Sender<Message>,
    room: Arc<Semaphore>,
    progress: watch::Receiver<Progress>,
    status: SinkStatus,
    sent: u64,
    delivers_by_cuts: bool,
    _task: AbortOnDropHandle<()>,
}

impl Lane {
    /// Starts to deliver to the sink.
    pub fn start(
        name: &str,
        sink: Box<dyn Sink>,
        delivers_by_cuts: bool,
        settings: LaneSettings,
        status: SinkStatus,
        rejects: Arc<dyn Rejects>,
    ) -> Self {
        let (to_task, messages) = mpsc::channel(BATCHES_MAX);
        let (told, progress) = watch::channel(Progress::default());
        let worker = Worker {
            name: name.to_owned(),
            sink,
            delivers_by_cuts,
            settings: settings.clone(),
            status: status.clone(),
            rejects,
            progress: told,
            taken: (0, 0),
            failures: 0,
        };
        let task = AbortOnDropHandle::new(tokio::spawn(worker.run(messages)));
        let room = Arc::new(Semaphore::new(settings.bytes_max));
        let name = name.to_owned();
        Self {
            name,
            settings,
            to_task,
            room,
            progress,
            status,
            sent: 0,
            delivers_by_cuts,
            _task: task,
        }
    }

    /// Sends items behind those sent before, once there is room for them; an optional lane without room skips them.
    /// Returns the number of the batch. If this future is dropped, nothing is sent.
    ///
    /// # Errors
    /// [`LaneFailed`] if the lane has ended.
    pub async fn send(&mut self, items: Vec<Item>) -> Result<u64, LaneFailed> {
        let bytes: usize = items.iter().map(|item| item.bytes).sum();
        let permits = u32::try_from(bytes.min(self.settings.bytes_max)).unwrap_or(u32::MAX);
        let room = Arc::clone(&self.room);
        if self.settings.is_optional {
            return self.send_if_there_is_room(items, permits);
        }
        let mut progress = self.progress.clone();
        let ended = async move {
            drop(
                progress
                    .wait_for(|progress| progress.failed.is_some())
                    .await,
            );
        };
        let room = tokio::select! {
            biased;
            () = ended => return Err(self.failure()),
            room = room.acquire_many_owned(permits) => room.map_err(|_| self.failure())?,
        };
        let number = self.sent + 1;
        let message = Message::Batch {
            items,
            number,
            room,
        };
        self.to_task
            .send(message)
            .await
            .map_err(|_| self.failure())?;
        self.sent = number;
        Ok(number)
    }

    /// Sends items, or skips them: an optional sink holds nobody up.
    fn send_if_there_is_room(&mut self, items: Vec<Item>, permits: u32) -> Result<u64, LaneFailed> {
        let place = match self.to_task.try_reserve() {
            Ok(place) => Some(place),
            Err(mpsc::error::TrySendError::Full(())) => None,
            Err(mpsc::error::TrySendError::Closed(())) => return Err(self.failure()),
        };
        let room = Arc::clone(&self.room).try_acquire_many_owned(permits);
        let (Some(place), Ok(room)) = (place, room) else {
            self.status.skipped(items.len() as u64);
            tracing::warn!(
                sink = self.name,
                items = items.len(),
                "optional sink is behind: items are skipped"
            );
            return Ok(self.sent);
        };
        self.sent += 1;
        place.send(Message::Batch {
            items,
            number: self.sent,
            room,
        });
        Ok(self.sent)
    }

    /// Makes everything sent so far one whole, and waits until that has arrived. Again with the same cut if this future
    /// was dropped.
    ///
    /// # Errors
    /// [`LaneFailed`] if the lane has ended.
    pub async fn flush(&mut self, cut: &Cut) -> Result<(), LaneFailed> {
        let (done, arrived) = oneshot::channel();
        let message = Message::Flush {
            cut: cut.clone(),
            number: self.sent,
            done,
        };
        self.to_task
            .send(message)
            .await
            .map_err(|_| self.failure())?;
        arrived.await.map_err(|_| self.failure())
    }

    /// Waits until everything sent so far has arrived. For a lane that delivers by cuts: see [`flush`](Self::flush).
    ///
    /// # Errors
    /// [`LaneFailed`] if the lane has ended.
    pub async fn drained(&mut self) -> Result<(), LaneFailed> {
        let sent = self.sent;
        let is_over = |progress: &Progress| progress.arrived >= sent || progress.failed.is_some();
        let waited = self
            .progress
            .wait_for(is_over)
            .await
            .map(|progress| progress.failed.is_none());
        if matches!(waited, Ok(true)) {
            Ok(())
        } else {
            Err(self.failure())
        }
    }

    /// All batches up to this number have arrived.
    ///
    /// # Errors
    /// [`LaneFailed`] if the lane has ended.
    pub fn arrived(&self) -> Result<u64, LaneFailed> {
        let progress = self.progress.borrow();
        match &progress.failed {
            Some(failed) => Err(failed.clone()),
            None => Ok(progress.arrived),
        }
    }

    /// Bytes that the sink has taken and not flushed. What is on its way to the sink is not among them.
    pub fn unflushed_bytes(&self) -> usize {
        self.progress.borrow().unflushed_bytes
    }

    /// Whether the checkpoint waits for it.
    pub fn is_required(&self) -> bool {
        !self.settings.is_optional
    }

    /// Whether only a flush delivers.
    pub fn delivers_by_cuts(&self) -> bool {
        self.delivers_by_cuts
    }

    fn failure(&self) -> LaneFailed {
        let failed = self.progress.borrow().failed.clone();
        failed.unwrap_or_else(|| LaneFailed(format!("the sink {} has ended", self.name)))
    }
}

struct Worker {
    name: String,
    sink: Box<dyn Sink>,
    delivers_by_cuts: bool,
    settings: LaneSettings,
    status: SinkStatus,
    rejects: Arc<dyn Rejects>,
    progress: watch::Sender<Progress>,
    /// Items that wait for a flush, and their bytes.
    taken: (u64, u64),
    /// In a row.
    failures: u32,
}

impl Worker {
    async fn run(mut self, mut messages: mpsc::Receiver<Message>) {
        while let Some(message) = messages.recv().await {
            let done = match message {
                Message::Batch {
                    items,
                    number,
                    room,
                } => {
                    let done = self.deliver(items).await;
                    // By cuts, nothing but the next batch or the flush could free it: it must not wait for that.
                    drop(room);
                    let is_arrived = !self.delivers_by_cuts && done.is_ok();
                    let unflushed_bytes = self.sink.unflushed_bytes();
                    self.progress.send_modify(|progress| {
                        progress.unflushed_bytes = unflushed_bytes;
                        if is_arrived {
                            progress.arrived = number;
                        }
                    });
                    done
                }
                Message::Flush { cut, number, done } => {
                    self.flush(&cut).await;
                    self.progress.send_modify(|progress| {
                        progress.unflushed_bytes = 0;
                        progress.arrived = number;
                    });
                    // Whoever hung up asks again.
                    done.send(()).ok();
                    Ok(())
                }
            };
            if let Err(failed) = done {
                self.progress
                    .send_modify(|progress| progress.failed = Some(failed));
                return;
            }
        }
        if let Err(error) = self.sink.close().await {
            tracing::warn!(sink = self.name, %error, "sink could not be closed");
        }
    }

    async fn deliver(&mut self, mut items: Vec<Item>) -> Result<(), LaneFailed> {
        while !items.is_empty() {
            let tried = timeout(self.settings.attempt_time, self.sink.deliver(&items)).await;
            let outcomes = match tried {
                Ok(Ok(outcomes)) => outcomes,
                Ok(Err(error)) => {
                    self.pause(&error.message).await;
                    continue;
                }
                Err(_) => {
                    self.pause("no answer in time").await;
                    continue;
                }
            };
            if outcomes.len() != items.len() {
                // Which of them arrived cannot be told.
                return Err(LaneFailed(format!(
                    "the sink {} is broken: it was given {} items and told of {} what became of them",
                    self.name,
                    items.len(),
                    outcomes.len()
                )));
            }
            let given = items.len();
            let mut again = Vec::new();
            let mut why = None;
            let mut stop = None;
            for (item, outcome) in items.into_iter().zip(outcomes) {
                match outcome {
                    Outcome::Delivered => self.delivered(item.bytes as u64),
                    Outcome::Again(cause) => {
                        why = Some(cause);
                        again.push(item);
                    }
                    Outcome::Stop(cause) if !self.settings.is_optional => stop = Some(cause),
                    Outcome::Stop(cause) => {
                        why = Some(cause);
                        again.push(item);
                    }
                    Outcome::Rejected(cause) => {
                        self.status.rejected();
                        let rejected = self.rejects.reject(&self.name, item, cause).await;
                        rejected.map_err(LaneFailed)?;
                    }
                }
            }
            if let Some(cause) = stop {
                self.status.failed(&cause);
                return Err(LaneFailed(format!("the sink {}: {cause}", self.name)));
            }
            items = again;
            match why {
                Some(cause) => {
                    // One that takes some of them each time is slow or busy, not down: pauses that grow would make it slower.
                    let has_taken_some = items.len() < given;
                    self.failures -= u32::from(has_taken_some && self.failures > 0);
                    self.pause(&cause).await;
                }
                None => self.recovered(),
            }
        }
        Ok(())
    }

    async fn flush(&mut self, cut: &Cut) {
        let began = Instant::now();
        loop {
            match timeout(self.settings.attempt_time, self.sink.flush(cut)).await {
                Ok(Ok(())) => {
                    let (items, bytes) = std::mem::take(&mut self.taken);
                    self.status.delivered(items, bytes);
                    self.status.flushed(began.elapsed());
                    return self.recovered();
                }
                Ok(Err(error)) => self.pause(&error.message).await,
                Err(_) => self.pause("no answer in time").await,
            }
        }
    }

    /// One more item has arrived, or waits for the flush.
    fn delivered(&mut self, bytes: u64) {
        if self.delivers_by_cuts {
            self.taken.0 += 1;
            self.taken.1 += bytes;
        } else {
            self.status.delivered(1, bytes);
        }
    }

    fn recovered(&mut self) {
        if self.failures > 0 {
            tracing::info!(
                sink = self.name,
                failures = self.failures,
                "sink takes items again"
            );
            self.status.succeeded();
        }
        self.failures = 0;
    }

    async fn pause(&mut self, why: &str) {
        self.status.failed(why);
        let doubled = self
            .settings
            .pause_min
            .saturating_mul(1 << self.failures.min(16));
        let longest = doubled.min(self.settings.pause_max);
        let pause = longest.mul_f64(rand::rng().random_range(0.5..=1.0));
        if self.failures == 0 || longest == self.settings.pause_max {
            tracing::warn!(
                sink = self.name,
                failures = self.failures + 1,
                error = why,
                "sink fails; trying again"
            );
        }
        self.failures += 1;
        sleep(pause).await;
    }
}

#[cfg(test)]
mod tests;
