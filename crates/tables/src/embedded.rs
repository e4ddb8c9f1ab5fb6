//! Tables in SQLite files: one file and one thread per account and region, both from the first call on.

mod gathering;
mod queue;
mod worker;

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use futures::FutureExt;
use futures::future::{BoxFuture, join_all};
use parking_lot::Mutex;
use tokio::sync::{oneshot, watch};

use self::queue::{Claim, GiveUpOnDrop, Job, NotQueued, Queue};
use self::worker::Worker;
use crate::answer::TableAnswer;
use crate::files::TableFiles;
use crate::owner::TableOwner;
use crate::request::TableRequest;
use crate::settings::TableSettings;

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
