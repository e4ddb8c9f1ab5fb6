//! Where hot shards are cut: at their middles, and their parts in turn.

use std::cmp::Ordering;
use std::collections::BinaryHeap;

use millstream_types::HashKey;

use super::Deciding;
use crate::{Middle, Reason, ShardObservation};

/// A shard to split.
pub(super) struct Hot<'a> {
    pub(super) shard: &'a ShardObservation,
    /// In the mean of the last looks.
    pub(super) heat: Heat,
    /// At the last look: what is rising is cut into as many parts as it needs now, and what has passed into two.
    pub(super) last: Heat,
    pub(super) reason: Reason,
}

/// How much hotter than what is called hot.
#[derive(Clone, Copy)]
pub(super) struct Heat {
    pub(super) of_shard: f64,
    pub(super) of_worker: f64,
}

impl Heat {
    pub(super) fn most(self) -> f64 {
        self.of_shard.max(self.of_worker)
    }

    fn times(self, share: f64) -> Self {
        Self {
            of_shard: self.of_shard * share,
            of_worker: self.of_worker * share,
        }
    }
}

/// A part of a hot shard: at first all of it.
struct Part<'a> {
    /// Its place among the hot shards.
    of: usize,
    heat: Heat,
    middle: &'a Middle,
}

/// The hottest is the greatest; of two that are as hot, that of the first shard.
impl Ord for Part<'_> {
    fn cmp(&self, other: &Self) -> Ordering {
        let by_heat = self.heat.most().total_cmp(&other.heat.most());
        by_heat.then(other.of.cmp(&self.of))
    }
}

impl PartialOrd for Part<'_> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Part<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Part<'_> {}

impl Deciding<'_> {
    /// For each hot shard the keys at which it and its parts are to be cut, in order; and whether there was no room for one.
    pub(super) fn cuts(&self, hot: &[Hot<'_>], max: u32) -> (Vec<Vec<HashKey>>, bool) {
        let mut cuts = vec![Vec::new(); hot.len()];
        let wholes = hot.iter().enumerate().map(|(of, hot)| Part {
            of,
            heat: hot.heat,
            middle: &hot.shard.middle,
        });
        let mut parts: BinaryHeap<Part<'_>> = wholes.collect();
        let mut shards_after = self.figures.open_shards;
        let mut has_no_room = false;
        while let Some(Part { of, heat, middle }) = parts.pop() {
            let Middle::At(cut) = middle else { continue };
            if heat.most() <= 1.0 {
                break;
            }
            if shards_after >= max {
                has_no_room = true;
                break;
            }
            // Nobody would come to read one more.
            if heat.of_shard <= 1.0 && shards_after >= self.workers.max {
                continue;
            }
            let rest = if cuts[of].is_empty() {
                hot[of].last
            } else {
                heat
            };
            cuts[of].push(cut.key);
            shards_after += 1;
            let sides = [(cut.below, &cut.lower), (1.0 - cut.below, &cut.upper)];
            parts.extend(sides.map(|(share, middle)| Part {
                of,
                heat: rest.times(share),
                middle,
            }));
        }
        (cuts, has_no_room)
    }
}
