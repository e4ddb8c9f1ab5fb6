//! More workers or fewer.

use std::collections::BTreeSet;
use std::sync::Arc;

use millstream_types::ShardId;

use super::Deciding;
use crate::decision::What;
use crate::{Change, Reason, ShardChange, WorkerChange};

/// A worker is kept busy for this share of its time when there are more of them...
pub(super) const SHARE_OUT: f64 = 0.85;
/// ... and at the peak of the quiet time for this one when there are fewer.
pub(super) const SHARE_IN: f64 = 0.6;
/// A growth that brought less than this share of what it should have did not help.
const HELP_MIN: f64 = 0.2;
/// Where nobody knows what a worker can do, one in so many is given up at a time.
const TRIED_PART: u32 = 8;

impl Deciding<'_> {
    /// As many as the goal needs, if those are more; or as the bounds ask for. `speed` is what one worker does in a
    /// second, if that may be relied on.
    pub(super) fn more_workers(
        &mut self,
        speed: Option<f64>,
        splits: &[ShardChange],
    ) -> Option<WorkerChange> {
        let (count, bounds) = (self.figures.workers, self.workers);
        if count > bounds.max {
            let max = bounds.max;
            let reason = Reason::AboveMax {
                what: What::Workers,
                count,
                max,
            };
            return Some(self.fewer(max, reason));
        }
        let wanted = speed.map_or(0, |speed| self.wanted_now(speed, splits));
        let least = self.below_min(What::Workers, count, bounds);
        if least.is_some() && wanted <= bounds.min {
            return least.map(|reason| self.more(bounds.min, reason));
        }
        let worker_records_per_s = speed.filter(|_| wanted > count)?;
        if let Some(reason) = self.did_not_help(worker_records_per_s) {
            self.notes.push(reason);
            return least.map(|reason| self.more(bounds.min, reason));
        }
        let reason = Reason::TooSlow {
            backlog_records: self.figures.backlog_records,
            ingest_records_per_s: self.figures.ingest_records_per_s,
            workers: count,
            worker_records_per_s,
            goal_ms: self.rules.behind_ms_max,
            wanted,
        };
        Some(self.more(wanted, reason))
    }

    /// How many are needed for what comes and for what is left, within the bounds and the shards; says so where these are
    /// tighter.
    fn wanted_now(&mut self, speed: f64, splits: &[ShardChange]) -> u32 {
        let mut loads = Vec::new();
        let mut total = 0.0;
        let per_shard = self.rules.workers_per_shard_max;
        for shard in &self.now.shards {
            let load = self.load(shard.id);
            total += load;
            let parts = splits.iter().find_map(|split| match split {
                ShardChange::Split {
                    shard: id, further, ..
                } if *id == shard.id => Some(2 + further.len() as u32),
                _ => None,
            });
            let parts = parts.unwrap_or(1) * per_shard;
            let part = load / f64::from(parts);
            loads.extend(std::iter::repeat_n(part, parts as usize));
        }
        let most = SHARE_OUT * speed;
        let busy = loads.len() as u32;
        let needed = needed(&mut loads, most);
        let regardless = (total / most).ceil() as u32;
        if regardless > busy {
            self.notes.push(Reason::BoundByShards {
                workers: busy,
                wanted: regardless,
            });
        }
        let max = self.workers.max;
        if needed > max {
            self.notes.push(Reason::AtMost {
                what: What::Workers,
                max,
                wanted: needed,
            });
        }
        needed.max(self.uneven(speed)).min(max)
    }

    /// Records a second that have to be done of a shard: what comes, and what is left spread over the goal. What would be
    /// done within a quarter of it anyway is in somebody's hands.
    ///
    /// What comes is the mean of the last looks, or the lesser of the last two: a step is known by that sooner, and a peak that
    /// one look has seen does not count in full.
    pub(super) fn load(&self, id: ShardId) -> f64 {
        let seen = self.recent.iter().filter_map(|look| look.shard(id));
        let rates: Vec<f64> = seen.map(|shard| shard.incoming.records_per_s).collect();
        let mean = rates.iter().sum::<f64>() / f64::max(rates.len() as f64, 1.0);
        let lesser = match rates.as_slice() {
            [now, before, _] => f64::min(*now, *before),
            _ => 0.0,
        };
        let comes = f64::max(mean, lesser);
        let left = self.now.shard(id).map_or(0, |shard| shard.backlog_records);
        let goal_s = self.rules.behind_ms_max as f64 / 1000.0;
        let in_hand = comes * goal_s / 4.0;
        comes + (left as f64 - in_hand).max(0.0) / goal_s
    }

    /// Whether the last growth brought next to nothing, although it is not long ago and there is still much to do that the new
    /// workers could have helped with.
    fn did_not_help(&self, speed: f64) -> Option<Reason> {
        let change = self.window.last_change()?;
        let Change {
            workers_before,
            workers_after,
            read_records_per_s: before,
            ..
        } = *change;
        let is_new = self.window.waits_ms(self.rules.quiet_ms, self.now.at) > 0;
        let is_late = self.figures.behind_ms > self.rules.behind_ms_max / 2;
        if workers_after <= workers_before || workers_before == 0 || !is_new || !is_late {
            return None;
        }
        // Whoever waits for a shard, because its parents are not finished, could not help yet.
        let owners: BTreeSet<u32> = self
            .now
            .shards
            .iter()
            .filter_map(|shard| shard.owner)
            .collect();
        if owners.len() < workers_after as usize {
            return None;
        }
        let new = workers_after - workers_before;
        if self.is_badly_dealt(new, speed) {
            return None;
        }
        let per_worker = before / f64::from(workers_before);
        let expected = per_worker * f64::from(new);
        let now = self.figures.read_records_per_s;
        (now - before < HELP_MIN * expected).then_some(Reason::DidNotHelp {
            workers_before,
            workers_after,
            read_before_per_s: before,
            read_now_per_s: now,
        })
    }

    /// Fewer, if the peak of the quiet time would not have needed those that there are.
    pub(super) fn fewer_workers(&mut self, speed: Option<f64>) -> Option<WorkerChange> {
        let (count, min) = (self.figures.workers, self.workers.min);
        if count <= min {
            return None;
        }
        let quiet_ms = self.rules.quiet_ms;
        let Some(worker_records_per_s) = speed else {
            let looks = self.window.looks();
            let behind = looks.flat_map(|look| look.shards.iter().map(|shard| shard.behind_ms));
            let behind_ms = behind.max().unwrap_or(0);
            let to = count - (count / TRIED_PART).max(1);
            return Some(self.fewer(
                to.max(min),
                Reason::TriesFewer {
                    quiet_ms,
                    behind_ms,
                },
            ));
        };
        let most = SHARE_IN * worker_records_per_s;
        let (mut peaks, peak) = self.peaks();
        let wanted = dealt(&mut peaks, most).max((peak / most).ceil() as u32);
        if wanted >= count {
            let mut loads: Vec<f64> = self
                .now
                .shards
                .iter()
                .map(|shard| self.load(shard.id))
                .collect();
            if dealt(&mut loads, most) < count {
                self.notes.push(Reason::NotQuietYet { quiet_ms });
            }
            return None;
        }
        let wanted = self.fewest_well_dealt(wanted.max(min), worker_records_per_s)?;
        let reason = Reason::Spare {
            peak_records_per_s: peak,
            quiet_ms,
            worker_records_per_s,
            wanted,
        };
        Some(self.fewer(wanted, reason))
    }

    /// As few as `wanted`, or half as many less, or a quarter, whichever leaves nobody with more than it can do once those
    /// that go have handed over; `None`, and why, if one less is too few.
    fn fewest_well_dealt(&mut self, wanted: u32, worker_records_per_s: f64) -> Option<u32> {
        let count = self.figures.workers;
        let mut gone = count - wanted;
        loop {
            let to = count - gone;
            let leaving = self.leaving(to);
            let Some(reason) = self.too_much_without(&leaving, worker_records_per_s) else {
                return Some(to);
            };
            gone /= 2;
            if gone == 0 {
                self.notes.push(reason);
                return None;
            }
        }
    }

    /// The most that each shard took at any look, and all together at one.
    pub(super) fn peaks(&self) -> (Vec<f64>, f64) {
        let peak_of = |id: ShardId| {
            let seen = self.window.looks().filter_map(|look| look.shard(id));
            seen.map(|shard| shard.incoming.records_per_s)
                .fold(0.0, f64::max)
        };
        let peaks = self
            .now
            .shards
            .iter()
            .map(|shard| peak_of(shard.id))
            .collect();
        let totals = self.window.looks().map(|look| {
            let shards = look.shards.iter();
            shards
                .map(|shard| shard.incoming.records_per_s)
                .sum::<f64>()
        });
        (peaks, totals.fold(0.0, f64::max))
    }

    fn more(&self, to: u32, reason: Reason) -> WorkerChange {
        WorkerChange {
            from: self.figures.workers,
            to,
            hand_over: Vec::new(),
            reason,
        }
    }

    fn fewer(&self, to: u32, reason: Reason) -> WorkerChange {
        WorkerChange {
            from: self.figures.workers,
            to,
            hand_over: self.leaving(to),
            reason,
        }
    }

    /// Those with the fewest shards go, and of these those that have least traffic.
    fn leaving(&self, to: u32) -> Vec<Arc<str>> {
        let mut workers: Vec<(u32, f64, &Arc<str>)> = self
            .now
            .workers
            .iter()
            .map(|worker| (0, 0.0, &worker.id))
            .collect();
        for shard in &self.now.shards {
            let owner = shard
                .owner
                .and_then(|owner| workers.get_mut(owner as usize));
            if let Some((shards, records_per_s, _)) = owner {
                *shards += 1;
                *records_per_s += shard.incoming.records_per_s;
            }
        }
        workers.sort_by(|one, other| {
            let by_traffic = one.1.total_cmp(&other.1);
            one.0
                .cmp(&other.0)
                .then(by_traffic)
                .then(one.2.cmp(other.2))
        });
        let gone = self.figures.workers.saturating_sub(to) as usize;
        let leaving = workers.iter().take(gone);
        leaving.map(|(_, _, id)| Arc::clone(id)).collect()
    }
}

