//! Settings of a consumer.

use std::num::NonZeroU32;
use std::time::Duration;

use millstream_types::TimestampMs;

use crate::Checkpoint;

/// Where an application starts on shards that it has never seen.
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
    /// At the first record that arrived at or after this moment.
    AtTimestamp(TimestampMs),
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

/// What happens when a processor's method fails. A failed batch is never skipped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FailurePolicy {
    /// Try again for ever, after a pause that doubles from `pause_min` to `pause_max`. The other shards go on.
    Retry {
        /// First pause. Above zero.
        pause_min: Duration,
        /// Longest pause. At least `pause_min`.
        pause_max: Duration,
    },
    /// Try `attempts` times in all with the same pauses, then stop this worker in good order with
    /// [`ConsumerError::Halted`](crate::ConsumerError::Halted). Other workers take the shard over and meet the
    /// same record.
    Halt {
        /// Calls in all.
        attempts: NonZeroU32,
        /// First pause. Above zero.
        pause_min: Duration,
        /// Longest pause. At least `pause_min`.
        pause_max: Duration,
    },
}

impl Default for FailurePolicy {
    fn default() -> Self {
        Self::Retry {
            pause_min: Duration::from_millis(100),
            pause_max: Duration::from_secs(10),
        }
    }
}

impl FailurePolicy {
    /// The pause before the next call after `failures` calls have failed; `None` if that was enough.
    pub(crate) fn pause_after(&self, failures: u32) -> Option<Duration> {
        let (attempts, pause_min, pause_max) = match *self {
            Self::Retry {
                pause_min,
                pause_max,
            } => (None, pause_min, pause_max),
            Self::Halt {
                attempts,
                pause_min,
                pause_max,
            } => (Some(attempts.get()), pause_min, pause_max),
        };
        if attempts.is_some_and(|attempts| failures >= attempts) {
            return None;
        }
        let doublings = failures.saturating_sub(1).min(20);
        Some(pause_min.saturating_mul(1 << doublings).min(pause_max))
    }

    fn pauses(&self) -> (Duration, Duration) {
        match *self {
            Self::Retry {
                pause_min,
                pause_max,
            }
            | Self::Halt {
                pause_min,
                pause_max,
                ..
            } => (pause_min, pause_max),
        }
    }
}

/// How a consumer behaves. Start from [`Settings::default`]; all of them may differ from worker to worker except
/// `failover_time` and `initial_position`, which the workers of an application should share.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// A lease that nobody renewed for so long may be taken by another worker. Default 10 s.
    ///
    /// Shorter: a dead worker is replaced sooner. Longer: a slow lease table or a pause of the process does not cost
    /// leases.
    pub failover_time: Duration,
    /// How often a lease is renewed. Default a third of the failover time; at most half of it.
    pub renew_interval: Option<Duration>,
    /// How often the lease table is read for leases to take. Default a quarter of the failover time.
    ///
    /// Shorter: new, released and expired leases are taken sooner. Longer: fewer reads of the table.
    pub scan_interval: Option<Duration>,
    /// How often one worker of the application looks for shards without a lease. Default 60 s.
    pub shard_sync_interval: Duration,
    /// Pause between reads of a shard at its tip; a shard that is behind is read on at once. Default 1 s.
    pub poll_interval: Duration,
    /// Most records of one batch, 1 to 10,000. Default 10,000.
    ///
    /// While one batch is processed, the next one is read: at most two answers of the service (10 MiB each) per
    /// shard are in memory.
    pub records_max: u32,
    /// Where to start on shards without a checkpoint. Default the oldest record.
    pub initial_position: InitialPosition,
    /// Most leases that this worker holds, at least 1. Default no limit.
    pub leases_max: usize,
    /// Who this worker is. Unique among the workers of the application: of two live workers of one id, one ends with
    /// [`ConsumerError::WorkerIdInUse`](crate::ConsumerError::WorkerIdInUse). A worker that is started again under the
    /// id of one that was killed waits for the failover time like any other. Default random.
    pub worker_id: Option<String>,
    /// How long processors may take to finish their batch when the worker stops. Default 30 s.
    pub shutdown_grace: Duration,
    /// What happens when a processor fails. Default: it is tried again for ever.
    pub failure_policy: FailurePolicy,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            failover_time: Duration::from_secs(10),
            renew_interval: None,
            scan_interval: None,
            shard_sync_interval: Duration::from_secs(60),
            poll_interval: Duration::from_secs(1),
            records_max: 10_000,
            initial_position: InitialPosition::TrimHorizon,
            leases_max: usize::MAX,
            worker_id: None,
            shutdown_grace: Duration::from_secs(30),
            failure_policy: FailurePolicy::default(),
        }
    }
}

/// A setting is out of its bounds.
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
        let renew = self.renew_interval();
        let renew_fits = !renew.is_zero() && renew <= self.failover_time / 2;
        rule(
            renew_fits,
            "renew_interval",
            "above zero and at most half of failover_time",
        )?;
        rule(
            !self.scan_interval().is_zero(),
            "scan_interval",
            "above zero",
        )?;
        rule(
            !self.shard_sync_interval.is_zero(),
            "shard_sync_interval",
            "above zero",
        )?;
        rule(!self.poll_interval.is_zero(), "poll_interval", "above zero")?;
        rule(
            (1..=10_000).contains(&self.records_max),
            "records_max",
            "1 to 10,000",
        )?;
        rule(self.leases_max >= 1, "leases_max", "at least 1")?;
        let named = self.worker_id.as_ref().is_none_or(|id| !id.is_empty());
        rule(named, "worker_id", "not empty")?;
        let (pause_min, pause_max) = self.failure_policy.pauses();
        let pauses_fit = !pause_min.is_zero() && pause_min <= pause_max;
        rule(
            pauses_fit,
            "failure_policy",
            "with a first pause above zero and not above the longest",
        )
    }

    pub(crate) fn renew_interval(&self) -> Duration {
        self.renew_interval.unwrap_or(self.failover_time / 3)
    }

    pub(crate) fn scan_interval(&self) -> Duration {
        self.scan_interval.unwrap_or(self.failover_time / 4)
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

    #[test]
    fn a_renewal_that_comes_too_late_is_refused() {
        let settings = Settings {
            renew_interval: Some(Duration::from_secs(6)),
            ..Settings::default()
        };
        assert_eq!(settings.check().unwrap_err().name, "renew_interval");
    }

    #[test]
    fn pauses_double_up_to_the_longest_and_attempts_run_out() {
        let policy = FailurePolicy::Halt {
            attempts: NonZeroU32::new(4).unwrap(),
            pause_min: Duration::from_secs(1),
            pause_max: Duration::from_secs(3),
        };
        let pauses: Vec<_> = (1..=4)
            .map(|failures| policy.pause_after(failures).map(|pause| pause.as_secs()))
            .collect();
        assert_eq!(pauses, [Some(1), Some(2), Some(3), None]);
        assert_eq!(
            FailurePolicy::default().pause_after(u32::MAX),
            Some(Duration::from_secs(10))
        );
    }
}
