//! What starts and stops workers.
//!
//! An actuator does what a decision says and nothing else: how many, and who goes first. Each is judged by
//! [`conformance`], the same suite for all.

pub mod conformance;
mod processes;

use std::future::Future;
use std::sync::Arc;

pub use processes::{Processes, ProcessesSettings};

use crate::WorkerChange;

/// Starts and stops workers.
pub trait Workers: Send {
    /// Workers that run or are being started, by the ids by which they own leases. One that ended by itself is not among
    /// them any more.
    ///
    /// # Errors
    /// If they cannot be counted now; nothing is to be decided then.
    fn running(&mut self) -> impl Future<Output = Result<Vec<Arc<str>>, ActuatorError>> + Send;

    /// Makes them as many as `change.to`. Those that `change.hand_over` names go first, each only once it has handed over
    /// its leases; the others go on. Returns when all are gone that are to go; those that are new may still be starting.
    ///
    /// # Errors
    /// What could not be done; what was done stays. Dropping the future leaves whoever was asked to go on its way; the next call waits for them.
    fn scale(
        &mut self,
        change: &WorkerChange,
    ) -> impl Future<Output = Result<(), ActuatorError>> + Send;
}

/// Why workers could not be counted, started or stopped.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ActuatorError {
    /// A worker could not be started: is the command right?
    #[error("a worker cannot be started: {command}: {source}")]
    Start {
        /// What was tried.
        command: String,
        /// What the operating system says.
        #[source]
        source: std::io::Error,
    },
    /// A worker did not end within the time it has, and was killed: records come again to whoever takes its leases.
    #[error("worker {worker} did not hand over within {grace_ms} ms and was killed")]
    Killed {
        /// Its id.
        worker: Arc<str>,
        /// What it had.
        grace_ms: u64,
    },
    /// Something else of the operating system's.
    #[error(transparent)]
    System(#[from] std::io::Error),
}
