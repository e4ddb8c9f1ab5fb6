//! When a shard is read next: a decision without I/O.

use std::collections::VecDeque;
use std::time::Duration;

use tokio::time::Instant;

/// Pause after a read that found nothing though the tip is not reached; such reads come in long rows on sparse shards.
const EMPTY_BEHIND: Duration = Duration::from_millis(50);
const FAILURE_MIN: Duration = Duration::from_millis(200);
const FAILURE_MAX: Duration = Duration::from_secs(5);
const SECOND: Duration = Duration::from_secs(1);

/// The pace of reads from one shard.
#[derive(Debug)]
pub(crate) struct Pacing {
    poll_interval: Duration,
    reads_per_second_max: usize,
    /// When the last reads were asked for, so many as may be in one second.
    asked_at: VecDeque<Instant>,
    failures: u32,
}

impl Pacing {
    pub(crate) fn new(poll_interval: Duration, reads_per_second_max: u32) -> Self {
        Self {
            poll_interval,
            reads_per_second_max: usize::try_from(reads_per_second_max).unwrap_or(usize::MAX),
            asked_at: VecDeque::new(),
            failures: 0,
        }
    }

    /// A read is asked for.
    pub(crate) fn ask(&mut self, now: Instant) {
        if self.asked_at.len() >= self.reads_per_second_max {
            self.asked_at.pop_front();
        }
        self.asked_at.push_back(now);
    }

    /// Earlier than this, a read would be one too many in a second.
    pub(crate) fn earliest(&self) -> Option<Instant> {
        let first = self.asked_at.front()?;
        (self.asked_at.len() >= self.reads_per_second_max).then(|| *first + SECOND)
    }

    /// The pause after a read: none while the shard is behind, the poll interval at its tip.
    pub(crate) fn after_answer(&mut self, records: usize, millis_behind_latest: u64) -> Duration {
        self.failures = 0;
        match (millis_behind_latest, records) {
            (0, _) => self.poll_interval,
            (_, 0) => EMPTY_BEHIND.min(self.poll_interval),
            _ => Duration::ZERO,
        }
    }

    /// Failures since the last answer.
    pub(crate) fn failures(&self) -> u32 {
        self.failures
    }

    /// The pause after a failure or a refusal: doubles up to 5 s. `jitter` is 0 to 1; a larger one waits longer.
    pub(crate) fn after_failure(&mut self, jitter: f64) -> Duration {
        let full = FAILURE_MIN
            .saturating_mul(1 << self.failures.min(10))
            .min(FAILURE_MAX);
        self.failures = self.failures.saturating_add(1);
        full.mul_f64(0.5 + 0.5 * jitter.clamp(0.0, 1.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const POLL: Duration = Duration::from_secs(1);

    #[test]
    fn waits_at_the_tip_only() {
        let mut pacing = Pacing::new(POLL, 5);
        assert_eq!(pacing.after_answer(5, 0), POLL);
        assert_eq!(pacing.after_answer(0, 0), POLL);
        assert_eq!(pacing.after_answer(5, 1), Duration::ZERO);
        assert_eq!(pacing.after_answer(0, 1), EMPTY_BEHIND);
    }

    #[test]
    fn failures_back_off_until_the_next_answer() {
        let mut pacing = Pacing::new(POLL, 5);
        let pauses: Vec<_> = (0..8)
            .map(|_| pacing.after_failure(1.0).as_millis())
            .collect();
        assert_eq!(pauses, [200, 400, 800, 1600, 3200, 5000, 5000, 5000]);
        pacing.after_answer(0, 0);
        assert_eq!(pacing.after_failure(0.0).as_millis(), 100);
    }

    #[test]
    fn no_second_has_more_reads_than_the_service_allows() {
        let (mut pacing, start) = (Pacing::new(POLL, 5), Instant::now());
        let mut reads = Vec::new();
        let mut now = start;
        for read in 0..40 {
            now = now.max(pacing.earliest().unwrap_or(now));
            pacing.ask(now);
            reads.push(now);
            now += Duration::from_millis(read % 7 * 30);
        }
        assert_eq!(reads[4].max(start), reads[4]);
        assert!(reads[4] < start + SECOND, "a burst need not wait");
        assert!(reads.windows(6).all(|six| six[5] - six[0] >= SECOND));
    }
}
