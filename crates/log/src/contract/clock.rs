//! A wall clock that stands still until it is told otherwise.

use std::sync::atomic::{AtomicU64, Ordering};

use millstream_types::{TimestampMs, WallClock};

/// A wall clock for tests: settable, steppable in both directions, wrong if wanted, shared by reference.
#[derive(Debug)]
pub struct ManualClock {
    now_ms: AtomicU64,
    /// What the wall clock says too much.
    wrong_ms: AtomicU64,
}

impl ManualClock {
    /// A clock that shows `now`.
    pub fn new(now: TimestampMs) -> Self {
        Self {
            now_ms: AtomicU64::new(now.0),
            wrong_ms: AtomicU64::new(0),
        }
    }

    /// Shows `now` from here on, whether later or earlier than before.
    pub fn set(&self, now: TimestampMs) {
        self.now_ms.store(now.0, Ordering::SeqCst);
    }

    /// Moves by `ms` milliseconds, backwards if negative, and never out of what a timestamp holds.
    pub fn step_ms(&self, ms: i64) {
        let step = |now: u64| Some(now.saturating_add_signed(ms));
        let moved = self
            .now_ms
            .fetch_update(Ordering::SeqCst, Ordering::SeqCst, step);
        debug_assert!(moved.is_ok(), "the step always gives a value");
    }

    /// So many milliseconds pass.
    pub fn advance_ms(&self, ms: u64) {
        self.now_ms.fetch_add(ms, Ordering::SeqCst);
    }

    /// From now on the wall clock shows so many milliseconds too much; no such time has passed, and the clock that nobody
    /// sets says so.
    pub fn go_wrong_ms(&self, ms: u64) {
        self.wrong_ms.store(ms, Ordering::SeqCst);
    }
}

impl Default for ManualClock {
    /// 2023-11-14 22:13:20 UTC.
    fn default() -> Self {
        Self::new(TimestampMs(1_700_000_000_000))
    }
}

impl WallClock for ManualClock {
    fn now(&self) -> TimestampMs {
        TimestampMs(self.now_ms.load(Ordering::SeqCst) + self.wrong_ms.load(Ordering::SeqCst))
    }

    fn monotonic_ms(&self) -> u64 {
        self.now_ms.load(Ordering::SeqCst)
    }
}
