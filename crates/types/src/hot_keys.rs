//! The keys that take most, in bounded memory.
//!
//! Of each key that is kept the sketch knows exactly what came since it is kept, and how much may have come before. When
//! too many are kept, only those stay that are among the heaviest by records or by bytes. What the others had at most is what
//! a key may have had that is not there. After Manku and Motwani's lossy counting, which has the same bound.

use std::collections::HashMap;

use crate::TimestampMs;

/// What came of a key.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct KeyWeight {
    /// How many records.
    pub records: u64,
    /// Bytes of their data and partition keys.
    pub bytes: u64,
}

impl std::ops::AddAssign for KeyWeight {
    fn add_assign(&mut self, other: Self) {
        self.records = self.records.saturating_add(other.records);
        self.bytes = self.bytes.saturating_add(other.bytes);
    }
}

/// A key of a sketch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HeavyKey {
    /// The partition key.
    pub key: Box<str>,
    /// It weighs at least so much.
    pub least: KeyWeight,
    /// It weighs at most so much.
    pub most: KeyWeight,
}

/// What a server has counted of the keys of one shard.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ShardHeat {
    /// Since when.
    pub since: TimestampMs,
    /// What came altogether.
    pub total: KeyWeight,
    /// Whether only some records were counted, each for several: what is said to be the least and the most is an estimate
    /// then.
    pub is_sampled: bool,
    /// The heaviest keys, by records and by bytes, in the order of their names.
    pub keys: Vec<HeavyKey>,
}

/// A sketch of what keys weigh.
#[derive(Debug, Clone)]
pub struct HotKeys {
    parts: usize,
    kept: HashMap<Box<str>, Kept>,
    /// What a key had at most that is not kept.
    missed: KeyWeight,
    total: KeyWeight,
}

#[derive(Debug, Clone, Copy, Default)]
struct Kept {
    /// Since it is kept.
    seen: KeyWeight,
    /// At most, before that.
    missed: KeyWeight,
}

impl Kept {
    fn most(self) -> KeyWeight {
        let mut most = self.missed;
        most += self.seen;
        most
    }
}

impl HotKeys {
    /// A sketch in which a key is always found that has more than one part in `parts` of all records, or of all bytes. It
    /// keeps at most four times as many keys.
    ///
    /// # Panics
    /// If `parts` is 0.
    pub fn new(parts: usize) -> Self {
        assert!(parts > 0, "a sketch of nothing");
        Self {
            parts,
            kept: HashMap::new(),
            missed: KeyWeight::default(),
            total: KeyWeight::default(),
        }
    }

    /// Adds to a key's weight.
    pub fn add(&mut self, key: &str, weight: KeyWeight) {
        self.total += weight;
        if let Some(kept) = self.kept.get_mut(key) {
            kept.seen += weight;
            return;
        }
        let kept = Kept {
            seen: weight,
            missed: self.missed,
        };
        self.kept.insert(key.into(), kept);
        if self.kept.len() > 4 * self.parts {
            self.tidy();
        }
    }

    /// Forgets the lightest keys, so that at most twice as many are kept as there are parts.
    pub fn tidy(&mut self) {
        if self.kept.len() <= 2 * self.parts {
            return;
        }
        let records = self.heaviest_but(|weight| weight.records);
        let bytes = self.heaviest_but(|weight| weight.bytes);
        self.kept.retain(|_, kept| {
            let most = kept.most();
            most.records > records || most.bytes > bytes
        });
        self.missed.records = self.missed.records.max(records);
        self.missed.bytes = self.missed.bytes.max(bytes);
    }

    /// What the heaviest has at most that is not among as many as there are parts.
    fn heaviest_but(&self, of: impl Fn(KeyWeight) -> u64) -> u64 {
        let mut all: Vec<u64> = self.kept.values().map(|kept| of(kept.most())).collect();
        let at = all.len() - 1 - self.parts;
        *all.select_nth_unstable(at).1
    }

    /// What all keys weigh together.
    pub fn total(&self) -> KeyWeight {
        self.total
    }

    /// Whether nothing was added.
    pub fn is_empty(&self) -> bool {
        self.total == KeyWeight::default()
    }

    /// The `count` heaviest keys by records, and the `count` heaviest by bytes, over these sketches of different times:
    /// by what they have at least. In the order of their names.
    pub fn heaviest(sketches: &[&Self], count: usize) -> Vec<HeavyKey> {
        let mut names: Vec<&str> = sketches.iter().flat_map(|one| one.names()).collect();
        names.sort_unstable();
        names.dedup();
        let heavy = |key: &str| {
            let (mut least, mut most) = (KeyWeight::default(), KeyWeight::default());
            for sketch in sketches {
                let kept = sketch.kept.get(key).copied();
                least += kept.map_or(KeyWeight::default(), |kept| kept.seen);
                most += kept.map_or(sketch.missed, Kept::most);
            }
            let key = key.into();
            HeavyKey { key, least, most }
        };
        let all: Vec<HeavyKey> = names.into_iter().map(heavy).collect();
        let by_records = nth(&all, count, |weight| weight.records);
        let by_bytes = nth(&all, count, |weight| weight.bytes);
        let is_heavy =
            |one: &HeavyKey| one.least.records >= by_records || one.least.bytes >= by_bytes;
        all.into_iter().filter(is_heavy).collect()
    }

