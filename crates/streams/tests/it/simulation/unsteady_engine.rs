//! An engine as a busy disk makes it: what is submitted takes effect later and in groups, answers come later still, some
//! operations fail, and of some nobody learns whether they happened.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use futures::FutureExt;
use millstream_log::{
    Append, AppendError, Appended, Bounds, Caps, EngineError, EngineStatus, GroupId, LogEngine,
    LogFuture, LogId, LogSpec, NotWritten, Place, ReadFrom, ReadOutcome,
};
use millstream_types::TimestampMs;
use parking_lot::Mutex;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use tokio::sync::{Notify, oneshot, watch};
use tokio::time::sleep;
use tokio_util::task::AbortOnDropHandle;

/// One in so many operations fails or ends unknown.
const FAULTS_ONE_IN: u32 = 40;
const DELAY_MAX_MS: u64 = 12;

type Operation = Box<dyn FnOnce() + Send>;

/// What was submitted and has not happened yet, in order.
#[derive(Default)]
struct Waiting {
    operations: Mutex<Vec<Operation>>,
    bell: Notify,
}

/// How an operation goes.
#[derive(Clone, Copy)]
enum Fate {
    Fine,
    Refused,
    Unknown { done: bool },
}

/// Passes everything on to another engine, whose operations take effect within their calls.
pub(super) struct UnsteadyEngine {
    below: Arc<dyn LogEngine>,
    dice: Mutex<StdRng>,
    waiting: Arc<Waiting>,
    is_calm: AtomicBool,
    /// Whoever drops the engine leaves undone what waits, as the end of a process does.
    _disk: AbortOnDropHandle<()>,
}

impl fmt::Debug for UnsteadyEngine {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("UnsteadyEngine")
    }
}

impl UnsteadyEngine {
    pub(super) fn new(below: Arc<dyn LogEngine>, seed: u64) -> Arc<Self> {
        let waiting = Arc::new(Waiting::default());
        let mut dice = StdRng::seed_from_u64(seed);
        let disk = tokio::spawn(work(Arc::clone(&waiting), StdRng::from_rng(&mut dice)));
        Arc::new(Self {
            below,
            dice: Mutex::new(dice),
            waiting,
            is_calm: AtomicBool::new(false),
            _disk: AbortOnDropHandle::new(disk),
        })
    }

    /// From now on everything succeeds.
    pub(super) fn calm_down(&self) {
        self.is_calm.store(true, Ordering::SeqCst);
    }

    fn delay(&self) -> Duration {
        Duration::from_millis(self.dice.lock().random_range(0..=DELAY_MAX_MS))
    }

    fn fate(&self) -> Fate {
        let mut dice = self.dice.lock();
        if self.is_calm.load(Ordering::SeqCst) || dice.random_range(0..FAULTS_ONE_IN) > 0 {
            return Fate::Fine;
        }
        match dice.random_range(0..3) {
            0 => Fate::Refused,
            1 => Fate::Unknown { done: true },
            _ => Fate::Unknown { done: false },
        }
    }

    /// Submits what `operation` does below; the answer comes some time after it has happened.
    fn submit<T: Send + 'static>(
        &self,
        operation: impl FnOnce(&dyn LogEngine) -> LogFuture<T> + Send + 'static,
        ended_badly: impl FnOnce(Fate) -> T + Send + 'static,
    ) -> LogFuture<T> {
        let (fate, delay) = (self.fate(), self.delay());
        let below = Arc::clone(&self.below);
        let (answer, answered) = oneshot::channel();
        let happens = move || {
            let result = match fate {
                Fate::Fine => operation(&*below).now_or_never().expect("at once"),
                Fate::Unknown { done: true } => {
                    drop(operation(&*below));
                    ended_badly(fate)
                }
                Fate::Unknown { done: false } | Fate::Refused => ended_badly(fate),
            };
            // Whoever asked may be gone.
            drop(answer.send(result));
        };
        self.waiting.operations.lock().push(Box::new(happens));
        self.waiting.bell.notify_one();
        async move {
            match answered.await {
                Ok(result) => {
                    sleep(delay).await;
                    result
                }
                // The process is gone, and with it whoever asked.
                Err(_) => std::future::pending().await,
            }
        }
        .boxed()
    }

    fn change<T: Send + 'static>(
        &self,
        operation: impl FnOnce(&dyn LogEngine) -> LogFuture<Result<T, EngineError>> + Send + 'static,
    ) -> LogFuture<Result<T, EngineError>> {
        self.submit(operation, |fate| match fate {
            Fate::Refused => Err(EngineError::Io("planned".into())),
            Fate::Fine | Fate::Unknown { .. } => Err(EngineError::OutcomeUnknown),
        })
    }
}

/// Lets what waits happen, group by group.
async fn work(waiting: Arc<Waiting>, mut dice: StdRng) {
    loop {
        waiting.bell.notified().await;
        sleep(Duration::from_millis(dice.random_range(0..=DELAY_MAX_MS))).await;
        let group = std::mem::take(&mut *waiting.operations.lock());
        for operation in group {
            operation();
        }
    }
}

impl LogEngine for UnsteadyEngine {
    fn create(
        &self,
        group: GroupId,
        log: LogId,
        spec: LogSpec,
    ) -> LogFuture<Result<Place, EngineError>> {
        self.change(move |below| below.create(group, log, spec))
    }

    fn delete(&self, place: Place) -> LogFuture<Result<(), EngineError>> {
        self.change(move |below| below.delete(place))
    }

    fn delete_group(&self, group: GroupId) -> LogFuture<Result<(), EngineError>> {
        self.change(move |below| below.delete_group(group))
    }

    fn append_many(&self, appends: Vec<Append>) -> LogFuture<Vec<Result<Appended, AppendError>>> {
        let count = appends.len();
        self.submit(
            move |below| below.append_many(appends),
            move |fate| {
                let error = match fate {
                    Fate::Refused => AppendError::NotWritten(NotWritten::Overloaded),
                    Fate::Fine | Fate::Unknown { .. } => AppendError::OutcomeUnknown,
                };
                vec![Err(error); count]
            },
        )
    }

    fn read_many(&self, reads: Vec<ReadFrom>, wait: Duration) -> LogFuture<Vec<ReadOutcome>> {
        let (below, delay) = (Arc::clone(&self.below), self.delay());
        async move {
            sleep(delay).await;
            below.read_many(reads, wait).await
        }
        .boxed()
    }

    fn read_now(&self, read: ReadFrom) -> Option<ReadOutcome> {
        match self.dice.lock().random_bool(0.5) {
            true => self.below.read_now(read),
            false => None,
        }
    }

    fn bounds(&self, place: Place) -> LogFuture<Result<Bounds, EngineError>> {
        self.below.bounds(place)
    }

    fn offset_for_time(
        &self,
        place: Place,
        time: TimestampMs,
    ) -> LogFuture<Result<u64, EngineError>> {
        self.below.offset_for_time(place, time)
    }

    fn trim(&self, place: Place, before: u64) -> LogFuture<Result<(), EngineError>> {
        self.change(move |below| below.trim(place, before))
    }

    fn barrier(&self, place: Place) -> LogFuture<Result<u64, EngineError>> {
        self.below.barrier(place)
    }

    fn caps(&self) -> Caps {
        self.below.caps()
    }

    fn status(&self) -> watch::Receiver<EngineStatus> {
        self.below.status()
    }

    fn verify(&self) -> LogFuture<Result<(), EngineError>> {
        self.below.verify()
    }

    fn stop(&self) -> LogFuture<Result<(), EngineError>> {
        self.below.stop()
    }
}
