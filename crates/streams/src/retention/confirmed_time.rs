//! The wall clock as far as it can be trusted to delete by.
//!
//! Reads that wrongly look from the future see their records again once the clock is right; what was trimmed is gone.

use std::sync::Arc;

use millstream_types::{TimestampMs, WallClock};
use parking_lot::Mutex;

/// How far the wall clock may be ahead of what the monotonic one says: more than any slewing between two looks.
const AHEAD_MS_MAX: u64 = 10_000;
/// A clock that stays ahead for so long was set on purpose, or the machine was suspended.
const CONFIRMED_AFTER_MS: u64 = 3_600_000;

/// Time that never jumps ahead of the monotonic clock, unless the wall clock has stayed ahead for an hour.
#[derive(Debug)]
pub(super) struct ConfirmedTime {
    clock: Arc<dyn WallClock>,
    last: Mutex<Last>,
}

/// The last look at which the two clocks agreed.
#[derive(Debug, Clone, Copy)]
struct Last {
    now: TimestampMs,
    monotonic_ms: u64,
    /// Since when, by the monotonic clock, the wall clock is ahead.
    ahead_since_ms: Option<u64>,
}

impl ConfirmedTime {
    /// What the clock says now is taken for right.
    pub(super) fn new(clock: Arc<dyn WallClock>) -> Self {
        let last = Mutex::new(Last {
            now: clock.now(),
            monotonic_ms: clock.monotonic_ms(),
            ahead_since_ms: None,
        });
        Self { clock, last }
    }

    /// The wall clock's time, or an earlier one if nothing confirms it.
    pub(super) fn now(&self) -> TimestampMs {
        let (now, monotonic_ms) = (self.clock.now(), self.clock.monotonic_ms());
        let mut last = self.last.lock();
        let passed_ms = monotonic_ms.saturating_sub(last.monotonic_ms);
        let expected = last.now.plus_ms(passed_ms);
        if now > expected.plus_ms(AHEAD_MS_MAX) {
            let since_ms = *last.ahead_since_ms.get_or_insert_with(|| {
                tracing::warn!(
                    ahead_ms = now.ms_since(expected),
                    "the clock jumped forward: nothing is trimmed by its new time for an hour"
                );
                monotonic_ms
            });
            if monotonic_ms.saturating_sub(since_ms) < CONFIRMED_AFTER_MS {
                return expected;
            }
        }
        *last = Last {
            now,
            monotonic_ms,
            ahead_since_ms: None,
        };
        now
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU64, Ordering};

    use super::*;

    #[derive(Debug, Default)]
    struct TwoClocks {
        now_ms: AtomicU64,
        monotonic_ms: AtomicU64,
    }

    impl TwoClocks {
        fn set(&self, now_ms: u64, monotonic_ms: u64) {
            self.now_ms.store(now_ms, Ordering::Relaxed);
            self.monotonic_ms.store(monotonic_ms, Ordering::Relaxed);
        }
    }

    impl WallClock for TwoClocks {
        fn now(&self) -> TimestampMs {
            TimestampMs(self.now_ms.load(Ordering::Relaxed))
        }

        fn monotonic_ms(&self) -> u64 {
            self.monotonic_ms.load(Ordering::Relaxed)
        }
    }

    const DAY_MS: u64 = 86_400_000;

    #[test]
    fn only_a_jump_that_lasts_an_hour_is_believed() {
        let clock = Arc::new(TwoClocks::default());
        clock.set(DAY_MS, 0);
        let time = ConfirmedTime::new(Arc::clone(&clock) as Arc<dyn WallClock>);
        // (wall clock, monotonic clock, believed)
        let looks = [
            (DAY_MS + 1_000, 1_000, DAY_MS + 1_000),
            // Slewed, and set back: followed.
            (DAY_MS + 9_000, 2_000, DAY_MS + 9_000),
            (DAY_MS, 3_000, DAY_MS),
            // A year ahead for a second.
            (366 * DAY_MS, 4_000, DAY_MS + 1_000),
            (366 * DAY_MS + 900, 4_900, DAY_MS + 1_900),
            (DAY_MS + 2_000, 5_000, DAY_MS + 2_000),
            // Ahead again, and it stays.
            (3 * DAY_MS, 6_000, DAY_MS + 3_000),
            (
                3 * DAY_MS + CONFIRMED_AFTER_MS - 1,
                6_000 + CONFIRMED_AFTER_MS - 1,
                DAY_MS + 3_000 + CONFIRMED_AFTER_MS - 1,
            ),
            (
                3 * DAY_MS + CONFIRMED_AFTER_MS,
                6_000 + CONFIRMED_AFTER_MS,
                3 * DAY_MS + CONFIRMED_AFTER_MS,
            ),
        ];
        for (now_ms, monotonic_ms, believed) in looks {
            clock.set(now_ms, monotonic_ms);
            assert_eq!(time.now().0, believed, "at {monotonic_ms}");
        }
    }
}
