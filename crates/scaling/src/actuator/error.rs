//! Why workers could not be counted, started or stopped.

use std::net::SocketAddr;
use std::sync::Arc;

use crate::CallError;

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
    /// The address at which KEDA asks cannot be had.
    #[error("{address} cannot be listened at: {source}")]
    Listen {
        /// The address.
        address: SocketAddr,
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
    /// A worker was asked to hand over and did not, so it was left running.
    #[error("worker {worker} was not stopped, because it has not handed over: {cause}")]
    NotDrained {
        /// Its id.
        worker: Arc<str>,
        /// What its drain command said, or that it did not end in time.
        cause: String,
    },
    /// What the workers belong to has tighter bounds than the rules: change one of both.
    #[error("{to} workers cannot be had: {what} has {min} to {max}")]
    Bounds {
        /// What has them.
        what: String,
        /// So many were asked for.
        to: u32,
        /// Its least.
        min: u32,
        /// Its most.
        max: u32,
    },
    /// A call of the service that has the workers.
    #[error(transparent)]
    Call(#[from] CallError),
    /// Something else of the operating system's.
    #[error(transparent)]
    System(#[from] std::io::Error),
}

impl ActuatorError {
    /// Whether the same call may succeed soon.
    pub fn is_passing(&self) -> bool {
        matches!(self, Self::Call(error) if error.is_passing())
    }
}
