//! What UpdateShardCount does to the ranges of a stream: at most two rounds of splits and merges.
//!
//! AWS's totals of shards, closed ones included, fix how many of each there are (2 → 4 leaves 6 shards, 4 → 5 leaves
//! 15, 10 → 13 leaves 37, 4 → 2 leaves 6, 5 → 3 leaves 7): to grow from n to t, every shard is split once and then
//! 2n - t pairs are merged; to shrink, n - t pairs are merged. Where the cuts are and which pairs are merged is ours to
//! choose: so that the shards become as even as that many cuts allow. From shards of one size, 4 → 5 and n → 2n come
//! out exactly even.

use millstream_types::{HashKey, HashKeyRange};

/// Ranges that change in one round.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Round {
    /// Each range is cut in two before the key that stands at its place.
    Split(Vec<HashKey>),
    /// The range at each of these places is merged with the next one. No two of them touch.
    Merge(Vec<usize>),
}

/// The next round on the way to `target` ranges; `None` if there are as many.
///
/// `ranges` tile the space in order. Between half of them and twice as many can be reached.
///
/// # Errors
/// A range that has to be cut and is too narrow.
pub(super) fn next_round(
    ranges: &[HashKeyRange],
    target: usize,
) -> Result<Option<Round>, HashKeyRange> {
    let count = ranges.len();
    if target > count {
        return cuts(ranges, target).map(|keys| Some(Round::Split(keys)));
    }
    if target == count {
        return Ok(None);
    }
    Ok(Some(Round::Merge(pairs(ranges, target))))
}

/// One key for each range, where it is cut. After the merges that follow, the keys and those old bounds that are kept
/// are the bounds of all shards: each key goes where its place among them would be if all were even.
fn cuts(ranges: &[HashKeyRange], target: usize) -> Result<Vec<HashKey>, HashKeyRange> {
    let count = ranges.len();
    // Of the old bounds between ranges, this many stay.
    let kept = target - count - 1;
    let mut bounds_before = 0;
    ranges
        .iter()
        .enumerate()
        .map(|(place, range)| {
            let kept_before = (1..=kept).filter(|number| old_bound(*number, kept, count) <= place);
            bounds_before = bounds_before.max(kept_before.count());
            let even = even_bound(place + bounds_before + 1, target);
            cut(range, even)
        })
        .collect()
}

/// Which old bound is the `number`-th of the `kept` ones: they are spread evenly.
fn old_bound(number: usize, kept: usize, count: usize) -> usize {
    (number * count + kept.div_ceil(2)) / (kept + 1)
}

/// The first key of shard `number` if `target` shards were even.
fn even_bound(number: usize, target: usize) -> u128 {
    let width = u128::MAX / target as u128;
    width.saturating_mul(number as u128)
}

/// `even`, if it cuts the range; else the middle.
fn cut(range: &HashKeyRange, even: u128) -> Result<HashKey, HashKeyRange> {
    let (start, end) = (range.start.0, range.end.0);
    let width = end - start;
    // AWS asks for more than one key in the first child and more than one in the second.
    if width < 3 {
        return Err(*range);
    }
    let fits = even > start + 1 && even < end;
    let middle = start + width / 2 + 1;
    Ok(HashKey(if fits { even } else { middle }))
}

