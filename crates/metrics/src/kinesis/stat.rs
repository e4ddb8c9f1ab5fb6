//! Counters that many threads add to.

use std::sync::atomic::{AtomicU64, Ordering};

use crate::Aggregate;

/// Count, sum and extremes of whole numbers.
#[derive(Debug)]
pub(super) struct Stat {
    count: AtomicU64,
    sum: AtomicU64,
    minimum: AtomicU64,
    maximum: AtomicU64,
}

impl Default for Stat {
    fn default() -> Self {
        Self {
            count: AtomicU64::new(0),
            sum: AtomicU64::new(0),
            minimum: AtomicU64::new(u64::MAX),
            maximum: AtomicU64::new(0),
        }
    }
}

impl Stat {
    pub(super) fn add(&self, value: u64) {
        self.count.fetch_add(1, Ordering::Relaxed);
        self.sum.fetch_add(value, Ordering::Relaxed);
        // A look is cheaper than a change, and most values change neither.
        if value < self.minimum.load(Ordering::Relaxed) {
            self.minimum.fetch_min(value, Ordering::Relaxed);
        }
        if value > self.maximum.load(Ordering::Relaxed) {
            self.maximum.fetch_max(value, Ordering::Relaxed);
        }
    }

    /// What came together, in units of so many; nothing is left. Nobody adds meanwhile.
    pub(super) fn take(&self, divisor: f64) -> Option<Aggregate> {
        let count = self.count.swap(0, Ordering::Relaxed);
        let sum = self.sum.swap(0, Ordering::Relaxed);
        let minimum = self.minimum.swap(u64::MAX, Ordering::Relaxed);
        let maximum = self.maximum.swap(0, Ordering::Relaxed);
        if count == 0 {
            return None;
        }
        let scaled = |number: u64| number as f64 / divisor;
        Some(Aggregate::of_statistics(
            count as f64,
            scaled(sum),
            scaled(minimum),
            scaled(maximum),
        ))
    }
}
