//! What starts and stops workers.
//!
//! An actuator does what a decision says and nothing else: how many, and who goes first. Each is judged by
//! [`conformance`], the same suite for all.

mod auto_scaling;
pub mod conformance;
mod error;
mod hook;
mod keda;
mod kubernetes;
mod processes;
#[cfg(test)]
mod stand_in;

use std::fmt::Debug;
use std::future::{Future, ready};
use std::pin::Pin;
use std::sync::Arc;

pub use auto_scaling::{AutoScalingGroup, AutoScalingSettings};
pub use error::ActuatorError;
pub use hook::{Hook, HookSettings};
pub use keda::{Keda, KedaSettings};
pub use kubernetes::{Kubernetes, KubernetesSettings, ScaledKind};
pub use processes::{Processes, ProcessesSettings};

use crate::WorkerChange;

/// What an actuator does, or why it could not. Dropping it leaves what was asked for on its way.
pub type ActuatorFuture<'a, T> =
    Pin<Box<dyn Future<Output = Result<T, ActuatorError>> + Send + 'a>>;

/// Starts and stops workers.
pub trait Workers: Debug + Send {
    /// Workers that run or are being started. One that ended by itself, or is on its way out, is not among them any more.
    ///
    /// # Errors
    /// If they cannot be counted now; nothing is to be decided then.
    fn running(&mut self) -> ActuatorFuture<'_, Running>;

    /// Makes them as many as `change.to`. Those that `change.hand_over` names go first, as far as the actuator knows who is
    /// who; the others go on. Nobody is ended before it has handed over its leases or had its time to do so. Returns when
    /// those that are to go are gone, or on their way out whatever becomes of this process; those that are new may still be
    /// starting.
    ///
    /// # Errors
    /// What could not be done; what was done stays. Dropping the future leaves whoever was asked to go on its way; the
    /// next call starts from what there is then.
    fn scale<'a>(&'a mut self, change: &'a WorkerChange) -> ActuatorFuture<'a, ()>;

    /// Tells who holds leases, by the ids that [`running`](Self::running) gave: whoever else may end workers is to leave
    /// these alone. Nothing is done where nobody else may.
    ///
    /// # Errors
    /// If it could not be told; the workers go on.
    fn keep<'a>(&'a mut self, holders: &'a [Arc<str>]) -> ActuatorFuture<'a, ()> {
        let _ = holders;
        Box::pin(ready(Ok(())))
    }

    /// Tells that another scaler leads now: what this one asked for is not what is wanted any more. Nothing is done where
    /// nobody comes back to ask.
    fn follow(&mut self) {}

    /// Whether the workers end with the process that scales them, so that it has to stop them in good order before.
    fn end_with_scaler(&self) -> bool {
        false
    }
}

/// Workers that run or are being started.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Running {
    /// Each by its id: that by which it owns leases, or the beginning of it (see [`is_of`]).
    Named(Vec<Arc<str>>),
    /// Only how many: who they are is known of the leases that they hold.
    Counted(u32),
}

impl Running {
    /// How many.
    pub fn count(&self) -> u32 {
        match self {
            Self::Named(ids) => u32::try_from(ids.len()).unwrap_or(u32::MAX),
            Self::Counted(count) => *count,
        }
    }

    /// Their ids; none if they are only counted.
    pub fn ids(&self) -> &[Arc<str>] {
        match self {
            Self::Named(ids) => ids,
            Self::Counted(_) => &[],
        }
    }
}

/// Whether the owner of a lease is the worker with this id: the same, or the id and behind it something that no longer id
/// of the same kind begins with. The KCL owns leases as `HOST:UUID` unless it is told a worker's id.
pub fn is_of(owner: &str, id: &str) -> bool {
    let rest = owner.strip_prefix(id).filter(|_| !id.is_empty());
    rest.is_some_and(|rest| !rest.starts_with(|next: char| next.is_alphanumeric() || next == '-'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_owner_is_its_worker_and_no_other() {
        assert!(is_of("i-0a1b", "i-0a1b") && is_of("i-0a1b:6f1c-88", "i-0a1b"));
        assert!(is_of("i-0a1b.eu-west-1.compute.internal:6f", "i-0a1b"));
        assert!(!is_of("i-0a1b2", "i-0a1b") && !is_of("till-1-2", "till-1"));
        assert!(!is_of("till-10", "till-1") && !is_of("other", "till-1") && !is_of("other", ""));
    }
}
