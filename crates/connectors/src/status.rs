//! How a sink is doing.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use parking_lot::Mutex;

/// What was counted of one sink, over all shards of this process. Clones count together.
#[derive(Debug, Clone, Default)]
pub struct SinkStatus(Arc<Inner>);

#[derive(Debug, Default)]
struct Inner {
    delivered: AtomicU64,
    delivered_bytes: AtomicU64,
    rejected: AtomicU64,
    retried: AtomicU64,
    skipped: AtomicU64,
    flushes: AtomicU64,
    flush_ms: AtomicU64,
    flush_times: Mutex<Option<FlushTimes>>,
    last_error: Mutex<Option<String>>,
}

/// How long the flushes of some time took, tries that failed and pauses included.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FlushTimes {
    /// How many there were, at least one.
    pub count: u64,
    /// All together.
    pub sum: Duration,
    /// The shortest.
    pub shortest: Duration,
    /// The longest.
    pub longest: Duration,
}

/// The numbers at one moment.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SinkCounts {
    /// Items that arrived.
    pub delivered: u64,
    /// Their bytes, about.
    pub delivered_bytes: u64,
    /// Items that the sink will never take.
    pub rejected: u64,
    /// Tries after the first.
    pub retried: u64,
    /// Items that an optional sink has missed because it was down.
    pub skipped: u64,
    /// Cuts that arrived.
    pub flushes: u64,
    /// How long they took, tries that failed and pauses included, in milliseconds, all together.
    pub flush_ms: u64,
    /// Why the last try failed, until one succeeds.
    pub last_error: Option<String>,
}

impl SinkStatus {
    /// The numbers now.
    pub fn counts(&self) -> SinkCounts {
        let of = |number: &AtomicU64| number.load(Ordering::Relaxed);
        SinkCounts {
            delivered: of(&self.0.delivered),
            delivered_bytes: of(&self.0.delivered_bytes),
            rejected: of(&self.0.rejected),
            retried: of(&self.0.retried),
            skipped: of(&self.0.skipped),
            flushes: of(&self.0.flushes),
            flush_ms: of(&self.0.flush_ms),
            last_error: self.0.last_error.lock().clone(),
        }
    }

    /// The flushes that arrived since this was asked the last time, if there were any.
    pub fn take_flush_times(&self) -> Option<FlushTimes> {
        self.0.flush_times.lock().take()
    }

    pub(crate) fn delivered(&self, items: u64, bytes: u64) {
        self.0.delivered.fetch_add(items, Ordering::Relaxed);
        self.0.delivered_bytes.fetch_add(bytes, Ordering::Relaxed);
    }

    pub(crate) fn rejected(&self) {
        self.0.rejected.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn failed(&self, error: &str) {
        self.0.retried.fetch_add(1, Ordering::Relaxed);
        *self.0.last_error.lock() = Some(error.to_owned());
    }

    pub(crate) fn succeeded(&self) {
        *self.0.last_error.lock() = None;
    }

    pub(crate) fn flushed(&self, took: Duration) {
        let ms = u64::try_from(took.as_millis()).unwrap_or(u64::MAX);
        self.0.flushes.fetch_add(1, Ordering::Relaxed);
        self.0.flush_ms.fetch_add(ms, Ordering::Relaxed);
        let mut times = self.0.flush_times.lock();
        let one = FlushTimes {
            count: 1,
            sum: took,
            shortest: took,
            longest: took,
        };
        *times = Some(times.map_or(one, |before| FlushTimes {
            count: before.count + 1,
            sum: before.sum.saturating_add(took),
            shortest: before.shortest.min(took),
            longest: before.longest.max(took),
        }));
    }

    pub(crate) fn skipped(&self, items: u64) {
        self.0.skipped.fetch_add(items, Ordering::Relaxed);
    }
}
