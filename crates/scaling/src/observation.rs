//! What was seen at one look.

use std::sync::Arc;

use millstream_types::{HashKey, HashKeyRange, ShardId, TimestampMs};
use serde::{Deserialize, Serialize};

/// A stream and the application that reads it, at one moment.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Observation {
    /// When.
    pub at: TimestampMs,
    /// Shards with a lease: that are open, and closed ones that the application has not finished, in the order of their ids.
    pub shards: Vec<ShardObservation>,
    /// Open shards that have no lease yet, such as children of one whose parent is not finished: they count among the
    /// stream's shards, and nothing else is known of them.
    #[serde(default)]
    pub without_lease: u32,
    /// Workers that are alive: that renewed a lease, or that an actuator knows to run.
    pub workers: Vec<WorkerObservation>,
}

impl Observation {
    /// What was seen of a shard.
    pub fn shard(&self, id: ShardId) -> Option<&ShardObservation> {
        let found = self.shards.binary_search_by_key(&id, |shard| shard.id);
        found.ok().map(|at| &self.shards[at])
    }

    /// Shards with a lease that take records.
    pub fn open_shards(&self) -> impl Iterator<Item = &ShardObservation> {
        self.shards.iter().filter(|shard| shard.is_open)
    }
}

/// Records and bytes, in a second.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Traffic {
    /// Records a second, not below 0.
    pub records_per_s: f64,
    /// Bytes of data and partition keys a second, not below 0.
    pub bytes_per_s: f64,
}

/// One shard.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ShardObservation {
    /// Its id.
    pub id: ShardId,
    /// Its hash keys.
    pub range: HashKeyRange,
    /// Whether it takes records.
    pub is_open: bool,
    /// What it took since the look before.
    pub incoming: Traffic,
    /// Records a second that the application finished since the look before.
    pub read_records_per_s: f64,
    /// Records that the application has not finished.
    pub backlog_records: u64,
    /// Age of the oldest of them; 0 if there is none.
    pub behind_ms: u64,
    /// Who holds its lease: an index into [`Observation::workers`].
    pub owner: Option<u32>,
    /// Where it could be split.
    pub middle: Middle,
}

/// One worker.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct WorkerObservation {
    /// The worker's id, as leases name it.
    pub id: Arc<str>,
}

/// Where a shard is to be cut so that both sides have as much.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Middle {
    /// Too little was measured, or nobody looked.
    Unknown,
    /// Half of the traffic, or nearly so, lies on either side.
    At(Box<Cut>),
    /// Nearly all of the traffic has one hash key: no cut helps.
    OneKey(HotKey),
}

/// A place to cut a shard in two.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Cut {
    /// Where the upper part begins.
    pub key: HashKey,
    /// The share of the traffic that lies below, from 0 to 1.
    pub below: f64,
    /// Where the lower part could be cut in turn.
    pub lower: Middle,
    /// Where the upper part could be cut in turn.
    pub upper: Middle,
}

/// A key that makes a shard hot.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct HotKey {
    /// Where it is.
    pub hash_key: HashKey,
    /// How it is written, if that is known.
    pub partition_key: Option<Arc<str>>,
    /// Its share of the shard's traffic, from 0 to 1.
    pub share: f64,
}

/// Fewer records say nothing of where the middle is.
const RECORDS_MIN: usize = 32;
/// A cut that leaves less than this share on one side relieves nobody.
const SHARE_MIN: f64 = 0.15;

/// Where to cut a shard, and its parts as far as the sample tells: hash keys of its records, and what each record weighs.
/// The order does not matter; it is changed.
pub fn middle_of(sample: &mut [(HashKey, u64)], range: HashKeyRange) -> Middle {
    sample.sort_unstable();
    middle_of_sorted(sample, range)
}

fn middle_of_sorted(sample: &[(HashKey, u64)], range: HashKeyRange) -> Middle {
    if sample.len() < RECORDS_MIN {
        return Middle::Unknown;
    }
    let total: u64 = sample.iter().map(|(_, weight)| weight).sum();
    if total == 0 {
        return Middle::Unknown;
    }
    let mut below = 0;
    let mut best: Option<(u64, HashKey)> = None;
    for pair in sample.windows(2) {
        let ((low, weight), (high, _)) = (pair[0], pair[1]);
        below += weight;
        let least = below.min(total - below);
        if low != high && best.is_none_or(|(known, _)| known < least) {
            // Between the two: keys that were not seen are on either side.
            let key = HashKey(low.0 + (high.0 - low.0).div_ceil(2));
            if can_be_cut(range, key) {
                best = Some((least, key));
            }
        }
    }
    match best {
        Some((least, key)) if least as f64 >= SHARE_MIN * total as f64 => {
            let at = sample.partition_point(|(one, _)| *one < key);
            let (lower, upper) = sample.split_at(at);
            let below: u64 = lower.iter().map(|(_, weight)| weight).sum();
            let [low, high] = parts_at(range, key);
            Middle::At(Box::new(Cut {
                key,
                below: below as f64 / total as f64,
                lower: middle_of_sorted(lower, low),
                upper: middle_of_sorted(upper, high),
            }))
        }
        _ => Middle::OneKey(heaviest(sample, total)),
    }
}

