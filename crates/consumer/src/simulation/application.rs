//! What the workers of a simulation have in common, by seed.

use std::time::{Duration, SystemTime};

use crate::{CheckpointPolicy, FailurePolicy, InitialPosition, Settings};

pub(super) const FAILOVER: Duration = Duration::from_secs(10);
pub(super) const SHARD_SYNC: Duration = Duration::from_secs(10);
pub(super) const LARGE_EVERY: u64 = 50;

/// What the workers of a simulation have in common.
#[derive(Debug, Clone, Copy)]
pub(super) struct Application {
    pub(super) initial: InitialPosition,
    pub(super) checkpoints: CheckpointPolicy,
    /// Some records cannot be processed, and are parked.
    pub(super) has_poison: bool,
    pub(super) reads: Reads,
    pub(super) workers_max: usize,
    pub(super) open_shards_max: usize,
    /// The clocks of workers go this much faster or slower than the others', at most.
    pub(super) drift_percent: u32,
}

/// How workers read the stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Reads {
    Polling,
    FanOut,
    /// Each worker as chance has it.
    Either,
}

impl Application {
    pub(super) fn of_seed(seed: u64) -> Self {
        let moment = SystemTime::UNIX_EPOCH + Duration::from_millis(25);
        Self {
            initial: match seed / 5 % 3 {
                0 => InitialPosition::TrimHorizon,
                1 => InitialPosition::AtTimestamp(moment),
                _ => InitialPosition::Latest,
            },
            checkpoints: match seed / 2 % 4 {
                0 => CheckpointPolicy::Manual,
                1 => CheckpointPolicy::AfterBatch,
                2 => CheckpointPolicy::Every(Duration::from_secs(3)),
                _ => CheckpointPolicy::EveryRecords(20),
            },
            has_poison: seed.is_multiple_of(2),
            reads: match seed % 7 {
                1 | 4 => Reads::FanOut,
                2 | 5 => Reads::Either,
                _ => Reads::Polling,
            },
            workers_max: if is_large(seed) { 20 } else { 5 },
            open_shards_max: if is_large(seed) { 200 } else { 8 },
            drift_percent: if (seed / 3).is_multiple_of(2) { 0 } else { 2 },
        }
    }

    pub(super) fn plain() -> Self {
        Self {
            initial: InitialPosition::TrimHorizon,
            checkpoints: CheckpointPolicy::default(),
            has_poison: false,
            reads: Reads::Polling,
            workers_max: 5,
            open_shards_max: 8,
            drift_percent: 0,
        }
    }

    /// `pace_percent` is how long the second of this worker's clock lasts; its settings are in that clock's time.
    pub(super) fn settings(&self, worker_id: &str, pace_percent: u32) -> Settings {
        let by_its_clock = |time: Duration| time * pace_percent / 100;
        let policy = if self.has_poison {
            FailurePolicy::park_after(3)
        } else {
            FailurePolicy::retry()
        };
        Settings::new()
            .initial_position(self.initial)
            .failover_time(by_its_clock(FAILOVER))
            .shard_sync_interval(by_its_clock(SHARD_SYNC))
            .records_max(7)
            .worker_id(worker_id)
            .shutdown_grace(by_its_clock(Duration::from_secs(20)))
            .checkpoints(self.checkpoints)
            .on_failure(policy.pauses(Duration::from_millis(50), Duration::from_secs(1)))
    }
}

/// Few, because they take long.
pub(super) fn is_large(seed: u64) -> bool {
    seed % LARGE_EVERY == LARGE_EVERY - 1
}
