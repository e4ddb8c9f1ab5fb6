//! Where in a shard's range its bytes fall: a bounded sample of hash keys.
//!
//! A key is taken every so many bytes, so each stands for the same share of the traffic. The distance varies from one to
//! the next: a writer that takes turns between keys would otherwise be met at the same key each time. Once the sample is
//! full, every second key goes and the distance doubles.

use millstream_types::{HashKey, HashKeyRange};

/// Keys of a full sample.
const KEYS_MAX: usize = 256;
/// Fewer say nothing.
const KEYS_MIN: usize = 32;
/// Bytes between two keys at first.
const DISTANCE_BYTES: u64 = 4 * 1024;
/// A cut that leaves less than one part in so many on one side relieves nobody.
const SHARE_MIN: usize = 10;

/// Where a shard is to be cut.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Middle {
    /// Too little was measured.
    Unknown,
    /// Half of the traffic, or nearly so, is from this key on.
    At(HashKey),
    /// Nearly all of the traffic has one hash key, or falls where the range cannot be cut.
    Nowhere,
}

/// Hash keys of a shard's records.
#[derive(Debug, Clone)]
pub(super) struct KeySample {
    keys: Vec<HashKey>,
    distance_bytes: u64,
    next_in_bytes: u64,
    state: u64,
}

impl KeySample {
    /// `seed` sets the distances; any will do.
    pub(super) fn new(seed: u64) -> Self {
        let mut sample = Self {
            keys: Vec::new(),
            distance_bytes: DISTANCE_BYTES,
            next_in_bytes: 0,
            state: seed,
        };
        sample.next_in_bytes = sample.distance();
        sample
    }

    /// Counts a record.
    pub(super) fn add(&mut self, key: HashKey, bytes: u64) {
        let mut left = bytes;
        while left >= self.next_in_bytes {
            left -= self.next_in_bytes;
            self.push(key);
            self.next_in_bytes = self.distance();
        }
        self.next_in_bytes -= left;
    }

    fn push(&mut self, key: HashKey) {
        if self.keys.len() == KEYS_MAX {
            let mut is_kept = false;
            self.keys.retain(|_| {
                is_kept = !is_kept;
                is_kept
            });
            self.distance_bytes = self.distance_bytes.saturating_mul(2);
        }
        self.keys.push(key);
    }

    /// Half of the mean distance up to one and a half of it; splitmix64 by Steele, Lea and Flood.
    fn distance(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.state;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^= mixed >> 31;
        (self.distance_bytes / 2 + mixed % self.distance_bytes).max(1)
    }

    /// Where to cut the range so that both sides have as much.
    pub(super) fn middle(mut self, range: HashKeyRange) -> Middle {
        let count = self.keys.len();
        if count < KEYS_MIN {
            return Middle::Unknown;
        }
        self.keys.sort_unstable();
        let keys = &self.keys;
        let cuts = (1..count).filter(|at| keys[at - 1] != keys[*at]);
        let Some(at) = cuts.min_by_key(|at| at.abs_diff(count / 2)) else {
            return Middle::Nowhere;
        };
        if at.min(count - at) * SHARE_MIN < count {
            return Middle::Nowhere;
        }
        // Between the two: keys that were not seen are on either side.
        let (low, high) = (keys[at - 1].0, keys[at].0);
        let key = HashKey(low + (high - low).div_ceil(2));
        match can_be_cut(range, key) {
            true => Middle::At(key),
            false => Middle::Nowhere,
        }
    }
}

/// AWS asks for more than one key in the first child and more than one in the second.
pub(super) fn can_be_cut(range: HashKeyRange, key: HashKey) -> bool {
    key.0 > range.start.0.saturating_add(1) && key < range.end
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const ALL: HashKeyRange = HashKeyRange {
        start: HashKey::MIN,
        end: HashKey::MAX,
    };

    fn sampled(records: impl Iterator<Item = (HashKey, u64)>) -> KeySample {
        let mut sample = KeySample::new(7);
        for (key, bytes) in records {
            sample.add(key, bytes);
        }
        sample
    }

    fn share_below(records: &[(HashKey, u64)], cut: HashKey) -> f64 {
        let total: u64 = records.iter().map(|(_, bytes)| bytes).sum();
        let below = records.iter().filter(|(key, _)| *key < cut);
        below.map(|(_, bytes)| *bytes as f64).sum::<f64>() / total as f64
    }

    #[test]
    fn keys_that_take_turns_are_told_apart() {
        let keys = [1u128 << 20, 2 << 20, 3 << 20, 4 << 20].map(HashKey);
        let records: Vec<_> = (0..100_000).map(|n| (keys[n % 4], 1_024)).collect();
        let Middle::At(cut) = sampled(records.iter().copied()).middle(ALL) else {
            panic!("it can be cut");
        };
        let share = share_below(&records, cut);
        assert!((share - 0.5).abs() < 0.01, "{share}");
    }

    #[test]
    fn one_key_cannot_be_cut() {
        let records = (0..10_000).map(|n| (HashKey(if n % 20 == 0 { n } else { 1 << 100 }), 500));
        assert_eq!(sampled(records).middle(ALL), Middle::Nowhere);
        let records = (0..10_000).map(|_| (HashKey(9), 500));
        assert_eq!(sampled(records).middle(ALL), Middle::Nowhere);
    }

    #[test]
    fn little_says_nothing() {
        let records = (0..10).map(|n| (HashKey(n << 90), 5_000));
        assert_eq!(sampled(records).middle(ALL), Middle::Unknown);
    }

    proptest! {
        /// However keys and sizes are distributed, the sample is bounded, and a cut leaves a good part on both sides.
        #[test]
        fn a_cut_halves_what_was_measured(
            seed in any::<u64>(),
            power in 1u32..6,
            bytes_max in 1u64..200_000,
        ) {
            let mut state = seed;
            let mut random = || {
                state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                state >> 33
            };
            let records: Vec<_> = (0..5_000).map(|_| {
                let place = (random() as f64 / (1u64 << 31) as f64).powi(power as i32);
                let key = (place * (1u64 << 40) as f64) as u128;
                (HashKey(key << 80), 1 + random() % bytes_max)
            }).collect();
            let sample = sampled(records.iter().copied());
            prop_assert!(sample.keys.len() <= KEYS_MAX);
            match sample.middle(ALL) {
                Middle::At(cut) => {
                    let share = share_below(&records, cut);
                    prop_assert!((0.25..0.75).contains(&share), "{}", share);
                }
                Middle::Unknown => prop_assert!(bytes_max < 100),
                Middle::Nowhere => prop_assert!(false, "many keys can be cut"),
            }
        }
    }
}
