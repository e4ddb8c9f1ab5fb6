//! A token bucket: one rate.

/// How much comes back every second, and how much can be saved up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Rate {
    /// At most 2^40.
    pub(super) per_s: u64,
    /// At most 2^40.
    pub(super) burst: u64,
}

impl Rate {
    /// A second's worth can be saved up.
    pub(super) fn per_second(per_s: u64) -> Self {
        Self {
            per_s,
            burst: per_s,
        }
    }

    /// A full bucket, in thousandths of a token: then a millisecond brings whole ones.
    fn full(self) -> i64 {
        i64::try_from(self.burst.saturating_mul(1000)).unwrap_or(i64::MAX)
    }
}

/// What is left of a rate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Bucket {
    rate: Rate,
    /// In thousandths; below 0 after more was taken than there was.
    left: i64,
    as_of_ms: u64,
}

impl Bucket {
    /// Nothing was taken yet.
    pub(super) fn full(rate: Rate, now_ms: u64) -> Self {
        Self {
            rate,
            left: rate.full(),
            as_of_ms: now_ms,
        }
    }

    /// Brings it to a time. A time that steps back brings nothing, and what follows counts from there.
    fn refill(&mut self, now_ms: u64) {
        let elapsed_ms = now_ms.saturating_sub(self.as_of_ms);
        let come = i64::try_from(elapsed_ms.saturating_mul(self.rate.per_s)).unwrap_or(i64::MAX);
        self.left = self.left.saturating_add(come).min(self.rate.full());
        self.as_of_ms = now_ms;
    }

    /// Whether `amount` is there; takes nothing.
    pub(super) fn has(&mut self, now_ms: u64, amount: u64) -> bool {
        self.refill(now_ms);
        self.left >= thousandths(amount)
    }

    /// Whether as much is there as there can be.
    pub(super) fn is_full(&mut self, now_ms: u64) -> bool {
        self.refill(now_ms);
        self.left == self.rate.full()
    }

    /// Whether anything is there: more than nothing and no debt.
    pub(super) fn has_any(&mut self, now_ms: u64) -> bool {
        self.refill(now_ms);
        self.left > 0
    }

    /// Takes `amount`, if need be more than there is.
    pub(super) fn take(&mut self, now_ms: u64, amount: u64) {
        self.refill(now_ms);
        self.left = self.left.saturating_sub(thousandths(amount));
    }

    /// As [`take`](Self::take), and leaves no debt.
    pub(super) fn take_what_is_there(&mut self, now_ms: u64, amount: u64) {
        self.take(now_ms, amount);
        self.left = self.left.max(0);
    }

    /// What a second brings.
    pub(super) fn per_s(&self) -> u64 {
        self.rate.per_s
    }

    /// Takes `amount` if it is there, and says whether it was.
    pub(super) fn try_take(&mut self, now_ms: u64, amount: u64) -> bool {
        let has = self.has(now_ms, amount);
        if has {
            self.take(now_ms, amount);
        }
        has
    }

    /// What is there, in whole tokens.
    pub(super) fn left(&mut self, now_ms: u64) -> u64 {
        self.refill(now_ms);
        u64::try_from(self.left / 1000).unwrap_or(0)
    }

    /// Milliseconds until `amount` is there, if nothing is taken meanwhile and it can be there at all.
    pub(super) fn ms_until(&mut self, now_ms: u64, amount: u64) -> u64 {
        self.refill(now_ms);
        let missing = thousandths(amount).saturating_sub(self.left);
        let per_ms = self.rate.per_s.max(1);
        u64::try_from(missing).unwrap_or(0).div_ceil(per_ms)
    }
}

fn thousandths(amount: u64) -> i64 {
    i64::try_from(amount.saturating_mul(1000)).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// In any span no more is let through than what was saved up and what came meanwhile, and what is refused was
        /// not there: a caller who asks for less than a bucket's worth is served after the time that it is told.
        #[test]
        fn a_rate_is_kept_and_used_up(
            per_s in 1u64..5_000_000,
            burst in 1u64..5_000_000,
            asks in prop::collection::vec((0u64..3_000, 1u64..5_000_000), 1..60),
        ) {
            let rate = Rate { per_s, burst };
            let mut bucket = Bucket::full(rate, 0);
            let (mut now_ms, mut taken) = (0, 0u64);
            for (wait_ms, amount) in asks {
                now_ms += wait_ms;
                let amount = 1 + amount % burst;
                if bucket.try_take(now_ms, amount) {
                    taken += amount;
                } else {
                    let after_ms = bucket.ms_until(now_ms, amount);
                    prop_assert!(after_ms > 0);
                    prop_assert!(!bucket.clone().has(now_ms + after_ms - 1, amount));
                    prop_assert!(bucket.clone().has(now_ms + after_ms, amount));
                }
                let bound = u128::from(burst) * 1000 + u128::from(per_s) * u128::from(now_ms);
                prop_assert!(u128::from(taken) * 1000 <= bound);
            }
            let rest_ms = burst.saturating_mul(1000).div_ceil(per_s);
            prop_assert!(bucket.is_full(now_ms + rest_ms));
        }
    }

    #[test]
    fn a_clock_that_steps_back_brings_nothing_and_stops_nothing() {
        let rate = Rate::per_second(10);
        let mut bucket = Bucket::full(rate, 1_000_000);
        assert!(bucket.try_take(1_000_000, 10));
        assert!(!bucket.has(5_000, 1));
        assert!(bucket.has(5_100, 1));
        assert!(!bucket.has(5_100, 2));
    }

    #[test]
    fn the_largest_rate_overflows_nothing() {
        let rate = Rate::per_second(1 << 40);
        let mut bucket = Bucket::full(rate, 0);
        bucket.take(0, u64::MAX);
        assert_eq!(bucket.left(1), 0);
        assert!(bucket.is_full(u64::MAX));
    }
}