/// The places of ranges that are merged with their next ones. Walks over the ranges and lets each shard end at the
/// bound that is nearest to an even one.
fn pairs(ranges: &[HashKeyRange], target: usize) -> Vec<usize> {
    let mut merged = Vec::with_capacity(ranges.len().saturating_sub(target));
    let mut place = 0;
    for number in 1..=target {
        let (ranges_left, shards_left) = (ranges.len() - place, target - number + 1);
        let must_merge = ranges_left == 2 * shards_left;
        let may_merge = ranges_left > shards_left;
        let even = even_bound(number, target);
        let distance = |place: usize| ranges[place].end.0.abs_diff(even);
        if must_merge || (may_merge && distance(place + 1) < distance(place)) {
            merged.push(place);
            place += 2;
        } else {
            place += 1;
        }
    }
    merged
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn apply(ranges: &[HashKeyRange], round: &Round) -> Vec<HashKeyRange> {
        match round {
            Round::Split(keys) => ranges
                .iter()
                .zip(keys)
                .flat_map(|(range, key)| {
                    let (start, end) = (range.start, range.end);
                    let low_end = HashKey(key.0 - 1);
                    [
                        HashKeyRange {
                            start,
                            end: low_end,
                        },
                        HashKeyRange { start: *key, end },
                    ]
                })
                .collect(),
            Round::Merge(places) => {
                let mut left = ranges.to_vec();
                for place in places.iter().rev() {
                    let second = left.remove(place + 1);
                    left[*place].end = second.end;
                }
                left
            }
        }
    }

    /// All ranges there ever were, and those at the end.
    fn scale(mut ranges: Vec<HashKeyRange>, target: usize) -> (usize, Vec<HashKeyRange>) {
        let mut total = ranges.len();
        for _ in 0..2 {
            let Some(round) = next_round(&ranges, target).unwrap() else {
                break;
            };
            total += match &round {
                Round::Split(keys) => 2 * keys.len(),
                Round::Merge(places) => places.len(),
            };
            ranges = apply(&ranges, &round);
        }
        (total, ranges)
    }

    fn widths(ranges: &[HashKeyRange]) -> (u128, u128) {
        let widths = ranges.iter().map(|range| range.end.0 - range.start.0);
        (widths.clone().min().unwrap(), widths.max().unwrap())
    }

    #[test]
    fn totals_are_those_of_aws() {
        for (from, to, total) in [
            (2, 4, 6),
            (4, 5, 15),
            (10, 13, 37),
            (4, 2, 6),
            (5, 3, 7),
            (1, 2, 3),
            (3, 3, 3),
        ] {
            let ranges = HashKeyRange::uniform(from).collect();
            let (reached, ranges) = scale(ranges, to as usize);
            assert_eq!(
                (reached, ranges.len()),
                (total, to as usize),
                "{from} to {to}"
            );
        }
    }

    #[test]
    fn even_shards_stay_even_where_they_can() {
        for (from, to) in [(4, 5), (4, 8), (1, 2), (8, 4), (6, 3), (100, 200)] {
            let (_, ranges) = scale(HashKeyRange::uniform(from).collect(), to);
            let (min, max) = widths(&ranges);
            assert!(
                max - min <= 2 * to as u128,
                "{from} to {to}: {min} to {max}"
            );
        }
        let (_, ranges) = scale(HashKeyRange::uniform(10).collect(), 13);
        let (min, max) = widths(&ranges);
        assert!(max < min * 3 / 2, "10 to 13: {min} to {max}");
    }

    #[test]
    fn a_range_of_three_keys_is_too_narrow() {
        let (low, high) = (
            HashKeyRange {
                start: HashKey(0),
                end: HashKey(2),
            },
            HashKeyRange {
                start: HashKey(3),
                end: HashKey::MAX,
            },
        );
        assert_eq!(next_round(&[low, high], 4), Err(low));
    }

    proptest! {
        #[test]
        fn rounds_tile_the_space_and_reach_the_target(
            mut bounds in prop::collection::btree_set(1_000u128..=u128::MAX - 1_000, 0..40),
            share in 0.0..=1.0f64,
        ) {
            bounds.retain(|bound| bound % 1_000 == 0 || *bound > 1_000_000);
            let mut ranges = Vec::new();
            let mut start = 0;
            for bound in bounds {
                if bound - start < 1_000 {
                    continue;
                }
                ranges.push(HashKeyRange { start: HashKey(start), end: HashKey(bound - 1) });
                start = bound;
            }
            ranges.push(HashKeyRange { start: HashKey(start), end: HashKey::MAX });
            let count = ranges.len();
            let least = count.div_ceil(2);
            let target = least + (share * (2 * count - least) as f64) as usize;
            let (total, reached) = scale(ranges, target);
            prop_assert_eq!(reached.len(), target);
            prop_assert_eq!(reached[0].start, HashKey::MIN);
            prop_assert_eq!(reached[target - 1].end, HashKey::MAX);
            prop_assert!(reached.windows(2).all(|pair| pair[0].is_followed_by(&pair[1])));
            let expected = if target > count { 3 * count + 2 * count - target } else { 2 * count - target };
            prop_assert_eq!(total, expected);
        }
    }
}
