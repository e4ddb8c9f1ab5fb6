//! Bytes that may be in memory for one purpose: reserved before they are, never waited for.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// A bound in bytes, shared by everything that reserves from it.
#[derive(Debug)]
pub(crate) struct ByteBudget {
    free_bytes: AtomicUsize,
}

/// Bytes taken from a [`ByteBudget`]; given back when dropped.
#[derive(Debug)]
pub(crate) struct Reservation {
    budget: Arc<ByteBudget>,
    size_bytes: usize,
}

impl ByteBudget {
    pub(crate) fn new(size_bytes: usize) -> Arc<Self> {
        Arc::new(Self {
            free_bytes: AtomicUsize::new(size_bytes),
        })
    }

    /// Takes `size_bytes`, or nothing if so many are not free.
    pub(crate) fn try_reserve(self: &Arc<Self>, size_bytes: usize) -> Option<Reservation> {
        self.take(size_bytes).then(|| Reservation {
            budget: Arc::clone(self),
            size_bytes,
        })
    }

    fn take(&self, size_bytes: usize) -> bool {
        self.free_bytes
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |free| {
                free.checked_sub(size_bytes)
            })
            .is_ok()
    }

    #[cfg(test)]
    pub(crate) fn free_bytes(&self) -> usize {
        self.free_bytes.load(Ordering::Relaxed)
    }
}

impl Reservation {
    /// Takes `more_bytes` on top; false, and nothing taken, if so many are not free.
    pub(crate) fn try_grow(&mut self, more_bytes: usize) -> bool {
        let grown = self.budget.take(more_bytes);
        if grown {
            self.size_bytes += more_bytes;
        }
        grown
    }
}

impl Drop for Reservation {
    fn drop(&mut self) {
        self.budget
            .free_bytes
            .fetch_add(self.size_bytes, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_taken_beyond_the_bound_and_everything_comes_back() {
        let budget = ByteBudget::new(10);
        let mut first = budget.try_reserve(6).unwrap();
        assert!(budget.try_reserve(5).is_none());
        assert!(!first.try_grow(5));
        assert!(first.try_grow(4));
        assert_eq!(budget.free_bytes(), 0);
        assert!(budget.try_reserve(0).is_some());
        drop(first);
        assert_eq!(budget.free_bytes(), 10);
    }
}
