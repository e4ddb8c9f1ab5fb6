//! Reads that wait at the tail. A log knows of waiters only while there are some.

use std::sync::Arc;

use parking_lot::Mutex;

use crate::format::LogKey;
use crate::state::State;
use crate::state::waiter::Waiter;

/// A read's place at the tails of its logs; leaves them when dropped.
#[derive(Debug)]
pub(crate) struct Wait<'a> {
    state: &'a Mutex<State>,
    waiter: Arc<Waiter>,
    keys: Vec<LogKey>,
}

impl<'a> Wait<'a> {
    /// The caller holds the lock under which it found nothing to read, so nothing is missed.
    pub(crate) fn enter(
        mutex: &'a Mutex<State>,
        state: &mut State,
        keys: impl Iterator<Item = LogKey>,
    ) -> Self {
        let waiter = Arc::new(Waiter::default());
        let keys: Vec<LogKey> = keys.collect();
        for key in &keys {
            if let Some(log) = state.table.by_key_mut(*key) {
                log.active_mut().waiters.push(Arc::clone(&waiter));
            }
        }
        Self {
            state: mutex,
            waiter,
            keys,
        }
    }

    pub(crate) async fn rung(&self) {
        self.waiter.rung().await;
    }
}

impl Drop for Wait<'_> {
    fn drop(&mut self) {
        let mut state = self.state.lock();
        for key in &self.keys {
            let Some(log) = state.table.by_key_mut(*key) else {
                continue;
            };
            if let Some(active) = &mut log.active {
                active
                    .waiters
                    .retain(|waiting| !Arc::ptr_eq(waiting, &self.waiter));
            }
            log.settle();
        }
    }
}
