//! How fast a shard is written to: a bucket of tokens, and pauses after failures. Decisions without I/O or clock.

use std::time::Duration;

use crate::Settings;

const PAUSE_MIN: Duration = Duration::from_millis(50);
const PAUSE_MAX: Duration = Duration::from_secs(2);

/// What a shard may take per second.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Rates {
    bytes: f64,
    records: f64,
}

impl Rates {
    pub(crate) fn of(settings: &Settings) -> Self {
        let share = f64::from(settings.rate_limit_percent) / 100.0;
        Self {
            bytes: f64::from(settings.shard_bytes_per_second) * share,
            records: (f64::from(settings.shard_records_per_second) * share).max(1.0),
        }
    }
}

/// Tokens of one shard. A second's worth may be sent at once.
#[derive(Debug, Clone)]
pub(crate) struct Bucket {
    rates: Rates,
    /// Below zero after a record that is larger than a second's worth.
    bytes: f64,
    records: f64,
    filled_at: Duration,
}

impl Bucket {
    pub(crate) fn full(rates: Rates, now: Duration) -> Self {
        Self {
            rates,
            bytes: rates.bytes,
            records: rates.records,
            filled_at: now,
        }
    }

    pub(crate) fn fill(&mut self, now: Duration) {
        let seconds = now.saturating_sub(self.filled_at).as_secs_f64();
        self.filled_at = now;
        self.bytes = (self.bytes + seconds * self.rates.bytes).min(self.rates.bytes);
        self.records = (self.records + seconds * self.rates.records).min(self.rates.records);
    }

    /// What is missing of the tokens for a record, as a time; zero if it may be sent.
    pub(crate) fn wait_for(&self, bytes: usize) -> Duration {
        let wanted = (bytes as f64).min(self.rates.bytes);
        let bytes_s = (wanted - self.bytes).max(0.0) / self.rates.bytes;
        let records_s = (1.0 - self.records).max(0.0) / self.rates.records;
        let seconds = bytes_s.max(records_s);
        if seconds <= 1e-9 {
            Duration::ZERO
        } else {
            // Rounded up, so that whoever waits so long finds the tokens.
            Duration::from_secs_f64(seconds) + Duration::from_micros(1)
        }
    }

    pub(crate) fn take(&mut self, bytes: usize) {
        self.bytes -= bytes as f64;
        self.records -= 1.0;
    }

    /// Most bytes and records that may be sent now.
    pub(crate) fn room(&self) -> (usize, usize) {
        (self.bytes.max(0.0) as usize, self.records.max(0.0) as usize)
    }
}

/// The pause after so many failures in a row, doubling from 50 ms to 2 s. `jitter` is 0 to 1; a larger one waits longer.
pub(crate) fn pause_after(failures: u32, jitter: f64) -> Duration {
    let full = PAUSE_MIN
        .saturating_mul(1 << failures.saturating_sub(1).min(10))
        .min(PAUSE_MAX);
    full.mul_f64(0.5 + 0.5 * jitter.clamp(0.0, 1.0))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn bucket(percent: u32) -> Bucket {
        let settings = Settings::default().rate_limit_percent(percent);
        Bucket::full(Rates::of(&settings), Duration::ZERO)
    }

    #[test]
    fn a_record_larger_than_a_second_goes_and_is_paid_for_afterwards() {
        let mut bucket = bucket(100);
        let ten = 10 * 1024 * 1024;
        assert_eq!(bucket.wait_for(ten), Duration::ZERO);
        bucket.take(ten);
        let wait = bucket.wait_for(ten);
        assert!(wait >= Duration::from_secs(10) && wait < Duration::from_millis(10_001));
        bucket.fill(wait);
        assert_eq!(bucket.wait_for(ten), Duration::ZERO);
    }

    #[test]
    fn pauses_double_up_to_the_longest() {
        let pauses: Vec<_> = (1..=8)
            .map(|failures| pause_after(failures, 1.0).as_millis())
            .collect();
        assert_eq!(pauses, [50, 100, 200, 400, 800, 1600, 2000, 2000]);
        assert_eq!(pause_after(1, 0.0), PAUSE_MIN / 2);
        assert_eq!(pause_after(u32::MAX, 1.0), PAUSE_MAX);
    }

    proptest! {
        /// Over any time, no more than the rate and one burst of a second.
        #[test]
        fn the_rate_holds(sizes in prop::collection::vec(1usize..200_000, 1..300), percent in 1u32..300) {
            let mut bucket = bucket(percent);
            let (mut now, mut bytes, mut records) = (Duration::ZERO, 0.0, 0.0);
            for size in sizes {
                let wait = bucket.wait_for(size);
                now += wait;
                bucket.fill(now);
                prop_assert_eq!(bucket.wait_for(size), Duration::ZERO);
                bucket.take(size);
                bytes += size as f64;
                records += 1.0;
            }
            let share = f64::from(percent) / 100.0;
            let seconds = now.as_secs_f64() + 1.0;
            // The last record may be in debt.
            prop_assert!(bytes <= seconds * 1_048_576.0 * share + 200_000.0);
            prop_assert!(records <= seconds * (1000.0 * share).max(1.0) + 1.0);
        }
    }
}
