//! Splits and merges.

use millstream_types::{HashKey, HashKeyRange, ShardId};

use super::Deciding;
use super::cuts::{Heat, Hot};
use super::workers::{SHARE_IN, SHARE_OUT, dealt};
use crate::decision::What;
use crate::observation::can_be_cut;
use crate::{Middle, Reason, ShardChange, ShardObservation, Traffic};

/// A shard that takes more than this share of what it can is hot...
const HOT: f64 = 0.7;
/// ... and two that took less than this together, at the peak of the quiet time, are one too many.
const QUIET: f64 = 0.35;
/// What of its worker's speed a shard may take: above, only a split helps, because a shard has one worker.
const HOT_FOR_WORKER: f64 = 0.85;

impl<'a> Deciding<'a> {
    /// Hot shards at the middle of their traffic, and their parts in turn as long as these are hot, the hottest first, as far
    /// as the bounds allow; and any until there are as many as the bounds ask for.
    pub(super) fn splits(&mut self, speed: Option<f64>) -> Vec<ShardChange> {
        let Some(bounds) = self.shards else {
            return Vec::new();
        };
        let open = self.figures.open_shards;
        let mut hot: Vec<Hot<'a>> = self
            .now
            .open_shards()
            .filter_map(|shard| self.hot(shard, speed))
            .collect();
        hot.sort_by(|one, other| other.heat.most().total_cmp(&one.heat.most()));
        for Hot { shard, .. } in &hot {
            match &shard.middle {
                Middle::OneKey(key) => self.notes.push(Reason::one_key(shard.id, key)),
                Middle::Unknown => self.notes.push(Reason::MiddleUnknown { shard: shard.id }),
                Middle::At(_) => {}
            }
        }
        let (cuts, has_no_room) = self.cuts(&hot, bounds.max);
        let mut splits: Vec<ShardChange> = hot
            .into_iter()
            .zip(cuts)
            .filter_map(|(hot, keys)| split(hot.shard.id, keys, hot.reason))
            .collect();
        if has_no_room {
            self.notes.push(Reason::AtMost {
                what: What::Shards,
                max: bounds.max,
                wanted: bounds.max + 1,
            });
        }
        if let Some(reason) = self.below_min(What::Shards, open, bounds) {
            self.fill_up(bounds.min, &reason, &mut splits);
        }
        splits
    }

    /// More splits, of the widest shards, until there are `min` shards.
    fn fill_up(&self, min: u32, reason: &Reason, splits: &mut Vec<ShardChange>) {
        let missing = min.saturating_sub(self.figures.open_shards) as usize;
        let is_split = |id: ShardId, splits: &[ShardChange]| {
            splits
                .iter()
                .any(|one| matches!(one, ShardChange::Split { shard, .. } if *shard == id))
        };
        let mut others: Vec<&ShardObservation> = self
            .now
            .open_shards()
            .filter(|shard| !is_split(shard.id, splits))
            .collect();
        others.sort_by_key(|shard| std::cmp::Reverse(shard.range.end.0 - shard.range.start.0));
        for shard in others {
            if splits.len() >= missing {
                return;
            }
            let key = match &shard.middle {
                Middle::At(cut) => Some(cut.key),
                Middle::Unknown | Middle::OneKey(_) => half(shard.range),
            };
            let keys = key.into_iter().collect();
            splits.extend(split(shard.id, keys, reason.clone()));
        }
    }

