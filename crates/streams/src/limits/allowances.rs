//! What is left of the limits of what was used a moment ago. Nothing is kept of what rests: an allowance that is whole
//! again is the same as none.

use std::collections::HashMap;
use std::hash::{BuildHasher, Hash, RandomState};

use parking_lot::Mutex;

/// Parts with a lock of their own.
const STRIPES: usize = 64;
/// Most that a part keeps: of a million shards, say, that are all in use within seconds.
const KEPT_PER_STRIPE_MAX: usize = 16 * 1024;
/// No part is swept before it keeps as many.
const SWEPT_FROM: usize = 16;

/// What is left of some limits.
pub(super) trait Allowance {
    /// Whether all of it is there at this time: then it need not be kept.
    fn is_whole(&mut self, now_ms: u64) -> bool;
}

/// Allowances by what they are of.
#[derive(Debug)]
pub(super) struct Allowances<K, V> {
    hasher: RandomState,
    stripes: Vec<Mutex<Stripe<K, V>>>,
}

#[derive(Debug)]
struct Stripe<K, V> {
    kept: HashMap<K, V>,
    /// When it keeps as many, it is looked for those that are whole again.
    sweep_at: usize,
}

/// More is in use at once than is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct TooMany;

impl<K: Eq + Hash, V: Allowance> Allowances<K, V> {
    pub(super) fn new() -> Self {
        let stripe = || Stripe {
            kept: HashMap::new(),
            sweep_at: SWEPT_FROM,
        };
        Self {
            hasher: RandomState::new(),
            stripes: (0..STRIPES).map(|_| Mutex::new(stripe())).collect(),
        }
    }

    /// Uses the allowance of `key`, which is `full()` if none is kept.
    ///
    /// # Errors
    /// If there is no room for another one until the next [sweep](Self::sweep); nothing was used.
    pub(super) fn with<T>(
        &self,
        key: K,
        now_ms: u64,
        full: impl FnOnce() -> V,
        use_it: impl FnOnce(&mut V) -> T,
    ) -> Result<T, TooMany> {
        // The low bits choose the place in the stripe's own map, if its hasher is like this one.
        let stripe = (self.hasher.hash_one(&key) >> 32) as usize % STRIPES;
        let mut stripe = self.stripes[stripe].lock();
        if let Some(kept) = stripe.kept.get_mut(&key) {
            return Ok(use_it(kept));
        }
        if stripe.kept.len() >= stripe.sweep_at {
            stripe.sweep(now_ms);
        }
        if stripe.kept.len() >= KEPT_PER_STRIPE_MAX {
            return Err(TooMany);
        }
        let kept = stripe.kept.entry(key).or_insert_with(full);
        Ok(use_it(kept))
    }

    /// Drops what is whole again.
    pub(super) fn sweep(&self, now_ms: u64) {
        for stripe in &self.stripes {
            stripe.lock().sweep(now_ms);
        }
    }

    /// How many are kept.
    #[cfg(test)]
    pub(super) fn kept(&self) -> usize {
        self.stripes.iter().map(|one| one.lock().kept.len()).sum()
    }
}

impl<K: Eq + Hash, V: Allowance> Stripe<K, V> {
    fn sweep(&mut self, now_ms: u64) {
        self.kept.retain(|_, kept| !kept.is_whole(now_ms));
        // As much again before the next look, so that a look costs each newcomer little.
        self.sweep_at = (self.kept.len() * 2).max(SWEPT_FROM);
        self.kept.shrink_to(self.sweep_at);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Whole again at its time.
    struct Until(u64);

    impl Allowance for Until {
        fn is_whole(&mut self, now_ms: u64) -> bool {
            now_ms >= self.0
        }
    }

    #[test]
    fn what_rests_is_not_kept() {
        let allowances = Allowances::new();
        for now_ms in 0..100 {
            for key in 0..5_000u64 {
                let full = || Until(now_ms + 1);
                let used = allowances.with(now_ms * 5_000 + key, now_ms, full, |_| ());
                used.unwrap();
            }
        }
        assert!(allowances.kept() < 4 * 5_000, "{}", allowances.kept());
        allowances.sweep(1_000);
        assert_eq!(allowances.kept(), 0);
    }

    #[test]
    fn no_more_is_kept_than_there_is_room_for() {
        let allowances = Allowances::new();
        let most = STRIPES * KEPT_PER_STRIPE_MAX;
        let kept = |key| allowances.with(key, 0, || Until(1), |_| ()).is_ok();
        let let_in = (0..most as u64 * 2).filter(|key| kept(*key)).count();
        assert!(let_in <= most);
        assert_eq!(allowances.kept(), let_in);
        // Those that are kept are served on.
        assert!(kept(0));
    }
}
