//! Settings of a consumer.

use std::time::{Duration, SystemTime};

use crate::Checkpoint;

mod failure_policy;

pub(crate) use failure_policy::Decision;
pub use failure_policy::FailurePolicy;

/// Of the default.
const SCAN_INTERVAL_MAX: Duration = Duration::from_secs(1);
/// Looks without a sign of life after which a leader has died. It gives one at each of its own looks: two looks and the calls lie
/// between two that others see.
const LEADER_QUIET_LOOKS: u32 = 3;

/// Where an application starts on shards that it has never seen.
#[non_exhaustive]
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum InitialPosition {
    /// At the oldest record. The default, unlike the KCL's: nothing is left out.
    #[default]
    TrimHorizon,
    /// After the newest record, as of the moment a worker first opens the shard. That moment is kept in the lease:
    /// whoever goes on before the first checkpoint goes on there, and may see records that arrived up to about a second
    /// earlier, because the service tells its time in whole seconds. What arrived before the first worker opened the
    /// shard is not delivered; a worker of the KCL that takes such a lease over starts at *its* newest record.
    Latest,
    /// At the first record that arrived at or after this moment; a time before 1970 is 1970.
    AtTimestamp(SystemTime),
}

impl InitialPosition {
    /// The checkpoint of a new lease.
    pub(crate) fn checkpoint(self) -> Checkpoint {
        match self {
            Self::TrimHorizon => Checkpoint::TrimHorizon,
            Self::Latest => Checkpoint::Latest,
            Self::AtTimestamp(_) => Checkpoint::AtTimestamp,
        }
    }
}

/// When what is done is stored, so that nobody does it again.
///
/// A checkpoint is always *contiguous*: nothing before it is unfinished, also where records finish out of order. The
/// end of a shard is stored whatever the policy is.
#[non_exhaustive]
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum CheckpointPolicy {
    /// After every batch. The default. One write of the lease table for each batch that is read.
    #[default]
    AfterBatch,
    /// Once this time has passed since the last one and something is done, when the worker stops, and when it hands a
    /// shard over. After a crash, what was done since the last checkpoint is done again.
    Every(Duration),
    /// Once so many records are done since the last one, when the worker stops, and when it hands a shard over.
    EveryRecords(u64),
    /// Only when the processor says so ([`Checkpointer`](crate::Checkpointer)). A processor that never does begins at
    /// the same record after every restart.
    Manual,
}

/// How a consumer behaves. All settings may differ from worker to worker except `failover_time` and
/// `initial_position`, which the workers of an application should share.
///
/// ```
/// use std::time::Duration;
/// use millstream_consumer::{CheckpointPolicy, FailurePolicy, Settings};
///
/// let settings = Settings::new()
///     .failover_time(Duration::from_secs(5))
///     .checkpoints(CheckpointPolicy::Every(Duration::from_secs(10)))
///     .on_failure(FailurePolicy::park_after(5));
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    pub(crate) failover_time: Duration,
    pub(crate) renew_interval: Option<Duration>,
    pub(crate) scan_interval: Option<Duration>,
    pub(crate) shard_sync_interval: Duration,
    pub(crate) poll_interval: Duration,
    pub(crate) reads_per_second_max: u32,
    pub(crate) records_max: u32,
    pub(crate) prefetch_bytes_max: usize,
    pub(crate) initial_position: InitialPosition,
    pub(crate) leases_max: usize,
    pub(crate) worker_id: Option<String>,
    pub(crate) shutdown_grace: Duration,
    pub(crate) stuck_after: Duration,
    pub(crate) failure_policy: FailurePolicy,
    pub(crate) checkpoint_policy: CheckpointPolicy,
    pub(crate) parallel_keys_max: usize,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            failover_time: Duration::from_secs(10),
            renew_interval: None,
            scan_interval: None,
            shard_sync_interval: Duration::from_secs(60),
            poll_interval: Duration::from_secs(1),
            reads_per_second_max: 5,
            records_max: 10_000,
            prefetch_bytes_max: 64 * 1024 * 1024,
            initial_position: InitialPosition::TrimHorizon,
            leases_max: usize::MAX,
            worker_id: None,
            shutdown_grace: Duration::from_secs(30),
            stuck_after: Duration::from_secs(300),
            failure_policy: FailurePolicy::default(),
            checkpoint_policy: CheckpointPolicy::default(),
            parallel_keys_max: 1,
        }
    }
}

/// The setters.
impl Settings {
    /// The defaults.
    pub fn new() -> Self {
        Self::default()
    }

    /// A lease that nobody renewed for so long may be taken by another worker. Default 10 s, at least 100 ms.
    ///
    /// Shorter: a dead worker is replaced sooner. Longer: a slow lease table or a pause of the process does not cost
    /// leases. Its holder counts a twentieth less, so that clocks may differ: one that goes 2 % too fast beside one that
    /// goes 2 % too slow does no harm. What time of day they show does not matter.
    pub fn failover_time(mut self, time: Duration) -> Self {
        self.failover_time = time;
        self
    }

