//! Reads that wait at the tail of one log.

use std::sync::Arc;

use tokio::sync::Notify;

/// The waiting reads of one log.
#[derive(Debug, Default)]
pub(super) struct Waiters(Vec<Arc<Notify>>);

impl Waiters {
    pub(super) fn wake_all(&mut self) {
        for waiting in self.0.drain(..) {
            waiting.notify_one();
        }
    }

    pub(super) fn add(&mut self, waiting: &Arc<Notify>) {
        self.0.push(Arc::clone(waiting));
    }

    pub(super) fn remove(&mut self, leaving: &Arc<Notify>) {
        self.0.retain(|waiting| !Arc::ptr_eq(waiting, leaving));
    }
}
