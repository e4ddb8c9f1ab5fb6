//! A few threads for reads that have to wait for the disk.

use std::collections::VecDeque;
use std::sync::Arc;
use std::thread::JoinHandle;

use parking_lot::{Condvar, Mutex};
use tokio::sync::{Semaphore, oneshot};

type Job = Box<dyn FnOnce() + Send>;

/// Most reads that wait for a thread; further ones wait for a place in the queue.
const QUEUE_MAX: usize = 256;

/// Clones share the threads.
#[derive(Debug, Clone)]
pub(crate) struct ReadPool {
    queue: Arc<Queue>,
    places: Arc<Semaphore>,
}

#[derive(Default)]
struct Queue {
    jobs: Mutex<Jobs>,
    bell: Condvar,
}

#[derive(Default)]
struct Jobs {
    waiting: VecDeque<Job>,
    stopping: bool,
}

impl std::fmt::Debug for Queue {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Queue").finish_non_exhaustive()
    }
}

/// The pool takes no more reads.
#[derive(Debug)]
pub(crate) struct PoolStopped;

impl ReadPool {
    pub(crate) fn new() -> Self {
        Self {
            queue: Arc::new(Queue::default()),
            places: Arc::new(Semaphore::new(QUEUE_MAX)),
        }
    }

    /// Starts the threads.
    pub(crate) fn start(&self, threads: usize) -> std::io::Result<Vec<JoinHandle<()>>> {
        (0..threads)
            .map(|number| {
                let queue = Arc::clone(&self.queue);
                std::thread::Builder::new()
                    .name(format!("log-read-{number}"))
                    .spawn(move || queue.work())
            })
            .collect()
    }

    /// Runs a read on one of the threads. Dropping the future drops the answer.
    pub(crate) async fn run<T: Send + 'static>(
        &self,
        read: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, PoolStopped> {
        let place = Arc::clone(&self.places).acquire_owned().await;
        let place = place.map_err(|_| PoolStopped)?;
        let (answer, answers) = oneshot::channel();
        let job = Box::new(move || {
            // Whoever asked may have left.
            drop(answer.send(read()));
            drop(place);
        });
        {
            let mut jobs = self.queue.jobs.lock();
            if jobs.stopping {
                return Err(PoolStopped);
            }
            jobs.waiting.push_back(job);
        }
        self.queue.bell.notify_one();
        answers.await.map_err(|_| PoolStopped)
    }

    /// The threads finish what waits and end.
    pub(crate) fn stop(&self) {
        self.queue.jobs.lock().stopping = true;
        self.queue.bell.notify_all();
    }
}

impl Queue {
    fn work(&self) {
        loop {
            let job = {
                let mut jobs = self.jobs.lock();
                loop {
                    if let Some(job) = jobs.waiting.pop_front() {
                        break job;
                    }
                    if jobs.stopping {
                        return;
                    }
                    self.bell.wait(&mut jobs);
                }
            };
            job();
        }
    }
}
