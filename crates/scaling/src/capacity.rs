//! What one worker can do.

use millstream_types::TimestampMs;
use serde::{Deserialize, Serialize};

use crate::{Observation, Rules};

/// A worker's speed, as it was measured.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Capacity {
    /// Records a second of one worker that always had something to do.
    pub records_per_s: f64,
    /// When that was last measured.
    pub measured_at: TimestampMs,
}

/// A measure is believed for so many quiet times.
const KEPT_QUIETS: u64 = 144;
/// A worker that does less than this share of what it did stands still: that is no measure of it.
const STANDS_STILL: f64 = 0.05;
/// What a new measure weighs against the one before.
const WEIGHT: f64 = 0.5;

impl Capacity {
    /// What is known after a look, from what was known and the two last looks.
    pub(crate) fn after(
        known: Option<Self>,
        before: &Observation,
        now: &Observation,
        rules: &Rules,
    ) -> Option<Self> {
        let known = known.filter(|known| known.is_believed_at(now.at, rules));
        let least = known.map_or(0.0, |known| STANDS_STILL * known.records_per_s);
        let rates = busy_rates(before, now, rules);
        let (mut sum, mut count) = (0.0, 0u32);
        for rate in rates.into_iter().flatten().filter(|rate| *rate > least) {
            sum += rate;
            count += 1;
        }
        if count == 0 {
            return known;
        }
        let measured = sum / f64::from(count);
        Some(Self {
            records_per_s: known.map_or(measured, |known| {
                known.records_per_s + WEIGHT * (measured - known.records_per_s)
            }),
            measured_at: now.at,
        })
    }

    fn is_believed_at(&self, at: TimestampMs, rules: &Rules) -> bool {
        at.ms_since(self.measured_at) <= KEPT_QUIETS.saturating_mul(rules.quiet_ms)
    }
}

/// For each worker its rate, if it had something to do all the time between two looks.
fn busy_rates(before: &Observation, now: &Observation, rules: &Rules) -> Vec<Option<f64>> {
    let mut rates = vec![(0.0, false); now.workers.len()];
    for shard in &now.shards {
        let Some(worker) = shard.owner.and_then(|owner| rates.get_mut(owner as usize)) else {
            continue;
        };
        worker.0 += shard.read_records_per_s;
        let is_late = |behind_ms: u64| behind_ms > rules.behind_ms_max / 4;
        worker.1 |= is_late(shard.behind_ms)
            && before
                .shard(shard.id)
                .is_some_and(|before| is_late(before.behind_ms) && before.owner.is_some());
    }
    let busy = |(rate, is_busy): (f64, bool)| is_busy.then_some(rate);
    rates.into_iter().map(busy).collect()
}
