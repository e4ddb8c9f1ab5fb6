//! A worker that is started by awaiting it.

use std::fmt;
use std::future::Future;
use std::pin::Pin;

use tokio_util::sync::CancellationToken;

use crate::ConsumerError;

type Work = Pin<Box<dyn Future<Output = Result<(), ConsumerError>> + Send>>;

/// A worker's run: await it, or spawn its [`into_future`](IntoFuture::into_future) as a task.
///
/// It works until one of the futures given to [`until`](Self::until) is ready; without one, until it fails. Then every
/// handler finishes what it has in hand, what is done is checkpointed, every lease is given back, and all tasks have
/// ended when the run does; handlers that take longer than
/// [`shutdown_grace`](crate::Settings::shutdown_grace) are dropped, and what they noted as done is checkpointed.
///
/// Failures of the stream and of the lease table are waited out, with warnings in the log. Dropping the future stops
/// all work at its next await; the leases then expire after the failover time.
///
/// # Errors
/// See [`ConsumerError`].
#[must_use = "a run does nothing until it is awaited"]
pub struct Run {
    stop: CancellationToken,
    stops: Vec<Pin<Box<dyn Future<Output = ()> + Send>>>,
    work: Work,
}

impl fmt::Debug for Run {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Run").finish_non_exhaustive()
    }
}

impl Run {
    pub(crate) fn new(stop: CancellationToken, work: Work) -> Self {
        Self {
            stop,
            stops: Vec::new(),
            work,
        }
    }

    /// Stops in good order when `stop` is ready, whatever it says: a signal, the end of a channel, a timer. Several
    /// are allowed; the first one counts.
    pub fn until<S>(mut self, stop: S) -> Self
    where
        S: Future + Send + 'static,
    {
        self.stops.push(Box::pin(async move {
            stop.await;
        }));
        self
    }
}

impl IntoFuture for Run {
    type Output = Result<(), ConsumerError>;
    type IntoFuture = Work;

    fn into_future(self) -> Self::IntoFuture {
        let Self { stop, stops, work } = self;
        if stops.is_empty() {
            return work;
        }
        let stopped = futures::future::select_all(stops);
        Box::pin(async move {
            tokio::pin!(work);
            tokio::select! {
                biased;
                _ = stopped => stop.cancel(),
                ended = &mut work => return ended,
            }
            work.await
        })
    }
}
