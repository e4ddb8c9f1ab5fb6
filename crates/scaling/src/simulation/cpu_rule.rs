//! What scaling by drain time is beside: a target for the workers' CPU, as an Auto Scaling group or a cluster's autoscaler has.

use std::sync::Arc;

use super::LOOK_MS;
use crate::{Decision, Figures, Observation, Reason, Rules, WorkerChange};

const TARGET: f64 = 0.6;
/// Of a processor, what a worker uses that does all it can and waits for its sink most of the time.
pub(crate) const WAITS_FOR_ITS_SINK: f64 = 0.3;
/// And one that computes.
pub(crate) const COMPUTES: f64 = 1.0;

/// As many workers as bring their CPU to the target, never twice within a settling time.
#[derive(Debug)]
pub(crate) struct CpuRule {
    cpu_at_limit: f64,
    changed_at: u64,
}

impl CpuRule {
    /// `cpu_at_limit` is what of a processor a worker uses that does all it can.
    pub(crate) fn new(cpu_at_limit: f64) -> Self {
        Self {
            cpu_at_limit,
            changed_at: 0,
        }
    }

    /// What it does at a look; `speed` is what one worker can do.
    pub(crate) fn decide(
        &mut self,
        look: u64,
        seen: &Observation,
        speed: f64,
        rules: &Rules,
    ) -> Option<Decision> {
        if (look - self.changed_at) * LOOK_MS < rules.settling_ms {
            return None;
        }
        let count = seen.workers.len() as u32;
        let reads = seen.shards.iter().map(|shard| shard.read_records_per_s);
        let busy = reads.sum::<f64>() / (f64::from(count) * speed);
        let wanted = (f64::from(count) * busy * self.cpu_at_limit / TARGET).ceil() as u32;
        let wanted = wanted.clamp(rules.workers.min, rules.workers.max);
        if wanted == count {
            return None;
        }
        self.changed_at = look;
        let gone = count.saturating_sub(wanted) as usize;
        let hand_over = seen.workers.iter().take(gone);
        let change = WorkerChange {
            from: count,
            to: wanted,
            hand_over: hand_over.map(|worker| Arc::clone(&worker.id)).collect(),
            reason: Reason::TooFewLooks,
        };
        Some(Decision {
            at: seen.at,
            workers: Some(change),
            shards: Vec::new(),
            notes: Vec::new(),
            figures: Figures::default(),
        })
    }
}
