//! How many connections there may be, and how many there are.

use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Places for connections. Clones are the same places.
#[derive(Debug, Clone)]
pub(crate) struct Slots {
    max: usize,
    free: Arc<Semaphore>,
}

impl Slots {
    pub(crate) fn new(max: usize) -> Self {
        Self {
            max,
            free: Arc::new(Semaphore::new(max)),
        }
    }

    /// Takes a place, if there is one; it is free again when dropped.
    pub(super) fn take(&self) -> Option<OwnedSemaphorePermit> {
        Arc::clone(&self.free).try_acquire_owned().ok()
    }

    /// How many there may be.
    pub(crate) fn max(&self) -> usize {
        self.max
    }

    /// How many there are.
    pub(crate) fn open(&self) -> usize {
        self.max.saturating_sub(self.free.available_permits())
    }
}
