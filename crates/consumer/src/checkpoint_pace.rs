//! When what is done is checkpointed: decisions without I/O.

use std::time::Duration;

use tokio::time::Instant;

use crate::{CheckpointPolicy, ExtendedSequenceNumber};

/// Pause before a checkpoint that could not be stored is tried again.
const AGAIN: Duration = Duration::from_secs(1);

/// What is done and not stored yet.
#[derive(Debug)]
pub(crate) struct CheckpointPace {
    policy: CheckpointPolicy,
    /// The last record before the first unfinished one, if it is not stored.
    done: Option<ExtendedSequenceNumber>,
    /// Records done since the last checkpoint.
    records: u64,
    stored_at: Instant,
    not_before: Option<Instant>,
}

impl CheckpointPace {
    pub(crate) fn new(policy: CheckpointPolicy, now: Instant) -> Self {
        Self {
            policy,
            done: None,
            records: 0,
            stored_at: now,
            not_before: None,
        }
    }

    /// So many more records are done, all up to `place`.
    pub(crate) fn note_done(&mut self, place: &ExtendedSequenceNumber, records: u64) {
        if records > 0 && self.policy != CheckpointPolicy::Manual {
            self.done = Some(place.clone());
            self.records += records;
        }
    }

    /// What must be stored now.
    pub(crate) fn due(&self, now: Instant) -> Option<&ExtendedSequenceNumber> {
        self.done
            .as_ref()
            .filter(|_| self.due_at().is_some_and(|at| at <= now))
    }

    /// When something must be stored, if nothing else is done until then.
    pub(crate) fn due_at(&self) -> Option<Instant> {
        self.done.as_ref()?;
        let at = match self.policy {
            CheckpointPolicy::Manual => return None,
            CheckpointPolicy::AfterBatch => self.stored_at,
            CheckpointPolicy::Every(interval) => self.stored_at + interval,
            CheckpointPolicy::EveryRecords(records) if self.records >= records => self.stored_at,
            CheckpointPolicy::EveryRecords(_) => return None,
        };
        Some(self.not_before.map_or(at, |not_before| at.max(not_before)))
    }

    /// What must be stored before the lease goes.
    pub(crate) fn rest(&self) -> Option<&ExtendedSequenceNumber> {
        self.done.as_ref()
    }

    /// Everything up to `place` is stored.
    pub(crate) fn stored(&mut self, place: &ExtendedSequenceNumber, now: Instant) {
        if self.done.as_ref().is_some_and(|done| done <= place) {
            self.done = None;
        }
        self.records = 0;
        self.stored_at = now;
        self.not_before = None;
    }

    /// The checkpoint could not be stored.
    pub(crate) fn failed(&mut self, now: Instant) {
        self.not_before = Some(now + AGAIN);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(number: u64) -> ExtendedSequenceNumber {
        ExtendedSequenceNumber::new(&number.to_string(), 0).unwrap()
    }

    #[test]
    fn each_policy_has_its_moment() {
        let start = Instant::now();
        let second = Duration::from_secs(1);
        let after = |policy, records, passed| {
            let mut pace = CheckpointPace::new(policy, start);
            pace.note_done(&place(9), records);
            pace.due(start + passed).is_some()
        };
        assert!(after(CheckpointPolicy::AfterBatch, 1, Duration::ZERO));
        assert!(!after(CheckpointPolicy::AfterBatch, 0, second));
        assert!(!after(CheckpointPolicy::Every(second * 2), 1, second));
        assert!(after(CheckpointPolicy::Every(second * 2), 1, second * 2));
        assert!(!after(CheckpointPolicy::EveryRecords(5), 4, second));
        assert!(after(CheckpointPolicy::EveryRecords(5), 5, Duration::ZERO));
        assert!(!after(CheckpointPolicy::Manual, 1000, second * 1000));
    }

    #[test]
    fn a_checkpoint_that_fails_is_tried_again_and_what_is_left_goes_at_the_end() {
        let start = Instant::now();
        let mut pace = CheckpointPace::new(CheckpointPolicy::AfterBatch, start);
        pace.note_done(&place(3), 1);
        pace.failed(start);
        assert_eq!(pace.due(start), None);
        assert_eq!(pace.due(start + AGAIN), Some(&place(3)));
        pace.note_done(&place(4), 1);
        pace.stored(&place(3), start + AGAIN);
        assert_eq!(pace.rest(), Some(&place(4)));
        pace.stored(&place(4), start + AGAIN);
        assert_eq!((pace.rest(), pace.due_at()), (None, None));
    }
}