    /// Whether a shard is hot in the mean of the last looks, all of which must have seen it open.
    fn hot(&self, shard: &'a ShardObservation, speed: Option<f64>) -> Option<Hot<'a>> {
        let mut mean = Traffic::default();
        let looks = self.recent.len() as f64;
        for look in self.recent {
            let seen = look.shard(shard.id).filter(|seen| seen.is_open)?;
            mean.records_per_s += seen.incoming.records_per_s / looks;
            mean.bytes_per_s += seen.incoming.bytes_per_s / looks;
        }
        let most = self.rules.shard;
        let workers = f64::from(self.rules.workers_per_shard_max);
        let heat_of = |traffic: Traffic| Heat {
            of_shard: f64::max(
                traffic.records_per_s / (HOT * most.records_per_s),
                traffic.bytes_per_s / (HOT * most.bytes_per_s),
            ),
            of_worker: speed.map_or(0.0, |speed| {
                traffic.records_per_s / (HOT_FOR_WORKER * speed * workers)
            }),
        };
        let (heat, last) = (heat_of(mean), heat_of(shard.incoming));
        let reason = match (heat.of_shard > 1.0, heat.of_worker > 1.0) {
            (false, false) => return None,
            (true, _) => Reason::HotForShard {
                shard: shard.id,
                records_per_s: mean.records_per_s,
                bytes_per_s: mean.bytes_per_s,
                records_per_s_max: most.records_per_s,
                bytes_per_s_max: most.bytes_per_s,
            },
            (false, true) => Reason::HotForWorker {
                shard: shard.id,
                records_per_s: mean.records_per_s,
                worker_records_per_s: speed.unwrap_or_default(),
            },
        };
        Some(Hot {
            shard,
            heat,
            last,
            reason,
        })
    }

    /// Neighbours that were quiet throughout the quiet time, as far as the workers that there are keep a shard each.
    pub(super) fn merges(&self, speed: Option<f64>) -> Vec<ShardChange> {
        let Some(bounds) = self.shards else {
            return Vec::new();
        };
        let consumers = self
            .figures
            .workers
            .div_ceil(self.rules.workers_per_shard_max);
        let least = bounds.min.max(consumers);
        let spare = self.figures.open_shards.saturating_sub(least) as usize;
        let mut open: Vec<&ShardObservation> = self.now.open_shards().collect();
        open.sort_by_key(|shard| shard.range.start);
        let mut merges = Vec::new();
        let mut loads = self.peaks().0;
        let mut shards = open.into_iter().peekable();
        while let Some(shard) = shards.next() {
            if merges.len() >= spare {
                break;
            }
            let fits = |next: &&ShardObservation| {
                shard.range.is_followed_by(&next.range) && self.is_quiet(shard, next, speed)
            };
            let Some(next) = shards.next_if(fits) else {
                continue;
            };
            // Larger pieces are harder to deal out: no merge asks for another worker.
            let merged = self.merged(&loads, shard.id, next.id);
            if speed.is_some_and(|speed| {
                dealt(&mut merged.clone(), SHARE_OUT * speed) > self.figures.workers
            }) {
                continue;
            }
            loads = merged;
            let peak = self.peak_together(shard.id, next.id).unwrap_or_default();
            merges.push(ShardChange::Merge {
                shard: shard.id,
                adjacent: next.id,
                reason: Reason::Quiet {
                    peak_records_per_s: peak.records_per_s,
                    peak_bytes_per_s: peak.bytes_per_s,
                    quiet_ms: self.rules.quiet_ms,
                },
            });
        }
        merges
    }

    /// The loads of all shards that were seen last, in their order, with one of them on another.
    fn merged(&self, loads: &[f64], one: ShardId, other: ShardId) -> Vec<f64> {
        let place = |id| self.now.shards.iter().position(|shard| shard.id == id);
        let mut loads = loads.to_vec();
        if let (Some(one), Some(other)) = (place(one), place(other)) {
            loads[one] += std::mem::take(&mut loads[other]);
        }
        loads
    }

    fn is_quiet(
        &self,
        shard: &ShardObservation,
        next: &ShardObservation,
        speed: Option<f64>,
    ) -> bool {
        let Some(peak) = self.peak_together(shard.id, next.id) else {
            return false;
        };
        let most = self.rules.shard;
        let is_quiet_for_shard = peak.records_per_s <= QUIET * most.records_per_s
            && peak.bytes_per_s <= QUIET * most.bytes_per_s;
        let workers = f64::from(self.rules.workers_per_shard_max);
        // Where nobody knows what a worker can do, it can do at least what one does.
        let speed = speed.unwrap_or_else(|| self.most_done());
        let is_quiet_for_worker = peak.records_per_s <= SHARE_IN * speed * workers;
        is_quiet_for_shard && is_quiet_for_worker
    }

    /// Records a second that the busiest worker finished, in the mean of the last looks.
    fn most_done(&self) -> f64 {
        let mut done = vec![0.0f64; self.now.workers.len()];
        for shard in self.recent.iter().flat_map(|look| &look.shards) {
            if let Some(worker) = shard.owner.and_then(|owner| done.get_mut(owner as usize)) {
                *worker += shard.read_records_per_s / self.recent.len() as f64;
            }
        }
        done.into_iter().fold(0.0, f64::max)
    }

    /// The most that two shards took together at any look; `None` if one of them was not open at each of them.
    fn peak_together(&self, one: ShardId, other: ShardId) -> Option<Traffic> {
        let mut peak = Traffic::default();
        for look in self.window.looks() {
            let one = look.shard(one).filter(|shard| shard.is_open)?.incoming;
            let other = look.shard(other).filter(|shard| shard.is_open)?.incoming;
            peak.records_per_s = peak
                .records_per_s
                .max(one.records_per_s + other.records_per_s);
            peak.bytes_per_s = peak.bytes_per_s.max(one.bytes_per_s + other.bytes_per_s);
        }
        Some(peak)
    }
}

/// At these keys in turn, if there are any.
fn split(shard: ShardId, keys: Vec<HashKey>, reason: Reason) -> Option<ShardChange> {
    let mut keys = keys.into_iter();
    Some(ShardChange::Split {
        shard,
        new_starting_hash_key: keys.next()?,
        further: keys.collect(),
        reason,
    })
}

fn half(range: HashKeyRange) -> Option<HashKey> {
    let width = range.end.0 - range.start.0;
    let key = HashKey(range.start.0 + width / 2 + 1);
    can_be_cut(range, key).then_some(key)
}
