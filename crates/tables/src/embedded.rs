//! Tables in SQLite files: one file and one thread per account and region, both from the first call on.

mod queue;

use std::collections::HashMap;
use std::fmt;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use futures::FutureExt;
use futures::future::{BoxFuture, join_all};
use parking_lot::Mutex;
use tokio::sync::{oneshot, watch};

use self::queue::{Claim, GiveUpOnDrop, Job, NotQueued, Queue, Taken};
use crate::answer::TableAnswer;
use crate::database::{OpenError, OwnerDatabase, unserved};
use crate::files::TableFiles;
use crate::owner::TableOwner;
use crate::request::TableRequest;
use crate::settings::TableSettings;

/// A database that nobody calls for so long is closed.
const IDLE: Duration = Duration::from_secs(60);
/// How often items past their time to live are looked for in an open database.
const SWEEP_INTERVAL: Duration = Duration::from_secs(60);
/// How long a request that has begun may take before its caller is told that its outcome is unknown.
const CALL_TIMEOUT: Duration = Duration::from_secs(60);

/// The stack of a database's thread. The library parses and evaluates by recursion over what a request holds; of all
/// requests that are within the bounds of `expression` and `strict_json` none needs an eighth of it, which a test shows
/// by running the deepest ones on that much. What is not used of it costs no memory.
pub(crate) const STACK_BYTES: usize = 16 * 1024 * 1024;

/// Keeps tables.
pub(crate) trait Tables: Send + Sync + fmt::Debug {
    /// Does what is asked for, to nothing but what the request says that it touches. Answered within bounded time; a
    /// status of 500 leaves the outcome of a write unknown. Dropping the future drops the answer, and the operation too if it has not begun.
    fn call(&self, owner: TableOwner, request: TableRequest) -> BoxFuture<'static, TableAnswer>;

    /// Refuses new calls, finishes those that wait and closes everything; false if that took longer than `grace`.
    fn stop(&self, grace: Duration) -> BoxFuture<'static, bool>;
}

/// Tables in files, or in memory.
#[derive(Debug)]
pub(crate) struct EmbeddedTables {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    /// `None` for memory.
    files: Option<Arc<TableFiles>>,
    settings: TableSettings,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    open: HashMap<TableOwner, Open>,
    is_stopping: bool,
}

/// An open database.
#[derive(Debug)]
struct Open {
    queue: Arc<Queue>,
    /// Closed when its thread has ended.
    ended: watch::Receiver<()>,
}

impl EmbeddedTables {
    /// Tables in files, or in memory. Nothing is opened or made before it is needed.
    pub(crate) fn new(files: Option<Arc<TableFiles>>, settings: TableSettings) -> Self {
        Self {
            shared: Arc::new(Shared {
                files,
                settings,
                state: Mutex::default(),
            }),
        }
    }
}

impl Tables for EmbeddedTables {
    fn call(&self, owner: TableOwner, request: TableRequest) -> BoxFuture<'static, TableAnswer> {
        let (reply, mut answer) = oneshot::channel();
        let claim = Arc::new(Claim::default());
        let job = Job {
            request,
            claim: Arc::clone(&claim),
            reply,
        };
        if let Err(refusal) = self.shared.submit(&owner, job) {
            return std::future::ready(refusal).boxed();
        }
        let queue_timeout = self.shared.settings.queue_timeout;
        async move {
            let given_up = GiveUpOnDrop(claim);
            let answered = match tokio::time::timeout(queue_timeout, &mut answer).await {
                Ok(answered) => Ok(answered),
                Err(_) if given_up.0.give_up() => return throttled(),
                Err(_) => tokio::time::timeout(CALL_TIMEOUT, answer).await,
            };
            match answered {
                Ok(Ok(answer)) => answer,
                Ok(Err(_)) | Err(_) => TableAnswer::internal_error(),
            }
        }
        .boxed()
    }

    fn stop(&self, grace: Duration) -> BoxFuture<'static, bool> {
        let open: Vec<_> = {
            let mut state = self.shared.state.lock();
            state.is_stopping = true;
            state.open.drain().map(|(_, open)| open).collect()
        };
        for database in &open {
            database.queue.close();
        }
        let all_ended = join_all(open.into_iter().map(|mut database| async move {
            // The sender is dropped when the thread ends.
            while database.ended.changed().await.is_ok() {}
        }));
        async move { tokio::time::timeout(grace, all_ended).await.is_ok() }.boxed()
    }
}

