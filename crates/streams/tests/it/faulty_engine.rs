//! An engine that does one thing wrong.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use futures::FutureExt;
use futures::future::{pending, ready};
use millstream_log::{
    Append, AppendError, Appended, Bounds, Caps, EngineError, EngineStatus, EntryKind, GroupId,
    LogEngine, LogFuture, LogId, LogSpec, NotWritten, Place, ReadFrom, ReadOutcome,
};
use millstream_types::TimestampMs;
use parking_lot::Mutex;
use tokio::sync::{Notify, watch};

/// What goes wrong with one operation.
#[derive(Debug, Clone)]
pub(crate) enum Fault {
    /// It certainly does not happen, and the answer says so.
    NotDone,
    /// It happens or not; the answer says that this is unknown.
    Unknown { done: bool },
    /// It happens or not, and no answer ever comes, as if the process died.
    NoAnswer { done: bool },
    /// It happens once somebody notifies.
    Held(Arc<Notify>),
}

/// An engine with a fault at one of its steps. Steps are what changes the catalog and the logs: creating and
/// deleting logs, CLOSE entries, commands. With `records` a step is an append of records instead.
#[derive(Debug)]
pub(crate) struct FaultyEngine {
    below: Arc<dyn LogEngine>,
    plan: Mutex<Plan>,
    commands: Mutex<Option<Place>>,
    yields: usize,
    met_closed: AtomicUsize,
    are_reads_held: watch::Sender<bool>,
}

#[derive(Debug)]
struct Plan {
    steps_before: Option<usize>,
    fault: Fault,
    next: VecDeque<Fault>,
    records: bool,
}

impl FaultyEngine {
    /// The fault comes after `steps_before` steps, once.
    pub(crate) fn new(below: Arc<dyn LogEngine>, steps_before: usize, fault: Fault) -> Arc<Self> {
        Self::with(below, steps_before, fault, false)
    }

    /// As [`new`](Self::new), but counting appends of records.
    pub(crate) fn of_records(
        below: Arc<dyn LogEngine>,
        steps_before: usize,
        fault: Fault,
    ) -> Arc<Self> {
        Self::with(below, steps_before, fault, true)
    }

    fn with(
        below: Arc<dyn LogEngine>,
        steps_before: usize,
        fault: Fault,
        records: bool,
    ) -> Arc<Self> {
        let plan = Plan {
            steps_before: Some(steps_before),
            fault,
            next: VecDeque::new(),
            records,
        };
        Arc::new(Self {
            below,
            plan: Mutex::new(plan),
            commands: Mutex::new(None),
            yields: 0,
            met_closed: AtomicUsize::new(0),
            are_reads_held: watch::Sender::new(false),
        })
    }

    /// Lets the step right after the last fault fail too.
    pub(crate) fn and_then(self: Arc<Self>, fault: Fault) -> Arc<Self> {
        self.plan.lock().next.push_back(fault);
        self
    }

    /// No fault, but every step takes a while.
    pub(crate) fn slow(below: Arc<dyn LogEngine>, yields: usize) -> Arc<Self> {
        let mut engine = Self::with(below, usize::MAX, Fault::NotDone, false);
        Arc::get_mut(&mut engine).expect("new").yields = yields;
        engine
    }

    /// Reads that begin from here on wait until they are no longer held.
    pub(crate) fn hold_reads(&self, are_held: bool) {
        self.are_reads_held.send_replace(are_held);
    }

    /// How many appends of records met a closed log.
    pub(crate) fn met_closed(&self) -> usize {
        self.met_closed.load(Ordering::SeqCst)
    }

    /// Whether the fault has come.
    pub(crate) fn has_failed(&self) -> bool {
        self.plan.lock().steps_before.is_none()
    }

    fn fault(&self, is_records: bool) -> Option<Fault> {
        let mut plan = self.plan.lock();
        if plan.records != is_records {
            return None;
        }
        match plan.steps_before {
            None => None,
            Some(0) => {
                let fault = plan.fault.clone();
                match plan.next.pop_front() {
                    Some(next) => plan.fault = next,
                    None => plan.steps_before = None,
                }
                Some(fault)
            }
            Some(left) => {
                plan.steps_before = Some(left - 1);
                None
            }
        }
    }