    /// How often a lease is renewed. Default a third of the failover time; at most half of it.
    pub fn renew_interval(mut self, interval: Duration) -> Self {
        self.renew_interval = Some(interval);
        self
    }

    /// How often the lease table is read for leases to take. Default a quarter of the failover time, at most
    /// 1 s.
    ///
    /// A lease that another worker gives back waits for the next look, and one of a worker that died waits for the failover
    /// time after the next look. Shorter: they are taken sooner. Longer: fewer reads of the table, each of which reads all of
    /// it. The worker that looks for new shards writes to one of its leases as often, unless it has just written to one; the
    /// others take it for dead after three times their own interval, so that should be about the same for all.
    pub fn scan_interval(mut self, interval: Duration) -> Self {
        self.scan_interval = Some(interval);
        self
    }

    /// How often one worker of the application looks for shards without a lease. Default 60 s. Children of a shard
    /// that ends are found at once, without this.
    pub fn shard_sync_interval(mut self, interval: Duration) -> Self {
        self.shard_sync_interval = interval;
        self
    }

    /// Pause between reads of a shard at its tip; a shard that is behind is read on at once, within
    /// [`reads_per_second_max`](Self::reads_per_second_max). Default 1 s. Without effect with fan-out.
    pub fn poll_interval(mut self, interval: Duration) -> Self {
        self.poll_interval = interval;
        self
    }

    /// Most reads of one shard in any second, at least 1. Default 5, which is what AWS allows all readers of a shard
    /// together; a service without that limit can give more. Without effect with fan-out.
    pub fn reads_per_second_max(mut self, reads: u32) -> Self {
        self.reads_per_second_max = reads;
        self
    }

    /// Most bytes of batches that are read ahead while handlers are busy, over all shards of this worker. Default 64 MiB;
    /// below 10 MiB, the largest answer of the service, nothing is read ahead. What handlers have in hand, one answer per
    /// shard at most, is not counted.
    pub fn prefetch_bytes_max(mut self, bytes: usize) -> Self {
        self.prefetch_bytes_max = bytes;
        self
    }

    /// Most records of one read, 1 to 10,000; joined records count as one. Default 10,000. Without effect with fan-out.
    pub fn records_max(mut self, records: u32) -> Self {
        self.records_max = records;
        self
    }

    /// Where to start on shards without a checkpoint. Default the oldest record.
    pub fn initial_position(mut self, position: InitialPosition) -> Self {
        self.initial_position = position;
        self
    }

    /// Most leases that this worker holds, at least 1. Default no limit.
    pub fn leases_max(mut self, leases: usize) -> Self {
        self.leases_max = leases;
        self
    }

    /// Who this worker is. Unique among the workers of the application: of two live workers of one id, one ends with
    /// [`ConsumerError::WorkerIdInUse`](crate::ConsumerError::WorkerIdInUse). A worker that is started again under the
    /// id of one that was killed waits for the failover time like any other. Default random.
    pub fn worker_id(mut self, id: impl Into<String>) -> Self {
        self.worker_id = Some(id.into());
        self
    }

    /// How long handlers may take to finish their batch when the worker stops or hands a shard over. Default 30 s.
    pub fn shutdown_grace(mut self, grace: Duration) -> Self {
        self.shutdown_grace = grace;
        self
    }

    /// A shard that does not come to wait for records for so long is named in the log, with the step that it is at.
    /// Default 5 min.
    pub fn stuck_after(mut self, time: Duration) -> Self {
        self.stuck_after = time;
        self
    }

    /// What happens when a handler fails and does not say itself what is to become of it. Default: it is tried again
    /// for ever.
    pub fn on_failure(mut self, policy: FailurePolicy) -> Self {
        self.failure_policy = policy;
        self
    }

    /// When what is done is stored. Default after every batch.
    pub fn checkpoints(mut self, policy: CheckpointPolicy) -> Self {
        self.checkpoint_policy = policy;
        self
    }

    /// How many records of one shard [`Consumer::for_each`](crate::Consumer::for_each) handles at the same time, at
    /// least 1. Default 1: one after the other, in the order of the shard. With more, records of one partition key
    /// still come one after the other and in order; those of different keys do not.
    pub fn parallel_keys_max(mut self, keys: usize) -> Self {
        self.parallel_keys_max = keys;
        self
    }
}

/// A setting is out of its bounds.
#[non_exhaustive]
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{name} must be {rule}")]
pub struct InvalidSettings {
    /// The setting.
    pub name: &'static str,
    /// Its bounds.
    pub rule: &'static str,
}