    fn names(&self) -> impl Iterator<Item = &str> {
        self.kept.keys().map(|key| &**key)
    }
}

/// What the `count`-th heaviest key has at least; 0 if there are fewer, more than anything if none is wanted.
fn nth(keys: &[HeavyKey], count: usize, of: impl Fn(KeyWeight) -> u64) -> u64 {
    let mut all: Vec<u64> = keys.iter().map(|key| of(key.least)).collect();
    match count.checked_sub(1) {
        None => u64::MAX,
        Some(at) if at < all.len() => *all.select_nth_unstable_by(at, |a, b| b.cmp(a)).1,
        Some(_) => 0,
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

    fn of_size(bytes: u64) -> KeyWeight {
        KeyWeight { records: 1, bytes }
    }

    /// Of the ten heaviest of a million keys, of which the n-th comes as often as one in n, 99 in 100 are found.
    #[test]
    fn the_ten_heaviest_of_a_million_are_found() {
        let (mut found, mut wanted) = (0, 0);
        for seed in 1..=10u64 {
            let mut state = seed << 32;
            let mut sketch = HotKeys::new(128);
            let mut exact = vec![0u32; KEYS];
            for _ in 0..300_000 {
                let key = (share(&mut state) * (KEYS as f64).ln()).exp() as usize % KEYS;
                exact[key] += 1;
                sketch.add(&key.to_string(), of_size(100));
            }
            assert!(sketch.kept.len() <= 512);
            let tenth = {
                let mut all = exact.clone();
                all.sort_unstable();
                all[KEYS - 10]
            };
            let top = HotKeys::heaviest(&[&sketch], 10);
            let is_of_them = |one: &&HeavyKey| exact[one.key.parse::<usize>().unwrap()] >= tenth;
            assert!(top.len() <= 10, "nothing is counted twice: {top:?}");
            found += top.iter().filter(is_of_them).count();
            wanted += 10;
        }
        assert!(found * 100 >= wanted * 99, "{found} of {wanted}");
    }

    /// A key with few large records is not forgotten for keys with many small ones.
    #[test]
    fn what_is_heavy_by_bytes_alone_is_kept() {
        let mut sketch = HotKeys::new(10);
        for number in 0..10_000u32 {
            sketch.add(&format!("small {}", number % 500), of_size(10));
            if number % 500 == 0 {
                sketch.add("large", of_size(1_000_000));
            }
        }
        let top = HotKeys::heaviest(&[&sketch], 1);
        let large = top.iter().find(|one| &*one.key == "large").expect("large");
        assert_eq!(large.least.bytes, 20_000_000);
        assert_eq!(large.most, large.least);
    }

    #[test]
    fn sketches_of_two_times_add_up() {
        let (mut before, mut now) = (HotKeys::new(1), HotKeys::new(1));
        for key in ["a", "a", "a", "b", "c", "d", "e"] {
            before.add(key, of_size(10));
        }
        // Five were more than four: what came once may be what was forgotten.
        assert_eq!(before.kept.len(), 1);
        now.add("b", of_size(10));
        now.add("a", of_size(10));
        let [a, b] = &HotKeys::heaviest(&[&before, &now], 5)[..] else {
            panic!("two are known");
        };
        assert_eq!((&*a.key, a.least.records, a.most.records), ("a", 4, 4));
        assert_eq!((&*b.key, b.least.records, b.most.records), ("b", 1, 2));
        assert_eq!(HotKeys::heaviest(&[&before, &now], 0), []);
    }

    proptest! {
        /// No weight is beyond its bounds, and none is forgotten that weighs more than its part.
        #[test]
        fn weights_are_within_their_bounds(records in vec((0u16..200, 1u64..50), 1..2_000), parts in 1usize..40) {
            let mut sketch = HotKeys::new(parts);
            let mut exact: BTreeMap<String, KeyWeight> = BTreeMap::new();
            for (key, bytes) in records {
                sketch.add(&key.to_string(), of_size(bytes));
                *exact.entry(key.to_string()).or_default() += of_size(bytes);
            }
            let total = sketch.total();
            prop_assert_eq!(total.records, exact.values().map(|weight| weight.records).sum::<u64>());
            prop_assert_eq!(total.bytes, exact.values().map(|weight| weight.bytes).sum::<u64>());
            let top = HotKeys::heaviest(&[&sketch], usize::MAX);
            prop_assert!(top.len() <= 4 * parts);
            for one in &top {
                let weight = exact[&*one.key];
                prop_assert!(one.least.records <= weight.records && weight.records <= one.most.records, "{:?}", one);
                prop_assert!(one.least.bytes <= weight.bytes && weight.bytes <= one.most.bytes, "{:?}", one);
            }
            for (key, weight) in exact {
                let is_found = top.iter().any(|one| *one.key == key);
                prop_assert!(is_found || weight.records <= sketch.missed.records, "{} {:?}", key, weight);
                prop_assert!(is_found || weight.bytes <= sketch.missed.bytes, "{} {:?}", key, weight);
                prop_assert!(is_found || weight.records * parts as u64 <= total.records, "{} {:?}", key, weight);
                prop_assert!(is_found || weight.bytes * parts as u64 <= total.bytes, "{} {:?}", key, weight);
            }
        }
    }
}
