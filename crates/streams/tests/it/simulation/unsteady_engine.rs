//! An engine as a busy disk makes it: what is submitted takes effect later and in groups, answers come later still, some
//! operations fail, and of some nobody learns whether they happened.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use futures::FutureExt;
use futures::executor::block_on;
use millstream_log::{
    Append, AppendError, Appended, Bounds, Caps, EngineError, EngineStatus, GroupId, LogEngine,
    LogFuture, LogId, LogSpec, NotWritten, Place, ReadFrom, ReadOutcome,
};
use millstream_types::TimestampMs;
use parking_lot::Mutex;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use tokio::sync::{Notify, oneshot, watch};
use tokio::time::{Instant, sleep, timeout_at};
use tokio_util::task::AbortOnDropHandle;

/// One in so many operations fails or ends unknown.
const FAULTS_ONE_IN: u32 = 40;
const DELAY_MAX_MS: u64 = 12;

type Answers = Vec<Result<Appended, AppendError>>;
type Tell = Box<dyn FnOnce(Answers) + Send>;

/// What was submitted.
enum Operation {
    /// Appends that stand together are made together, as by an engine that syncs once for all that wait.
    Append(Vec<Append>, Tell),
    Other(Box<dyn FnOnce() + Send>),
}

/// What was submitted and has not happened yet, in order.
#[derive(Default)]
struct Waiting {
    operations: Mutex<Vec<Operation>>,
    bell: Notify,
    /// Rung after each group.
    happened: Notify,
}

/// How an operation goes.
#[derive(Clone, Copy)]
enum Fate {
    Fine,
    Refused,
    Unknown { done: bool },
}

/// Has the engine below do its work, until nothing is left to do.
pub(super) type Work = Arc<dyn Fn() + Send + Sync>;

/// Another engine, and how it works.
#[derive(Clone)]
struct Below {
    engine: Arc<dyn LogEngine>,
    work: Work,
}

impl Below {
    /// Waits in the thread of the simulation, and has everything done that comes of the operation.
    fn finish<T>(&self, mut operation: LogFuture<T>) -> T {
        // Some submit what they do only when they are looked at.
        let done = (&mut operation).now_or_never();
        (self.work)();
        done.unwrap_or_else(|| block_on(operation))
    }
}

/// Passes everything on to another engine, one group after the other, and waits for that one in the thread of the
/// simulation: the same happens at the same moment each time.
pub(super) struct UnsteadyEngine {
    below: Below,
    dice: Mutex<StdRng>,
    waiting: Arc<Waiting>,
    is_calm: AtomicBool,
    /// Whoever drops the engine leaves undone what waits, as the end of a process does.
    disk: AbortOnDropHandle<()>,
}

impl fmt::Debug for UnsteadyEngine {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("UnsteadyEngine")
    }
}

impl UnsteadyEngine {
    /// Over an engine that works by itself, or whenever `work` is called.
    pub(super) fn new(engine: Arc<dyn LogEngine>, work: Work, seed: u64) -> Arc<Self> {
        let below = Below { engine, work };
        let waiting = Arc::new(Waiting::default());
        let mut dice = StdRng::seed_from_u64(seed);
        let disk = let_happen(
            below.clone(),
            Arc::clone(&waiting),
            StdRng::from_rng(&mut dice),
        );
        let disk = tokio::spawn(disk);
        Arc::new(Self {
            below,
            dice: Mutex::new(dice),
            waiting,
            is_calm: AtomicBool::new(false),
            disk: AbortOnDropHandle::new(disk),
        })
    }

    /// From now on everything succeeds.
    pub(super) fn calm_down(&self) {
        self.is_calm.store(true, Ordering::SeqCst);
    }

    /// The process is gone: nothing that waits happens, and nobody is answered any more.
    pub(super) fn kill(&self) {
        self.disk.abort();
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
        let fate = self.fate();
        let below = self.below.clone();
        self.queue(|answer| {
            Operation::Other(Box::new(move || {
                let result = match fate {
                    Fate::Fine => below.finish(operation(&*below.engine)),
                    Fate::Unknown { done: true } => {
                        drop(below.finish(operation(&*below.engine)));
                        ended_badly(fate)
                    }
                    Fate::Unknown { done: false } | Fate::Refused => ended_badly(fate),
                };
                // Whoever asked may be gone.
                drop(answer.send(result));
            }))
        })
    }

