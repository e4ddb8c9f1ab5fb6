//! How this crate begins tasks: all that a worker does runs in tasks from here, so that a simulation can make one worker's
//! process stand still, as a signal or a pause of its machine does, while the others go on.

use tokio::task::JoinHandle;
use tracing::Instrument;

/// Begins a task in the span that is current.
pub(crate) fn spawn<T: Send + 'static>(
    task: impl Future<Output = T> + Send + 'static,
) -> JoinHandle<T> {
    tokio::spawn(of_this_process(task.in_current_span()))
}

/// The task, as part of the process that begins it.
#[cfg(not(test))]
pub(crate) fn of_this_process<F: Future>(task: F) -> F {
    task
}

#[cfg(test)]
pub(crate) mod process;
#[cfg(test)]
pub(crate) use process::of_this_process;