/// The fewest workers that do these loads with at most `most` each, if each load in turn, the largest first, goes to whoever
/// has least. A load above `most` keeps one worker busy, and no other could help it. At least 1, at most one for each load.
pub(super) fn needed(loads: &mut [f64], most: f64) -> u32 {
    for load in &mut *loads {
        *load = load.min(most);
    }
    loads.sort_by(|one, other| other.total_cmp(one));
    let total: f64 = loads.iter().sum();
    // Sums of parts differ from the whole by rounding.
    let most = most * (1.0 + 1e-9);
    let least = ((total / most).ceil() as usize).max(1);
    let found = (least..=loads.len()).find(|count| fits(loads, *count, most));
    found.unwrap_or(loads.len().max(1)) as u32
}

/// As [`needed`], if the loads are dealt out like cards, the largest first, which is as uneven as by their number. Those that
/// keep a worker busy are dealt out first.
pub(super) fn dealt(loads: &mut [f64], most: f64) -> u32 {
    loads.sort_by(|one, other| other.total_cmp(one));
    let full = loads.iter().take_while(|load| **load >= most).count();
    let rest = &loads[full..];
    let total: f64 = rest.iter().sum();
    let most = most * (1.0 + 1e-9);
    let least = ((total / most).ceil() as usize).max(usize::from(full == 0));
    let is_enough = |count: &usize| rest.iter().step_by((*count).max(1)).sum::<f64>() <= most;
    let found = (least..=rest.len()).find(is_enough).unwrap_or(rest.len());
    (full + found).max(1) as u32
}