    fn queue<T: Send + 'static>(
        &self,
        operation: impl FnOnce(oneshot::Sender<T>) -> Operation,
    ) -> LogFuture<T> {
        let delay = self.delay();
        let (answer, answered) = oneshot::channel();
        self.waiting.operations.lock().push(operation(answer));
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
async fn let_happen(below: Below, waiting: Arc<Waiting>, mut dice: StdRng) {
    loop {
        waiting.bell.notified().await;
        sleep(Duration::from_millis(dice.random_range(0..=DELAY_MAX_MS))).await;
        let group = std::mem::take(&mut *waiting.operations.lock());
        let mut together = Together::default();
        for operation in group {
            match operation {
                Operation::Append(appends, answer) => together.add(appends, answer),
                Operation::Other(happens) => {
                    together.append(&below);
                    happens();
                }
            }
        }
        together.append(&below);
        waiting.happened.notify_waiters();
    }
}

/// Appends that are made together, and for each call how many they were and who is to hear.
#[derive(Default)]
struct Together {
    appends: Vec<Append>,
    calls: Vec<(usize, Tell)>,
}

impl Together {
    fn add(&mut self, appends: Vec<Append>, answer: Tell) {
        self.calls.push((appends.len(), answer));
        self.appends.extend(appends);
    }

    fn append(&mut self, below: &Below) {
        let appends = std::mem::take(&mut self.appends);
        let mut answers = match appends.is_empty() {
            true => Vec::new(),
            false => below.finish(below.engine.append_many(appends)),
        };
        for (count, answer) in self.calls.drain(..) {
            let others = answers.split_off(count);
            answer(std::mem::replace(&mut answers, others));
        }
    }
}

/// Whether a read has come to the end of its log.
fn is_at_tail(outcome: &ReadOutcome) -> bool {
    matches!(outcome, ReadOutcome::Entries { entries, .. } if entries.is_empty())
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

    fn append_many(&self, appends: Vec<Append>) -> LogFuture<Answers> {
        let fate = self.fate();
        let count = appends.len();
        self.queue(|answer| {
            let happens = match fate {
                Fate::Fine | Fate::Unknown { done: true } => appends,
                Fate::Refused | Fate::Unknown { done: false } => Vec::new(),
            };
            let tell = move |answers: Answers| {
                let told = match fate {
                    Fate::Fine => answers,
                    Fate::Unknown { .. } => vec![Err(AppendError::OutcomeUnknown); count],
                    Fate::Refused => {
                        vec![Err(AppendError::NotWritten(NotWritten::Overloaded)); count]
                    }
                };
                // Whoever asked may be gone.
                drop(answer.send(told));
            };
            Operation::Append(happens, Box::new(tell))
        })
    }

    fn read_many(&self, reads: Vec<ReadFrom>, wait: Duration) -> LogFuture<Vec<ReadOutcome>> {
        let (below, waiting) = (self.below.clone(), Arc::clone(&self.waiting));
        let delay = self.delay();
        async move {
            sleep(delay).await;
            let deadline = Instant::now() + wait;
            loop {
                // Asked for before the look: what happens between the two rings too.
                let happened = waiting.happened.notified();
                let looked = below.engine.read_many(reads.clone(), Duration::ZERO);
                let outcomes = below.finish(looked);
                if !outcomes.iter().all(is_at_tail) || timeout_at(deadline, happened).await.is_err()
                {
                    return outcomes;
                }
            }
        }
        .boxed()
    }

    fn read_now(&self, read: ReadFrom) -> Option<ReadOutcome> {
        match self.dice.lock().random_bool(0.5) {
            true => self.below.engine.read_now(read),
            false => None,
        }
    }

    fn bounds(&self, place: Place) -> LogFuture<Result<Bounds, EngineError>> {
        self.below.engine.bounds(place)
    }

    fn offset_for_time(
        &self,
        place: Place,
        time: TimestampMs,
    ) -> LogFuture<Result<u64, EngineError>> {
        std::future::ready(
            self.below
                .finish(self.below.engine.offset_for_time(place, time)),
        )
        .boxed()
    }

    fn trim(&self, place: Place, before: u64) -> LogFuture<Result<(), EngineError>> {
        self.change(move |below| below.trim(place, before))
    }

    fn barrier(&self, place: Place) -> LogFuture<Result<u64, EngineError>> {
        self.below.engine.barrier(place)
    }

    fn caps(&self) -> Caps {
        self.below.engine.caps()
    }

    fn status(&self) -> watch::Receiver<EngineStatus> {
        self.below.engine.status()
    }

    fn verify(&self) -> LogFuture<Result<(), EngineError>> {
        std::future::ready(self.below.finish(self.below.engine.verify())).boxed()
    }

    fn stop(&self) -> LogFuture<Result<(), EngineError>> {
        self.below.engine.stop()
    }
}