    fn change<T: Send + 'static>(
        &self,
        change: impl Fn(&dyn LogEngine) -> LogFuture<Result<T, EngineError>> + Send + 'static,
    ) -> LogFuture<Result<T, EngineError>> {
        match self.fault(false) {
            None => change(&*self.below),
            Some(Fault::NotDone) => ready(Err(EngineError::Io("planned".into()))).boxed(),
            Some(Fault::Unknown { done }) => {
                if done {
                    drop(change(&*self.below));
                }
                ready(Err(EngineError::OutcomeUnknown)).boxed()
            }
            Some(Fault::NoAnswer { done }) => {
                if done {
                    drop(change(&*self.below));
                }
                pending().boxed()
            }
            Some(Fault::Held(until)) => {
                let below = Arc::clone(&self.below);
                async move {
                    until.notified().await;
                    change(&*below).await
                }
                .boxed()
            }
        }
    }
}

impl LogEngine for FaultyEngine {
    fn create(
        &self,
        group: GroupId,
        log: LogId,
        spec: LogSpec,
    ) -> LogFuture<Result<Place, EngineError>> {
        if group == GroupId::COMMANDS {
            let created = self.below.create(group, log, spec);
            let place = created.now_or_never().expect("at once");
            *self.commands.lock() = place.clone().ok();
            return ready(place).boxed();
        }
        self.change(move |below| below.create(group, log, spec))
    }

    fn delete(&self, place: Place) -> LogFuture<Result<(), EngineError>> {
        self.change(move |below| below.delete(place))
    }

    fn delete_group(&self, group: GroupId) -> LogFuture<Result<(), EngineError>> {
        self.change(move |below| below.delete_group(group))
    }

    fn append_many(&self, appends: Vec<Append>) -> LogFuture<Vec<Result<Appended, AppendError>>> {
        let commands = *self.commands.lock();
        let is_step =
            |append: &Append| append.kind == EntryKind::Close || Some(append.place) == commands;
        let is_records = !appends.iter().any(is_step);
        let count = appends.len();
        match self.fault(is_records) {
            None if is_records || self.yields == 0 => {
                let answers = self.below.append_many(appends);
                let answers = answers.now_or_never().expect("at once");
                let closed = Err(AppendError::NotWritten(NotWritten::Closed));
                let met_closed = answers.iter().filter(|answer| **answer == closed).count();
                self.met_closed.fetch_add(met_closed, Ordering::SeqCst);
                ready(answers).boxed()
            }
            None => {
                let (below, yields) = (Arc::clone(&self.below), self.yields);
                async move {
                    for _ in 0..yields {
                        tokio::task::yield_now().await;
                    }
                    below.append_many(appends).await
                }
                .boxed()
            }
            Some(Fault::NotDone) => ready(vec![Err(NotWritten::Overloaded.into()); count]).boxed(),
            Some(Fault::Unknown { done }) => {
                if done {
                    drop(self.below.append_many(appends));
                }
                ready(vec![Err(AppendError::OutcomeUnknown); count]).boxed()
            }
            Some(Fault::NoAnswer { done }) => {
                if done {
                    drop(self.below.append_many(appends));
                }
                pending().boxed()
            }
            Some(Fault::Held(until)) => {
                let below = Arc::clone(&self.below);
                async move {
                    until.notified().await;
                    below.append_many(appends).await
                }
                .boxed()
            }
        }
    }

    fn read_many(&self, reads: Vec<ReadFrom>, wait: Duration) -> LogFuture<Vec<ReadOutcome>> {
        if !*self.are_reads_held.borrow() {
            return self.below.read_many(reads, wait);
        }
        let (below, mut held) = (Arc::clone(&self.below), self.are_reads_held.subscribe());
        async move {
            drop(held.wait_for(|are_held| !are_held).await);
            below.read_many(reads, wait).await
        }
        .boxed()
    }

    fn read_now(&self, read: ReadFrom) -> Option<ReadOutcome> {
        self.below.read_now(read)
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
        self.below.trim(place, before)
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
