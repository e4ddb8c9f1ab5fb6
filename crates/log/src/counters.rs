//! What an engine tells of itself in numbers.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// A number that an engine tells of itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Counter {
    /// In lower case with underscores, the unit last: `written_bytes`.
    pub name: &'static str,
    /// What it counts, in a few words without a full stop.
    pub help: &'static str,
    /// Its value.
    pub value: CounterValue,
}

/// The value of a [`Counter`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CounterValue {
    /// How much there was since the engine was opened; never falls.
    Total(u64),
    /// How much there is now.
    Now(u64),
    /// How long something took, each time since the engine was opened.
    Times(Times),
}

impl Counter {
    /// One that never falls.
    pub fn total(name: &'static str, help: &'static str, value: u64) -> Self {
        let value = CounterValue::Total(value);
        Self { name, help, value }
    }

    /// The size of something now.
    pub fn now(name: &'static str, help: &'static str, value: u64) -> Self {
        let value = CounterValue::Now(value);
        Self { name, help, value }
    }
}

/// Upper bounds of the buckets of a [`TimeHistogram`], in microseconds; times beyond the last have a bucket of their own.
pub const TIME_BOUNDS_US: [u64; 16] = [
    100, 250, 500, 1_000, 2_500, 5_000, 10_000, 25_000, 50_000, 100_000, 250_000, 500_000,
    1_000_000, 2_500_000, 5_000_000, 10_000_000,
];

/// Counts times by how long they are. Adding one takes two additions to numbers that nobody else need wait for.
#[derive(Debug, Default)]
pub struct TimeHistogram {
    counts: [AtomicU64; TIME_BOUNDS_US.len() + 1],
    sum_us: AtomicU64,
}

/// What a [`TimeHistogram`] has counted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Times {
    /// How many there were up to each of [`TIME_BOUNDS_US`] and above the one before; at last, those above all.
    pub counts: [u64; TIME_BOUNDS_US.len() + 1],
    /// Their sum, in microseconds.
    pub sum_us: u64,
}

impl TimeHistogram {
    /// Adds a time.
    pub fn add(&self, time: Duration) {
        let us = u64::try_from(time.as_micros()).unwrap_or(u64::MAX);
        let bucket = TIME_BOUNDS_US.partition_point(|bound| *bound < us);
        self.counts[bucket].fetch_add(1, Ordering::Relaxed);
        self.sum_us.fetch_add(us, Ordering::Relaxed);
    }

    /// What was added so far. Times that are added meanwhile are in it or not, or in one of its parts.
    pub fn read(&self) -> Times {
        Times {
            counts: std::array::from_fn(|bucket| self.counts[bucket].load(Ordering::Relaxed)),
            sum_us: self.sum_us.load(Ordering::Relaxed),
        }
    }
}

impl Times {
    /// How many there were.
    pub fn count(&self) -> u64 {
        self.counts.iter().sum()
    }

    /// Adds those of another.
    pub fn add(&mut self, other: &Self) {
        for (count, more) in self.counts.iter_mut().zip(other.counts) {
            *count += more;
        }
        self.sum_us += other.sum_us;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_in_the_first_bucket_whose_bound_it_does_not_exceed() {
        let histogram = TimeHistogram::default();
        for us in [0, 100, 101, 10_000_000, 10_000_001] {
            histogram.add(Duration::from_micros(us));
        }
        let times = histogram.read();
        assert_eq!(times.counts[..2], [2, 1]);
        assert_eq!(times.counts[TIME_BOUNDS_US.len() - 1..], [1, 1]);
        assert_eq!(times.count(), 5);
        assert_eq!(times.sum_us, 20_000_202);
        let mut twice = times;
        twice.add(&times);
        assert_eq!(twice.count(), 10);
    }
}
