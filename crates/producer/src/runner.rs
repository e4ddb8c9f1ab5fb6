//! The task that drives a pipeline: it tells the time, sends the calls, and hands out the outcomes.

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{Notify, Semaphore, oneshot, watch};
use tokio::task::{Id, JoinError, JoinSet};
use tokio::time::{Instant, sleep_until, timeout};

use crate::pipeline::{Pipeline, PutCall, Settled, Step};
use crate::{
    CallError, CallErrorKind, Measure, MetricsRecorder, OpenShard, Outcome, PutAnswer, PutError,
    Transport,
};

/// The other end is a [`Delivery`](crate::Delivery).
pub(crate) type Ticket = oneshot::Sender<Result<Outcome, PutError>>;

/// A wait that ends at no moment ends after this one.
const LONGEST_SLEEP: Duration = Duration::from_secs(3600);

/// What the handles of a producer and its task share.
#[derive(Debug)]
pub(crate) struct Shared {
    pipeline: Mutex<Pipeline<Ticket>>,
    /// Bytes that may still be held.
    pub(crate) room: Semaphore,
    /// Puts that wait for room.
    pub(crate) waiting: AtomicUsize,
    pub(crate) wake: Notify,
    pub(crate) progress: watch::Sender<Progress>,
    began: Instant,
}

/// How far the task is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Progress {
    pub(crate) flushes_done: u64,
    /// The task has ended: every record that was accepted has its outcome.
    pub(crate) is_over: bool,
}

impl Shared {
    pub(crate) fn new(pipeline: Pipeline<Ticket>, room_bytes: usize) -> Self {
        Self {
            pipeline: Mutex::new(pipeline),
            room: Semaphore::new(room_bytes),
            waiting: AtomicUsize::new(0),
            wake: Notify::new(),
            progress: watch::Sender::new(Progress::default()),
            began: Instant::now(),
        }
    }

    pub(crate) fn pipeline(&self) -> MutexGuard<'_, Pipeline<Ticket>> {
        self.pipeline.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn now(&self) -> Duration {
        self.began.elapsed()
    }
}

/// How a producer reaches the stream, and tells of it.
#[derive(Debug)]
pub(crate) struct Outside {
    pub(crate) transport: Arc<dyn Transport>,
    pub(crate) recorder: Option<Arc<dyn MetricsRecorder>>,
    pub(crate) request_timeout: Duration,
}

/// What a task of a call brings.
enum Answer {
    Put(u64, Result<Vec<PutAnswer>, CallError>),
    Shards(Result<Vec<OpenShard>, CallError>),
}

/// What a task that panicked was about.
#[derive(Clone, Copy)]
enum Question {
    Put(u64),
    Shards,
}

/// Calls under way; dropped with their futures.
#[derive(Default)]
struct Calls {
    tasks: JoinSet<Answer>,
    questions: HashMap<Id, Question>,
}

/// Runs until the pipeline is closed and every record has its outcome.
pub(crate) async fn run(ended: Ended, outside: Outside) {
    let shared = Arc::clone(&ended.0);
    let mut calls = Calls::default();
    let mut answers = Vec::new();
    loop {
        let turn = take_turn(&shared, std::mem::take(&mut answers));
        hand_out(&shared, turn.settled);
        if let Some(recorder) = &outside.recorder {
            for measure in &turn.measures {
                recorder.record(measure);
            }
        }
        shared.progress.send_if_modified(|progress| {
            let is_new = *progress != turn.progress;
            *progress = turn.progress;
            is_new
        });
        if turn.progress.is_over {
            return;
        }
        calls.begin(turn.step.calls, turn.step.list_shards, &outside);
        let wake_at = shared.began + turn.step.wake_at.min(shared.now() + LONGEST_SLEEP);
        tokio::select! {
            biased;
            Some(done) = calls.tasks.join_next_with_id(), if !calls.tasks.is_empty() => {
                answers.extend(calls.ended(done));
                while let Some(done) = calls.tasks.try_join_next_with_id() {
                    answers.extend(calls.ended(done));
                }
            }
            () = shared.wake.notified() => {}
            () = sleep_until(wake_at) => {}
        }
    }
}

