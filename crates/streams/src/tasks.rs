//! Tasks have an owner: whoever starts them can stop them, waits for them, and learns when one failed.

use std::time::Duration;

use tokio_util::sync::{CancellationToken, DropGuard};
use tokio_util::task::TaskTracker;
use tracing::Instrument;

/// A group of tasks that are stopped together.
#[derive(Debug, Default)]
pub(crate) struct Tasks {
    tracker: TaskTracker,
    stop: CancellationToken,
    failed: CancellationToken,
}

impl Tasks {
    /// Starts a task that runs until it is asked to stop; ending earlier counts as a failure.
    pub(crate) fn spawn<F>(&self, name: &'static str, task: impl FnOnce(CancellationToken) -> F)
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let stop = self.stop.clone();
        let run = task(stop.clone());
        self.track(name, run, move |guard| {
            if stop.is_cancelled() {
                drop(guard.disarm());
            }
        });
    }

    /// Starts a task that ends by itself; only a panic counts as a failure.
    pub(crate) fn spawn_once<F>(
        &self,
        name: &'static str,
        task: impl FnOnce(CancellationToken) -> F,
    ) where
        F: Future<Output = ()> + Send + 'static,
    {
        self.track(name, task(self.stop.clone()), |guard| drop(guard.disarm()));
    }

    fn track(
        &self,
        name: &'static str,
        run: impl Future<Output = ()> + Send + 'static,
        ended: impl FnOnce(DropGuard) + Send + 'static,
    ) {
        let guard = self.failed.clone().drop_guard();
        let watched = async move {
            run.await;
            ended(guard);
        };
        let span = tracing::info_span!("task", name);
        // The tracker keeps the task; nobody needs its handle.
        drop(self.tracker.spawn(watched.instrument(span)));
    }

    /// Whether a task ended unasked or panicked.
    pub(crate) fn have_failed(&self) -> bool {
        self.failed.is_cancelled()
    }

    /// Asks every task to stop and waits for none.
    pub(crate) fn cancel(&self) {
        self.stop.cancel();
    }

    /// Asks every task to stop; false if some had not after `grace`, in which case they go on.
    pub(crate) async fn stop(&self, grace: Duration) -> bool {
        self.stop.cancel();
        self.tracker.close();
        tokio::time::timeout(grace, self.tracker.wait())
            .await
            .is_ok()
    }
}

/// Where computations of milliseconds or more are done.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Computing {
    /// Away from the threads that serve requests.
    #[default]
    Beside,
    /// In the task that wants the result: whatever else goes on has the same order each time. For simulations.
    InPlace,
}

impl Computing {
    /// Runs a computation. Dropping the future does not stop one that runs beside.
    pub(crate) async fn run<T: Send + 'static>(
        self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, tokio::task::JoinError> {
        match self {
            Self::Beside => tokio::task::spawn_blocking(work).await,
            Self::InPlace => Ok(work()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GRACE: Duration = Duration::from_secs(1);

    #[tokio::test(start_paused = true)]
    async fn tasks_that_end_when_asked_have_not_failed() {
        let tasks = Tasks::default();
        tasks.spawn("waits", |stop| async move { stop.cancelled().await });
        tasks.spawn_once("ends", |_| async {});
        assert!(tasks.stop(GRACE).await);
        assert!(!tasks.have_failed());
    }

    #[tokio::test(start_paused = true)]
    async fn a_task_that_ends_unasked_has_failed() {
        let tasks = Tasks::default();
        tasks.spawn("ends", |_| async {});
        tokio::task::yield_now().await;
        assert!(tasks.have_failed());
    }

    #[tokio::test(start_paused = true)]
    async fn a_task_that_panics_has_failed() {
        let tasks = Tasks::default();
        tasks.spawn_once("panics", |_| async { panic!("planned") });
        assert!(tasks.stop(GRACE).await);
        assert!(tasks.have_failed());
    }

    #[tokio::test(start_paused = true)]
    async fn stopping_waits_no_longer_than_it_may() {
        let tasks = Tasks::default();
        tasks.spawn("does not listen", |_| std::future::pending());
        assert!(!tasks.stop(GRACE).await);
    }
}
