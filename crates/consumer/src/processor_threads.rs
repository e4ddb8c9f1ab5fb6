//! Threads on which nothing but processors run.

use std::fmt;
use std::io;

use tokio::runtime::{Builder, Runtime};
use tokio::task::JoinHandle;

/// A runtime of the processors' own; ends in the background when it is dropped.
pub(crate) struct ProcessorThreads(Option<Runtime>);

impl fmt::Debug for ProcessorThreads {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ProcessorThreads").finish_non_exhaustive()
    }
}

impl ProcessorThreads {
    pub(crate) fn start(threads: usize) -> io::Result<Self> {
        let runtime = Builder::new_multi_thread()
            .worker_threads(threads)
            .thread_name("processor")
            .enable_all()
            .build()?;
        Ok(Self(Some(runtime)))
    }

    pub(crate) fn spawn<T: Send + 'static>(
        &self,
        task: impl Future<Output = T> + Send + 'static,
    ) -> JoinHandle<T> {
        let runtime = self.0.as_ref().expect("it lives until it is dropped");
        runtime.spawn(task)
    }
}

impl Drop for ProcessorThreads {
    fn drop(&mut self) {
        // Waiting for the threads, as a runtime's own drop does, is not allowed inside another runtime.
        if let Some(runtime) = self.0.take() {
            runtime.shutdown_background();
        }
    }
}
