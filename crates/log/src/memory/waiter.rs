//! One read that waits, perhaps at the tails of several logs.

use std::sync::Arc;

use parking_lot::Mutex;
use tokio::sync::Notify;
use tokio::time::{Instant, timeout_at};

use super::state::State;
use crate::{Place, ReadFrom};

/// A waiting read's place in the queues of its logs; leaves them when dropped.
#[derive(Debug)]
pub(super) struct Waiter {
    woken: Arc<Notify>,
    state: Arc<Mutex<State>>,
    places: Vec<Place>,
}

impl Waiter {
    /// Queues at each log of `reads`. The caller holds the lock, so nothing is missed since it looked.
    pub(super) fn register(
        shared: &Arc<Mutex<State>>,
        state: &mut State,
        reads: &[ReadFrom],
    ) -> Self {
        let woken = Arc::new(Notify::new());
        for read in reads {
            if let Some(log) = state.log_mut(read.place) {
                log.waiters.add(&woken);
            }
        }
        Self {
            woken,
            state: Arc::clone(shared),
            places: reads.iter().map(|read| read.place).collect(),
        }
    }

    /// Returns when one of the logs has changed, or at the deadline.
    pub(super) async fn woken_or(&self, deadline: Option<Instant>) {
        let woken = self.woken.notified();
        match deadline {
            // Either way the caller looks again and answers with what is there.
            Some(deadline) => drop(timeout_at(deadline, woken).await),
            None => woken.await,
        }
    }

    pub(super) fn state(&self) -> &Mutex<State> {
        &self.state
    }
}

impl Drop for Waiter {
    fn drop(&mut self) {
        let mut state = self.state.lock();
        for place in &self.places {
            if let Some(log) = state.log_mut(*place) {
                log.waiters.remove(&self.woken);
            }
        }
    }
}
