//! What an engine's tests hand to the suite.

use std::fmt;
use std::sync::Arc;

use futures::FutureExt;
use futures::future::BoxFuture;

use crate::LogEngine;

type FailNextWrite = Box<dyn Fn() + Send + Sync>;
type Reopen = Box<dyn Fn() -> BoxFuture<'static, Arc<dyn LogEngine>> + Send + Sync>;

/// A fresh engine without logs, and what the suite may do with it.
pub struct Subject {
    pub(super) engine: Arc<dyn LogEngine>,
    pub(super) reopen: Option<Reopen>,
    pub(super) time_may_pause: bool,
    pub(super) fail_next_write: Option<FailNextWrite>,
}

impl Subject {
    /// An engine that takes its wall clock from the clock handed to the factory.
    pub fn new(engine: Arc<dyn LogEngine>) -> Self {
        Self {
            engine,
            reopen: None,
            time_may_pause: false,
            fail_next_write: None,
        }
    }

    /// Lets the suite pause tokio's time. For engines without threads of their own: paused time jumps ahead
    /// whenever the runtime is idle, also while such a thread works.
    #[must_use]
    pub fn with_paused_time(mut self) -> Self {
        self.time_may_pause = true;
        self
    }

    /// How to make the engine's next write of an entry fail for good, with an outcome that nobody knows.
    #[must_use]
    pub fn with_failing_writes(mut self, fail_next: impl Fn() + Send + Sync + 'static) -> Self {
        self.fail_next_write = Some(Box::new(fail_next));
        self
    }

    /// How to open the same logs again, with the same clock. Called when the engine before has stopped.
    /// Whatever must outlive the engine, such as a temporary folder, belongs into the closure.
    #[must_use]
    pub fn with_reopen<R, F>(mut self, reopen: R) -> Self
    where
        R: Fn() -> F + Send + Sync + 'static,
        F: Future<Output = Arc<dyn LogEngine>> + Send + 'static,
    {
        self.reopen = Some(Box::new(move || reopen().boxed()));
        self
    }
}

impl fmt::Debug for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Subject")
            .field("engine", &self.engine)
            .field("reopen", &self.reopen.is_some())
            .field("time_may_pause", &self.time_may_pause)
            .field("fail_next_write", &self.fail_next_write.is_some())
            .finish()
    }
}
