//! What happens when a handler fails and does not say itself what is to become of it.

use std::time::Duration;

const PAUSE_MIN: Duration = Duration::from_millis(100);
const PAUSE_MAX: Duration = Duration::from_secs(10);

/// What happens when a handler fails. A record that failed is never skipped.
///
/// Between two tries there is a pause, which doubles from the first to the longest one: 100 ms to 10 s unless
/// [`pauses`](Self::pauses) says otherwise. The other shards go on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FailurePolicy {
    attempts_max: Option<u32>,
    last_resort: LastResort,
    pause_min: Duration,
    pause_max: Duration,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum LastResort {
    Halt,
    Park,
}

/// What to do after a failure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Decision {
    TryAgainAfter(Duration),
    Halt,
    Park,
}

impl Default for FailurePolicy {
    fn default() -> Self {
        Self::retry()
    }
}

impl FailurePolicy {
    /// Try again for ever. The default.
    pub const fn retry() -> Self {
        Self {
            attempts_max: None,
            last_resort: LastResort::Halt,
            pause_min: PAUSE_MIN,
            pause_max: PAUSE_MAX,
        }
    }

    /// Try `attempts` times in all, at least 1, then stop this worker in good order with
    /// [`ConsumerError::Halted`](crate::ConsumerError::Halted). Other workers take the shard over and meet the same
    /// record.
    pub const fn halt_after(attempts: u32) -> Self {
        Self {
            attempts_max: Some(attempts),
            ..Self::retry()
        }
    }

    /// Try `attempts` times in all, at least 1, then put the record on the dead letters
    /// ([`ConsumerBuilder::dead_letter_stream`](crate::ConsumerBuilder::dead_letter_stream)), with the cause and the
    /// count, and go on.
    ///
    /// A batch that failed as a whole so often is handed out again record by record, so that only those are parked
    /// that fail alone. Hooks, which have no record to park, are tried for ever.
    pub const fn park_after(attempts: u32) -> Self {
        Self {
            attempts_max: Some(attempts),
            last_resort: LastResort::Park,
            ..Self::retry()
        }
    }

    /// The first pause, above zero, and the longest one.
    pub const fn pauses(mut self, first: Duration, longest: Duration) -> Self {
        self.pause_min = first;
        self.pause_max = longest;
        self
    }

    pub(crate) fn parks(&self) -> bool {
        self.last_resort == LastResort::Park
    }

    pub(crate) fn is_in_bounds(&self) -> bool {
        self.attempts_max != Some(0)
            && !self.pause_min.is_zero()
            && self.pause_min <= self.pause_max
    }

    /// What to do once `failures` tries have failed.
    pub(crate) fn after(&self, failures: u32) -> Decision {
        if self.attempts_max.is_some_and(|max| failures >= max) {
            return match self.last_resort {
                LastResort::Halt => Decision::Halt,
                LastResort::Park => Decision::Park,
            };
        }
        Decision::TryAgainAfter(self.pause(failures))
    }

    /// The pause before the next try.
    pub(crate) fn pause(&self, failures: u32) -> Duration {
        let doublings = failures.saturating_sub(1).min(20);
        self.pause_min
            .saturating_mul(1 << doublings)
            .min(self.pause_max)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_up_to_the_longest_and_attempts_run_out() {
        let seconds = Duration::from_secs;
        let policy = FailurePolicy::halt_after(4).pauses(seconds(1), seconds(3));
        let decisions: Vec<_> = (1..=4).map(|failures| policy.after(failures)).collect();
        let again = |pause| Decision::TryAgainAfter(seconds(pause));
        assert_eq!(decisions, [again(1), again(2), again(3), Decision::Halt]);
        assert_eq!(FailurePolicy::park_after(1).after(1), Decision::Park);
        assert_eq!(FailurePolicy::default().after(u32::MAX), again(10));
    }
}
