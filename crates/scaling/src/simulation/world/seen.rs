//! What is to be seen of it: no more than a stream's metrics, a lease table and a sample of keys tell.

use std::sync::Arc;

use millstream_types::{HashKey, HashKeyRange, TimestampMs};

use super::{LOOK_MS, ONE_KEY, SAMPLED_LEVELS, Shard, World, place};
use crate::observation::{can_be_cut, parts_at};
use crate::{Cut, HotKey, Middle, Observation, ShardObservation, Traffic, WorkerObservation};

impl World {
    pub(super) fn observe(&self, look: u64) -> Observation {
        let shards = self.shards.iter().map(|shard| ShardObservation {
            id: shard.id,
            range: shard.range,
            is_open: shard.is_open,
            incoming: Traffic {
                records_per_s: shard.incoming,
                bytes_per_s: shard.incoming * self.record_bytes,
            },
            read_records_per_s: shard.read,
            backlog_records: shard.backlog as u64,
            behind_ms: shard
                .left
                .front()
                .map_or(0, |(came, _)| (look - came) * LOOK_MS),
            owner: shard.owner,
            middle: self.middle(shard),
        });
        Observation {
            at: TimestampMs((look + 1) * LOOK_MS),
            shards: shards.collect(),
            without_lease: 0,
            workers: self
                .workers
                .iter()
                .map(|id| WorkerObservation { id: Arc::clone(id) })
                .collect(),
        }
    }

    /// Nobody looks where there is little traffic.
    fn middle(&self, shard: &Shard) -> Middle {
        let watched = f64::max(
            shard.incoming / (0.3 * self.speed.min(1000.0)),
            shard.incoming * self.record_bytes / 300_000.0,
        );
        if !shard.is_open || watched <= 1.0 {
            return Middle::Unknown;
        }
        // Nobody cuts a part that takes so little.
        let levels = watched.log2().ceil() as u32;
        self.middle_of(shard.range, levels.min(SAMPLED_LEVELS))
    }

    /// As a sample of a thousand records tells it: of a part of a part it is too small.
    fn middle_of(&self, range: HashKeyRange, levels: u32) -> Middle {
        if levels == 0 {
            return Middle::Unknown;
        }
        if let Some(share) = self
            .share_of_one_key(range)
            .filter(|share| *share > ONE_KEY)
        {
            return Middle::OneKey(HotKey {
                hash_key: range.start,
                partition_key: None,
                share,
            });
        }
        let (mut low, mut high) = (range.start.0, range.end.0);
        let [bottom, top] = [low, high].map(|key| self.weather.below(place(key)));
        let aim = (bottom + top) / 2.0;
        for _ in 0..20 {
            let between = low + (high - low) / 2;
            match self.weather.below(place(between)) < aim {
                true => low = between,
                false => high = between,
            }
        }
        let key = HashKey(high);
        if !can_be_cut(range, key) || top <= bottom {
            return Middle::Unknown;
        }
        let [lower, upper] = parts_at(range, key);
        Middle::At(Box::new(Cut {
            key,
            below: (self.weather.below(place(high)) - bottom) / (top - bottom),
            lower: self.middle_of(lower, levels - 1),
            upper: self.middle_of(upper, levels - 1),
        }))
    }

    /// What the hot key, if it is in this range, takes of the range's traffic.
    pub(super) fn share_of_one_key(&self, range: HashKeyRange) -> Option<f64> {
        let hot = self.weather.hot.filter(|hot| hot.width == 0.0)?;
        let (start, end) = (place(range.start.0), place(range.end.0));
        let is_inside = start <= hot.start && hot.start < end;
        let all = self.weather.below(end) - self.weather.below(start);
        (is_inside && all > 0.0).then(|| hot.share / all)
    }
}