/// Whether so many workers do the loads, which are sorted, the largest first.
fn fits(loads: &[f64], count: usize, most: f64) -> bool {
    let mut busy = vec![0.0f64; count];
    loads.iter().all(|load| {
        let least = busy.iter_mut().min_by(|one, other| one.total_cmp(other));
        least.is_some_and(|least| {
            *least += load;
            *least <= most
        })
    })
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_shard_that_is_too_much_keeps_one_busy() {
        assert_eq!(needed(&mut [500.0, 10.0, 10.0, 10.0], 100.0), 2);
        assert_eq!(needed(&mut [60.0, 60.0, 60.0], 100.0), 3);
        assert_eq!(needed(&mut [50.0, 50.0, 50.0, 50.0], 100.0), 2);
        assert_eq!(needed(&mut [], 100.0), 1);
        assert_eq!(needed(&mut [0.0, 0.0], 100.0), 1);
        assert_eq!(dealt(&mut [500.0, 10.0, 10.0, 10.0], 100.0), 2);
        assert_eq!(dealt(&mut [90.0, 20.0, 20.0], 100.0), 3);
        assert_eq!(needed(&mut [90.0, 20.0, 20.0], 100.0), 2);
        assert_eq!((dealt(&mut [], 100.0), dealt(&mut [0.0], 100.0)), (1, 1));
    }

    proptest! {
        /// Enough for all, no more than there are shards, and not twice as many as could be.
        #[test]
        fn it_is_enough(loads in vec(0.0..300.0f64, 1..60), most in 1.0..200.0f64) {
            let count = needed(&mut loads.clone(), most);
            prop_assert!(count >= 1 && count as usize <= loads.len());
            let capped: f64 = loads.iter().map(|load| load.min(most)).sum();
            prop_assert!(f64::from(count) * most * (1.0 + 1e-6) >= capped);
            let dealt = dealt(&mut loads.clone(), most);
            prop_assert!(dealt >= 1 && dealt as usize <= loads.len());
            prop_assert!(f64::from(dealt) * most * (1.0 + 1e-6) >= capped);
            let most_of_all = (2.0 * capped / most).ceil().max(1.0);
            prop_assert!(f64::from(count) <= most_of_all, "{} {}", count, capped / most);
        }
    }
}
