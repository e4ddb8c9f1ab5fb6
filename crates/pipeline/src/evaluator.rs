//! Threads of their own for decoding and steps: they may nest deeply, and never hold up what waits for a network.

use std::io;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};

use parking_lot::Mutex;
use tokio::sync::oneshot;

/// Stack of a thread. Only what is used takes memory.
pub const STACK_BYTES: usize = 256 * 1024 * 1024;
/// Jobs that wait for a thread before callers do.
const WAITING_MAX: usize = 64;

type Job = Box<dyn FnOnce() + Send>;

/// Runs jobs on threads of its own, which end when the last clone is dropped.
#[derive(Debug, Clone)]
pub struct Evaluator {
    /// None where the caller's thread does it.
    jobs: Option<SyncSender<Job>>,
}

/// The job panicked, or its threads are gone.
#[derive(Debug, thiserror::Error)]
#[error("a step has panicked")]
pub struct Panicked;

impl Evaluator {
    /// Starts so many threads, at least one.
    ///
    /// # Errors
    /// If the system has no more threads.
    pub fn start(threads: usize) -> io::Result<Self> {
        let (jobs, waiting) = sync_channel::<Job>(WAITING_MAX);
        let waiting = Arc::new(Mutex::new(waiting));
        for number in 0..threads.max(1) {
            let waiting = Arc::clone(&waiting);
            std::thread::Builder::new()
                .name(format!("steps-{number}"))
                .stack_size(STACK_BYTES)
                .spawn(move || work(&waiting))?;
        }
        Ok(Self { jobs: Some(jobs) })
    }

    /// Runs jobs on the caller's thread, in no time of a paused clock.
    #[cfg(test)]
    pub(crate) fn inline() -> Self {
        Self { jobs: None }
    }

    /// Runs the job and waits for its result.
    ///
    /// # Errors
    /// [`Panicked`] if it has none.
    pub async fn run<T: Send + 'static>(
        &self,
        job: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, Panicked> {
        let Some(jobs) = self.jobs.clone() else {
            return Ok(job());
        };
        let (answer, answered) = oneshot::channel();
        let job: Job = Box::new(move || {
            // Whoever hung up does not want it any more.
            drop(answer.send(job()));
        });
        // A shard has one job at a time, so the queue is shorter than there are shards; if not, this thread waits.
        if let Err(full) = jobs.try_send(job) {
            let (std::sync::mpsc::TrySendError::Full(job)
            | std::sync::mpsc::TrySendError::Disconnected(job)) = full;
            let sent = tokio::task::spawn_blocking(move || jobs.send(job)).await;
            if !matches!(sent, Ok(Ok(()))) {
                return Err(Panicked);
            }
        }
        answered.await.map_err(|_| Panicked)
    }
}

fn work(waiting: &Mutex<Receiver<Job>>) {
    loop {
        let job = waiting.lock().recv();
        let Ok(job) = job else {
            return;
        };
        // A job that panics loses its answer, which its caller notices; the thread goes on.
        drop(std::panic::catch_unwind(std::panic::AssertUnwindSafe(job)));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_job_that_panics_costs_nobody_else() {
        let evaluator = Evaluator::start(1).unwrap();
        assert_eq!(evaluator.run(|| 1).await.unwrap(), 1);
        let panics = evaluator.run(|| std::panic::resume_unwind(Box::new("told to")));
        assert!(panics.await.map(|(): ()| ()).is_err());
        assert_eq!(evaluator.run(|| 2).await.unwrap(), 2);
    }
}
