//! A task that serves a client, and the guard that a request may set over it.
//!
//! A client that stops reading stops its answer from being asked for more: over HTTP/2 its window is closed while the
//! socket goes on, so nothing below the answer notices. Who answers in parts therefore sets a guard. The task that
//! serves the client polls the guard beside the answer, whether or not the answer is polled, and ends when the guard
//! says so: the connection with HTTP/1.1, the one stream with HTTP/2.

use std::fmt;
use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};

use parking_lot::Mutex;

/// What a guard comes to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// There is nothing to watch any more.
    Done,
    /// The client is to be cut off.
    CutOff,
}

type Watch = Pin<Box<dyn Future<Output = Verdict> + Send>>;

/// Where the guard of a task is set.
#[derive(Clone, Default)]
pub(crate) struct Guard(Arc<Slot>);

#[derive(Default)]
struct Slot {
    is_set: AtomicBool,
    watch: Mutex<Option<Watch>>,
}

impl fmt::Debug for Guard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Guard")
    }
}

tokio::task_local! {
    static GUARD: Guard;
}

impl Guard {
    /// The guard of the task that serves the current request; of none if a test calls from elsewhere.
    pub(crate) fn current() -> Self {
        GUARD.try_with(Clone::clone).unwrap_or_default()
    }

    /// Sets `watch` over the current task, in place of one set before. To be called within the task: it polls the
    /// watch after whatever it polls now.
    pub(crate) fn set(&self, watch: impl Future<Output = Verdict> + Send + 'static) {
        *self.0.watch.lock() = Some(Box::pin(watch));
        self.0.is_set.store(true, Ordering::Release);
    }

    /// Ready if the task is to end.
    fn poll(&self, cx: &mut Context<'_>) -> Poll<()> {
        if !self.0.is_set.load(Ordering::Acquire) {
            return Poll::Pending;
        }
        let mut watch = self.0.watch.lock();
        let verdict = watch.as_mut().map(|watch| watch.as_mut().poll(cx));
        match verdict {
            Some(Poll::Pending) => Poll::Pending,
            Some(Poll::Ready(Verdict::CutOff)) => Poll::Ready(()),
            Some(Poll::Ready(Verdict::Done)) | None => {
                *watch = None;
                self.0.is_set.store(false, Ordering::Release);
                Poll::Pending
            }
        }
    }
}

/// Runs a task until it ends or its guard ends it; `None` then. What the task holds is dropped before this returns.
pub(super) async fn guarded<F: Future>(task: F) -> Option<F::Output> {
    let guard = Guard::default();
    let mut task = pin!(GUARD.scope(guard.clone(), task));
    poll_fn(|cx| match task.as_mut().poll(cx) {
        Poll::Ready(output) => Poll::Ready(Some(output)),
        Poll::Pending => guard.poll(cx).map(|()| None),
    })
    .await
}

#[cfg(test)]
mod tests {
    use std::future::pending;
    use std::time::Duration;

    use tokio::time::{Instant, sleep};

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_task_ends_when_its_guard_says_so_though_it_waits_for_ever() {
        let second = Duration::from_secs(1);
        let began = Instant::now();
        let task = async {
            Guard::current().set(async move {
                sleep(second).await;
                Verdict::CutOff
            });
            pending::<()>().await;
        };
        assert_eq!(guarded(task).await, None);
        assert_eq!(began.elapsed(), second);
    }

    #[tokio::test(start_paused = true)]
    async fn a_guard_that_is_done_ends_nothing() {
        let second = Duration::from_secs(1);
        let task = async {
            Guard::current().set(async { Verdict::Done });
            sleep(second).await;
            Guard::current().set(async move {
                sleep(second * 2).await;
                Verdict::CutOff
            });
            sleep(second).await;
            7
        };
        assert_eq!(guarded(task).await, Some(7));
        assert_eq!(guarded(async { 8 }).await, Some(8));
    }
}
