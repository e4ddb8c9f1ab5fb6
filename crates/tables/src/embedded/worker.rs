//! The thread of one database: it does what waits, makes all of it durable at once, and only then answers.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::{oneshot, watch};

use super::Shared;
use super::gathering::Gathering;
use super::queue::{Job, Queue, Taken};
use crate::answer::TableAnswer;
use crate::database::{NotKept, OpenError, OwnerDatabase, unserved};
use crate::files::Damage;
use crate::owner::TableOwner;

/// A database that nobody calls for so long is closed.
const IDLE: Duration = Duration::from_secs(60);
/// How often items past their time to live are looked for in an open database.
const SWEEP_INTERVAL: Duration = Duration::from_secs(60);

/// A group takes no more requests once it is so old: who came first has waited long enough.
const GROUP_TIME: Duration = Duration::from_millis(5);
/// Most requests of a group.
const GROUP_COUNT_MAX: usize = 256;
/// A group takes no more requests once its answers have so many bytes.
const GROUP_BYTES_MAX: usize = 1024 * 1024;

pub(super) struct Worker {
    pub(super) shared: Arc<Shared>,
    pub(super) owner: TableOwner,
    pub(super) queue: Arc<Queue>,
    /// Dropped when the thread ends.
    pub(super) _end: watch::Sender<()>,
}

impl Worker {
    pub(super) fn run(self) {
        let mut database = None;
        let mut swept = Instant::now();
        let mut gathering = Gathering::default();
        loop {
            let taken = self.queue.take(self.idle(database.as_ref()));
            match taken {
                Taken::Job(job) => self.group(&mut database, &mut gathering, job),
                Taken::Nothing => {
                    let may_close = database.as_ref().is_none_or(OwnerDatabase::may_close);
                    if may_close && self.queue.close_if_empty() {
                        break;
                    }
                }
                Taken::Closed => break,
            }
            if let Some(open) = database
                .as_mut()
                .filter(|_| swept.elapsed() > SWEEP_INTERVAL)
            {
                swept = Instant::now();
                if let Err(error) = open.sweep() {
                    tracing::warn!(%error, "items past their time to live were not deleted");
                }
            }
        }
    }

    /// A database without a table is not worth a waiting thread.
    fn idle(&self, database: Option<&OwnerDatabase>) -> Duration {
        match database {
            Some(open) if open.has_tables() => IDLE,
            _ => Duration::ZERO,
        }
    }

    /// Does a request, and while something is not durable yet, those that wait behind it.
    fn group(&self, database: &mut Option<OwnerDatabase>, gathering: &mut Gathering, first: Job) {
        let began = Instant::now();
        let mut held = Held::default();
        let mut next = Some(first);
        let mut is_sound = true;
        let mut count = 0;
        let mut is_of_reads = true;
        while let Some(job) = next.take() {
            is_sound = self.perform(database, job, &mut held);
            count += 1;
            let is_durable = database.as_ref().is_none_or(OwnerDatabase::is_durable);
            is_of_reads &= is_durable;
            let age = began.elapsed();
            if !is_durable && is_sound && held.has_room() && age < GROUP_TIME {
                next = match self.queue.take(gathering.patience(count, age)) {
                    Taken::Job(job) => Some(job),
                    Taken::Nothing | Taken::Closed => None,
                };
            }
        }
        let kept = database.as_mut().map_or(Ok(()), OwnerDatabase::keep);
        if !is_of_reads {
            gathering.ended(count, self.queue.waiting());
        }
        match kept {
            Ok(()) => {}
            Err(NotKept::Lost) => {
                *database = None;
                return held.refuse(&TableAnswer::internal_error());
            }
            Err(NotKept::Damaged(damage)) => {
                *database = None;
                return held.refuse(&self.unserved(&damage));
            }
        }
        if !is_sound && database.as_ref().is_none_or(OwnerDatabase::may_close) {
            *database = None;
        }
        held.answer();
    }

    /// Does a request and holds its answer. False if the database is not to be used again: what is kept in a file is
    /// opened anew then, what is in memory stays as it is.
    fn perform(&self, database: &mut Option<OwnerDatabase>, job: Job, held: &mut Held) -> bool {
        if !job.claim.begin() {
            return true;
        }
        let operation = job.request.operation();
        let called = std::panic::catch_unwind(AssertUnwindSafe(|| {
            if database.is_none() {
                let files = self.shared.files.clone();
                *database = Some(OwnerDatabase::open(self.owner.clone(), files)?);
            }
            let open = database.as_mut().expect("it was opened above");
            Ok::<_, OpenError>(open.call(job.request))
        }));
        let (answer, is_sound) = match called {
            Ok(Ok(answer)) => (answer, true),
            Ok(Err(OpenError::Damaged(damage))) => (self.unserved(&damage), true),
            Ok(Err(OpenError::Failed(error))) => {
                tracing::error!(
                    account = %self.owner.account,
                    region = %self.owner.region,
                    %error,
                    "tables cannot be opened"
                );
                (TableAnswer::internal_error(), true)
            }
            Err(_) => {
                // The embedded database's lock is poisoned.
                tracing::error!(?operation, "an operation on tables panicked");
                (TableAnswer::internal_error(), false)
            }
        };
        held.hold(job.reply, answer);
        is_sound
    }

    fn unserved(&self, damage: &Damage) -> TableAnswer {
        if let Some(files) = &self.shared.files {
            files.tell(&self.owner, damage);
        }
        unserved(&self.owner, damage)
    }
}

impl Drop for Worker {
    /// However the thread ends, the next call finds no queue without a taker.
    fn drop(&mut self) {
        self.queue.close();
        let mut state = self.shared.state.lock();
        let is_own = |open: &super::Open| Arc::ptr_eq(&open.queue, &self.queue);
        if state.open.get(&self.owner).is_some_and(is_own) {
            state.open.remove(&self.owner);
        }
    }
}

/// Answers that wait until all that was written before them is durable. Those of reads wait too: they may show it.
#[derive(Debug, Default)]
struct Held {
    answers: Vec<(oneshot::Sender<TableAnswer>, TableAnswer)>,
    size_bytes: usize,
}

impl Held {
    fn hold(&mut self, reply: oneshot::Sender<TableAnswer>, answer: TableAnswer) {
        self.size_bytes += answer.body.len();
        self.answers.push((reply, answer));
    }

    fn has_room(&self) -> bool {
        self.answers.len() < GROUP_COUNT_MAX && self.size_bytes < GROUP_BYTES_MAX
    }

    fn answer(self) {
        for (reply, answer) in self.answers {
            // A caller that is gone needs no answer.
            reply.send(answer).ok();
        }
    }

    /// Nobody knows what of it is kept.
    fn refuse(self, refusal: &TableAnswer) {
        for (reply, _) in self.answers {
            reply.send(refusal.clone()).ok();
        }
    }
}