/// Goes with the task, and sees that nobody waits for one that has ended before its work: its runtime was shut down,
/// perhaps before it began, or it panicked.
pub(crate) struct Ended(pub(crate) Arc<Shared>);

impl Drop for Ended {
    fn drop(&mut self) {
        self.0.room.close();
        let settled = {
            let mut pipeline = self.0.pipeline();
            pipeline.abandon();
            pipeline.take_settled()
        };
        // Whoever waits for one of them hears that the runtime ended.
        drop(settled);
        self.0
            .progress
            .send_modify(|progress| progress.is_over = true);
    }
}

struct Turn {
    step: Step,
    settled: Vec<Settled<Ticket>>,
    measures: Vec<Measure>,
    progress: Progress,
}

/// All that is done under the lock.
fn take_turn(shared: &Shared, answers: Vec<Answer>) -> Turn {
    let mut pipeline = shared.pipeline();
    let now = shared.now();
    for answer in answers {
        match answer {
            Answer::Put(id, result) => pipeline.answered(now, id, result),
            Answer::Shards(result) => pipeline.shards_listed(now, result),
        }
    }
    let is_pressed = shared.waiting.load(Ordering::Relaxed) > 0;
    let step = pipeline.poll(now, is_pressed);
    Turn {
        step,
        settled: pipeline.take_settled(),
        measures: pipeline.take_measures(),
        progress: Progress {
            flushes_done: pipeline.flushes_done(),
            is_over: pipeline.is_over(),
        },
    }
}

fn hand_out(shared: &Shared, settled: Vec<Settled<Ticket>>) {
    let mut freed = 0;
    for settled in settled {
        freed += settled.held_bytes as usize;
        // Whoever dropped the future does not want to know.
        drop(settled.ticket.send(settled.result));
    }
    shared.room.add_permits(freed);
}

impl Calls {
    fn begin(&mut self, puts: Vec<PutCall>, list_shards: bool, outside: &Outside) {
        for PutCall { id, entries } in puts {
            let transport = Arc::clone(&outside.transport);
            let limit = outside.request_timeout;
            // Called inside the task: what panics there is noticed.
            let task = self.tasks.spawn(async move {
                let answer = timeout(limit, transport.put_records(entries)).await;
                Answer::Put(id, answer.unwrap_or_else(|_| Err(late(limit))))
            });
            self.questions.insert(task.id(), Question::Put(id));
        }
        if list_shards {
            let transport = Arc::clone(&outside.transport);
            let limit = outside.request_timeout;
            let task = self.tasks.spawn(async move {
                let answer = timeout(limit, transport.list_shards()).await;
                let answer = answer.unwrap_or_else(|_| Err(late(limit)));
                if let Err(error) = &answer {
                    tracing::warn!(%error, "the shards could not be listed and are asked for again");
                }
                Answer::Shards(answer)
            });
            self.questions.insert(task.id(), Question::Shards);
        }
    }

    fn ended(&mut self, done: Result<(Id, Answer), JoinError>) -> Option<Answer> {
        match done {
            Ok((id, answer)) => {
                self.questions.remove(&id);
                Some(answer)
            }
            Err(failed) => {
                let question = self.questions.remove(&failed.id())?;
                tracing::error!(%failed, "a call ended without an answer");
                let error = CallError {
                    kind: CallErrorKind::Unknown,
                    code: "Exception".to_owned(),
                    message: failed.to_string(),
                };
                Some(match question {
                    Question::Put(id) => Answer::Put(id, Err(error)),
                    Question::Shards => Answer::Shards(Err(error)),
                })
            }
        }
    }
}

fn late(limit: Duration) -> CallError {
    CallError {
        kind: CallErrorKind::Unknown,
        code: "Timeout".to_owned(),
        message: format!("no answer within {limit:?}"),
    }
}