/// A cut that leaves as much on both sides as can be, of which nothing more is known.
#[cfg(test)]
pub(crate) fn cut_at(key: HashKey) -> Middle {
    Middle::At(Box::new(Cut {
        key,
        below: 0.5,
        lower: Middle::Unknown,
        upper: Middle::Unknown,
    }))
}

/// Both sides of a cut.
pub(crate) fn parts_at(range: HashKeyRange, key: HashKey) -> [HashKeyRange; 2] {
    let HashKeyRange { start, end } = range;
    let below = HashKey(key.0 - 1);
    [
        HashKeyRange { start, end: below },
        HashKeyRange { start: key, end },
    ]
}

/// AWS asks for more than one key in the first child and more than one in the second.
pub(crate) fn can_be_cut(range: HashKeyRange, key: HashKey) -> bool {
    key.0 > range.start.0.saturating_add(1) && key < range.end
}

fn heaviest(sorted: &[(HashKey, u64)], total: u64) -> HotKey {
    let of_one_key = sorted.chunk_by(|one, other| one.0 == other.0);
    let weighed = of_one_key.map(|same| {
        let weight: u64 = same.iter().map(|(_, weight)| weight).sum();
        (weight, same[0].0)
    });
    let (weight, hash_key) = weighed.max().unwrap_or_default();
    HotKey {
        hash_key,
        partition_key: None,
        share: weight as f64 / total as f64,
    }
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn one_key_is_named_with_its_share() {
        let mut sample: Vec<_> = (0..100).map(|n| (HashKey(n << 90), 1)).collect();
        sample.extend([(HashKey(7 << 100), 9_900)]);
        let Middle::OneKey(hot) = middle_of(&mut sample, HashKeyRange::ALL) else {
            panic!("no cut helps");
        };
        assert_eq!(hot.hash_key, HashKey(7 << 100));
        assert!((hot.share - 0.99).abs() < 1e-9, "{}", hot.share);
    }

    #[test]
    fn little_says_nothing() {
        let mut sample: Vec<_> = (0..31).map(|n| (HashKey(n << 90), 5_000)).collect();
        assert_eq!(middle_of(&mut sample, HashKeyRange::ALL), Middle::Unknown);
        let mut weightless = vec![(HashKey(5), 0); 100];
        assert_eq!(
            middle_of(&mut weightless, HashKeyRange::ALL),
            Middle::Unknown
        );
    }

    proptest! {
        /// Whatever was seen, a cut is one that AWS takes, and leaves a good part on both sides; and so are its parts'.
        #[test]
        fn a_cut_relieves_both_sides(
            keys in vec((0u128..40, 1u64..2_000), 32..300),
            start in 0u128..20, width in 4u128..60,
        ) {
            let range = HashKeyRange { start: HashKey(start), end: HashKey(start + width) };
            let mut sample: Vec<_> = keys.iter()
                .map(|(key, weight)| (HashKey(start + key % (width + 1)), *weight))
                .collect();
            let middle = middle_of(&mut sample, range);
            prop_assert!(middle != Middle::Unknown, "enough was seen");
            let mut parts = vec![(middle, range, sample)];
            while let Some((middle, range, sample)) = parts.pop() {
                let total: u64 = sample.iter().map(|(_, weight)| weight).sum();
                match middle {
                    Middle::At(cut) => {
                        let key = cut.key;
                        prop_assert!(key.0 > range.start.0 + 1 && key < range.end);
                        let (lower, upper): (Vec<_>, Vec<_>) = sample.iter().partition(|(one, _)| *one < key);
                        let below: u64 = lower.iter().map(|(_, weight)| weight).sum();
                        prop_assert!(below.min(total - below) as f64 >= SHARE_MIN * total as f64);
                        prop_assert!((cut.below - below as f64 / total as f64).abs() < 1e-9);
                        let [low, high] = parts_at(range, key);
                        parts.push((cut.lower, low, lower));
                        parts.push((cut.upper, high, upper));
                    }
                    Middle::OneKey(hot) => {
                        let of_key: u64 = sample.iter().filter(|(one, _)| *one == hot.hash_key).map(|(_, weight)| weight).sum();
                        prop_assert!((hot.share - of_key as f64 / total as f64).abs() < 1e-9);
                    }
                    Middle::Unknown => prop_assert!(sample.len() < RECORDS_MIN, "enough was seen"),
                }
            }
        }
    }
}