impl Settings {
    /// Checks every bound.
    ///
    /// # Errors
    /// The first setting that is out of its bounds.
    pub fn check(&self) -> Result<(), InvalidSettings> {
        let rule = |holds: bool, name, rule| {
            if holds {
                Ok(())
            } else {
                Err(InvalidSettings { name, rule })
            }
        };
        rule(
            self.failover_time >= Duration::from_millis(100),
            "failover_time",
            "at least 100 ms",
        )?;
        let renew = self.renews_every();
        let renew_fits = !renew.is_zero() && renew <= self.failover_time / 2;
        rule(
            renew_fits,
            "renew_interval",
            "above zero and at most half of failover_time",
        )?;
        rule(!self.scans_every().is_zero(), "scan_interval", "above zero")?;
        rule(
            !self.shard_sync_interval.is_zero(),
            "shard_sync_interval",
            "above zero",
        )?;
        rule(!self.poll_interval.is_zero(), "poll_interval", "above zero")?;
        rule(
            self.reads_per_second_max >= 1,
            "reads_per_second_max",
            "at least 1",
        )?;
        rule(
            (1..=10_000).contains(&self.records_max),
            "records_max",
            "1 to 10,000",
        )?;
        rule(self.leases_max >= 1, "leases_max", "at least 1")?;
        let named = self.worker_id.as_ref().is_none_or(|id| !id.is_empty());
        rule(named, "worker_id", "not empty")?;
        rule(
            self.parallel_keys_max >= 1,
            "parallel_keys_max",
            "at least 1",
        )?;
        let pace = match self.checkpoint_policy {
            CheckpointPolicy::Every(interval) => !interval.is_zero(),
            CheckpointPolicy::EveryRecords(records) => records > 0,
            CheckpointPolicy::AfterBatch | CheckpointPolicy::Manual => true,
        };
        rule(pace, "checkpoints", "every so often, above zero")?;
        rule(
            self.failure_policy.is_in_bounds(),
            "on_failure",
            "after at least one attempt, with a first pause above zero and not above the longest",
        )
    }

    pub(crate) fn renews_every(&self) -> Duration {
        self.renew_interval.unwrap_or(self.failover_time / 3)
    }

    pub(crate) fn scans_every(&self) -> Duration {
        let default = (self.failover_time / 4).min(SCAN_INTERVAL_MAX);
        self.scan_interval.unwrap_or(default)
    }

    /// None of the leases of a worker that leads and lives stands still for so long.
    pub(crate) fn leader_quiet_after(&self) -> Duration {
        (self.scans_every() * LEADER_QUIET_LOOKS).min(self.failover_time)
    }

    /// How long a lease lasts for its holder after a write, by its own clock.
    ///
    /// Less than others wait, by theirs: one of the two clocks may go faster. A twentieth is more than clocks that work
    /// differ by; it leaves room for two renewals that fail.
    pub(crate) fn lease_term(&self) -> Duration {
        self.failover_time - self.failover_time / 20
    }

    /// How long one call to the lease table or the stream may take.
    ///
    /// A third of the failover time, so that a call that hangs leaves room for another one before the lease ends.
    pub(crate) fn call_timeout(&self) -> Duration {
        self.failover_time / 3
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn defaults_are_in_bounds() {
        assert_eq!(Settings::default().check(), Ok(()));
    }

    /// The holder's clock goes 2 % too slow, that of who waits for the lease 2 % too fast.
    #[test]
    fn a_lease_ends_for_its_holder_first_though_clocks_differ() {
        for failover_time in [Duration::from_millis(100), Duration::from_secs(10)] {
            let settings = Settings::new().failover_time(failover_time);
            let held_for = settings.lease_term() * 102 / 100;
            let waited_for = failover_time * 98 / 100;
            assert!(held_for < waited_for, "{held_for:?} {waited_for:?}");
        }
    }

    /// A look that sees its last sign of life, the time in which there should have been another, and the calls.
    #[test]
    fn a_leader_is_replaced_within_five_seconds_whatever_the_failover_time() {
        for failover_secs in [1, 10, 120] {
            let settings = Settings::new().failover_time(Duration::from_secs(failover_secs));
            let calls = Duration::from_secs(1);
            let replaced = settings.scans_every() + settings.leader_quiet_after() + calls;
            assert!(replaced <= Duration::from_secs(5), "{replaced:?}");
        }
    }

    #[test]
    fn a_setting_out_of_its_bounds_is_named() {
        let seconds = Duration::from_secs;
        let refused = [
            Settings::new().renew_interval(seconds(6)),
            Settings::new().checkpoints(CheckpointPolicy::EveryRecords(0)),
            Settings::new().on_failure(FailurePolicy::halt_after(0)),
            Settings::new().on_failure(FailurePolicy::default().pauses(seconds(2), seconds(1))),
            Settings::new().parallel_keys_max(0),
        ];
        let names = refused.map(|settings| settings.check().unwrap_err().name);
        assert_eq!(
            names,
            [
                "renew_interval",
                "checkpoints",
                "on_failure",
                "on_failure",
                "parallel_keys_max"
            ]
        );
    }
}