impl Shared {
    fn submit(self: &Arc<Self>, owner: &TableOwner, mut job: Job) -> Result<(), TableAnswer> {
        let mut state = self.state.lock();
        if state.is_stopping {
            return Err(unavailable());
        }
        if let Some(open) = state.open.get(owner) {
            let Err(refused) = open.queue.push(job) else {
                return Ok(());
            };
            job = match *refused {
                (NotQueued::Full, _) => return Err(throttled()),
                // Its thread is about to end; the next one takes over.
                (NotQueued::Closed, job) => job,
            };
            state.open.remove(owner);
        }
        if state.open.len() >= self.settings.databases_max {
            return Err(throttled());
        }
        let open = self.open(owner, job)?;
        state.open.insert(owner.clone(), open);
        Ok(())
    }

    /// The request is in the queue before the thread is there: a thread that finds nothing to do may end at once.
    fn open(self: &Arc<Self>, owner: &TableOwner, first: Job) -> Result<Open, TableAnswer> {
        let queue = Arc::new(Queue::new(self.settings.queue_bytes_max));
        queue.push(first).map_err(|_| throttled())?;
        let (end, ended) = watch::channel(());
        let worker = Worker {
            shared: Arc::clone(self),
            owner: owner.clone(),
            queue: Arc::clone(&queue),
            _end: end,
        };
        let spawned = thread::Builder::new()
            .name(format!("tables {}", owner.region))
            .stack_size(STACK_BYTES)
            .spawn(move || worker.run());
        match spawned {
            Ok(_) => Ok(Open { queue, ended }),
            Err(error) => {
                tracing::error!(%error, "no thread for tables");
                Err(throttled())
            }
        }
    }
}

/// The thread of one database.
struct Worker {
    shared: Arc<Shared>,
    owner: TableOwner,
    queue: Arc<Queue>,
    _end: watch::Sender<()>,
}

impl Worker {
    fn run(self) {
        let mut database = None;
        let mut swept = Instant::now();
        loop {
            let taken = self.queue.take(self.idle(database.as_ref()));
            match taken {
                Taken::Job(job) => self.serve(&mut database, job),
                Taken::Nothing => {
                    let may_close = database.as_ref().is_none_or(OwnerDatabase::may_close);
                    if may_close && self.queue.close_if_empty() {
                        break;
                    }
                }
                Taken::Closed => break,
            }
            if let Some(open) = database
                .as_ref()
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

    fn serve(&self, database: &mut Option<OwnerDatabase>, job: Job) {
        if !job.claim.begin() {
            return;
        }
        let operation = job.request.operation();
        let called = std::panic::catch_unwind(AssertUnwindSafe(|| {
            if database.is_none() {
                let files = self.shared.files.clone();
                *database = Some(OwnerDatabase::open(self.owner.clone(), files)?);
            }
            let open = database.as_mut().expect("it was opened above");
            let answer = open.call(job.request);
            open.confirm()?;
            Ok::<_, OpenError>(answer)
        }));
        let answer = match called {
            Ok(Ok(answer)) => answer,
            Ok(Err(error)) => {
                *database = None;
                self.unopened(&error)
            }
            Err(_) => {
                tracing::error!(?operation, "an operation on tables panicked");
                // Its lock is poisoned: what is kept in a file is opened again, what is in memory stays as it is.
                if database.as_ref().is_none_or(OwnerDatabase::may_close) {
                    *database = None;
                }
                TableAnswer::internal_error()
            }
        };
        // A caller that is gone needs no answer.
        job.reply.send(answer).ok();
    }

    fn unopened(&self, error: &OpenError) -> TableAnswer {
        match error {
            OpenError::Damaged(damage) => {
                if let Some(files) = &self.shared.files {
                    files.tell(&self.owner, damage);
                }
                unserved(&self.owner, damage)
            }
            OpenError::Failed(error) => {
                tracing::error!(
                    account = %self.owner.account,
                    region = %self.owner.region,
                    %error,
                    "tables cannot be opened"
                );
                TableAnswer::internal_error()
            }
        }
    }
}

impl Drop for Worker {
    /// However the thread ends, the next call finds no queue without a taker.
    fn drop(&mut self) {
        self.queue.close();
        let mut state = self.shared.state.lock();
        let is_own = |open: &Open| Arc::ptr_eq(&open.queue, &self.queue);
        if state.open.get(&self.owner).is_some_and(is_own) {
            state.open.remove(&self.owner);
        }
    }
}

fn throttled() -> TableAnswer {
    TableAnswer::error(
        400,
        "ProvisionedThroughputExceededException",
        "Too many requests wait for the tables. Try again.",
    )
}

fn unavailable() -> TableAnswer {
    TableAnswer::error(503, "ServiceUnavailable", "The server is stopping.")
}

#[cfg(test)]
mod tests;
