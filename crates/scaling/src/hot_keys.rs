//! The keys that take most, in bounded memory.
//!
//! Counts of at most twice as many keys as are kept. When there are more, the count of the one in the middle is taken from
//! all, and those without any left are forgotten. What was taken is the error: no count is too high, and none is too low by
//! more. After Misra and Gries; the same as "frequent items" elsewhere.

use std::collections::HashMap;
use std::hash::Hash;

/// A sketch of what keys weigh.
#[derive(Debug, Clone)]
pub struct HotKeys<K> {
    keys_max: usize,
    weights: HashMap<K, u64>,
    taken: u64,
    total: u64,
}

/// A key of a sketch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Weighed<K> {
    /// The key.
    pub key: K,
    /// It weighs at least so much.
    pub least: u64,
    /// It weighs at most so much.
    pub most: u64,
}

impl<K: Eq + Hash + Clone + Ord> HotKeys<K> {
    /// A sketch in which a key that weighs more than one part in `keys_max` of all is always found.
    ///
    /// # Panics
    /// If `keys_max` is 0.
    pub fn new(keys_max: usize) -> Self {
        assert!(keys_max > 0, "a sketch of nothing");
        Self {
            keys_max,
            weights: HashMap::new(),
            taken: 0,
            total: 0,
        }
    }

    /// Adds to a key's weight.
    pub fn add(&mut self, key: K, weight: u64) {
        self.total = self.total.saturating_add(weight);
        let known = self.weights.entry(key).or_insert(0);
        *known = known.saturating_add(weight);
        if self.weights.len() > 2 * self.keys_max {
            self.forget();
        }
    }

    fn forget(&mut self) {
        let mut all: Vec<u64> = self.weights.values().copied().collect();
        let at = all.len() - self.keys_max;
        let (_, middle, _) = all.select_nth_unstable(at);
        let middle = *middle;
        self.weights.retain(|_, weight| {
            *weight = weight.saturating_sub(middle);
            *weight > 0
        });
        self.taken = self.taken.saturating_add(middle);
    }

    /// What all keys weigh together.
    pub fn total(&self) -> u64 {
        self.total
    }

    /// The heaviest keys, at most so many, the heaviest first; of equals the lowest.
    pub fn top(&self, count: usize) -> Vec<Weighed<K>> {
        let mut all: Vec<(&K, u64)> = self
            .weights
            .iter()
            .map(|(key, weight)| (key, *weight))
            .collect();
        all.sort_by(|one, other| other.1.cmp(&one.1).then(one.0.cmp(other.0)));
        let weighed = |(key, least): (&K, u64)| Weighed {
            key: key.clone(),
            least,
            most: least.saturating_add(self.taken),
        };
        all.into_iter().take(count).map(weighed).collect()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::*;

    const KEYS: usize = 1_000_000;

    /// Splitmix64 by Steele, Lea and Flood, as a number from 0 to 1.
    fn share(state: &mut u64) -> f64 {
        *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = *state;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((mixed ^ (mixed >> 31)) >> 11) as f64 / (1u64 << 53) as f64
    }

    /// Of the ten heaviest of a million keys, of which the n-th comes as often as one in n, 99 in 100 are found.
    #[test]
    fn the_ten_heaviest_of_a_million_are_found() {
        let (mut found, mut wanted) = (0, 0);
        for seed in 1..=10u64 {
            let mut state = seed << 32;
            let mut sketch = HotKeys::new(1_000);
            let mut exact = vec![0u32; KEYS];
            for _ in 0..300_000 {
                let key = (share(&mut state) * (KEYS as f64).ln()).exp() as usize % KEYS;
                exact[key] += 1;
                sketch.add(key, 1);
            }
            assert!(sketch.weights.len() <= 2_000);
            let tenth = {
                let mut all = exact.clone();
                all.sort_unstable();
                all[KEYS - 10]
            };
            let top = sketch.top(10);
            found += top.iter().filter(|one| exact[one.key] >= tenth).count();
            wanted += 10;
        }
        assert!(found * 100 >= wanted * 99, "{found} of {wanted}");
    }

    proptest! {
        /// No weight is beyond its bounds, and none is forgotten that weighs more than its part.
        #[test]
        fn weights_are_within_their_bounds(records in vec((0u16..200, 1u64..50), 1..2_000), keys_max in 1usize..40) {
            let mut sketch = HotKeys::new(keys_max);
            let mut exact: BTreeMap<u16, u64> = BTreeMap::new();
            for (key, weight) in records {
                sketch.add(key, weight);
                *exact.entry(key).or_default() += weight;
            }
            prop_assert_eq!(sketch.total(), exact.values().sum::<u64>());
            let top = sketch.top(usize::MAX);
            prop_assert!(top.len() <= 2 * keys_max);
            for one in &top {
                let weight = exact[&one.key];
                prop_assert!(one.least <= weight && weight <= one.most, "{:?} {}", one, weight);
            }
            for (key, weight) in exact {
                let is_found = top.iter().any(|one| one.key == key);
                prop_assert!(is_found || weight <= sketch.taken, "{} {}", key, weight);
                prop_assert!(is_found || weight * keys_max as u64 <= sketch.total(), "{} {}", key, weight);
            }
        }
    }
}
