//! The records of one batch on their way to an outcome: decisions without I/O.
//!
//! A record is open until it is done or parked. What is open is handed out again, in order; the checkpoint may go to
//! the last record before the first open one, whatever is finished behind it.

use std::time::Duration;

use crate::outcome::{Verdict, in_one_line};
use crate::record_batch::Note;
use crate::settings::Decision;
use crate::{BoxError, ExtendedSequenceNumber, Failure, FailurePolicy, Record, RecordBatch};

#[derive(Debug)]
pub(crate) struct InHand {
    whole: RecordBatch,
    states: Vec<State>,
    /// All records before this index are finished.
    finished_up_to: usize,
    failures_of_whole: u32,
    /// The batch failed as a whole so often that each record has to show whether it was the one.
    one_by_one: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Open { failures: u32 },
    Finished,
}

/// What is handed out for one try.
#[derive(Debug)]
pub(crate) struct HandOut {
    pub(crate) batch: RecordBatch,
    /// In the whole batch; `None` for all of it.
    indices: Option<Vec<usize>>,
}

/// What a try has led to.
#[derive(Debug, Default)]
pub(crate) struct Verdicts {
    /// To be put on the dead letters, and then [finished](InHand::finish).
    pub(crate) park: Vec<Parking>,
    /// After that, the worker stops with this error.
    pub(crate) halt: Option<BoxError>,
    /// Before the next try.
    pub(crate) pause: Duration,
    /// Most failures of any record that failed now.
    pub(crate) failures: u32,
    /// One of the causes.
    pub(crate) error: Option<String>,
}

#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Parking {
    pub(crate) index: usize,
    /// Tries that failed.
    pub(crate) failures: u32,
    pub(crate) cause: String,
}

impl InHand {
    pub(crate) fn new(whole: RecordBatch) -> Self {
        Self {
            states: vec![State::Open { failures: 0 }; whole.records().len()],
            whole,
            finished_up_to: 0,
            failures_of_whole: 0,
            one_by_one: false,
        }
    }

    pub(crate) fn record(&self, index: usize) -> &Record {
        &self.whole.records()[index]
    }

    pub(crate) fn is_finished(&self) -> bool {
        self.finished_up_to == self.states.len()
    }

    /// Bytes of data of all its records.
    pub(crate) fn data_bytes(&self) -> usize {
        let records = self.whole.records().iter();
        records.map(|record| record.data.len()).sum()
    }

    /// Records that are done or parked, and behind none that is open.
    pub(crate) fn finished(&self) -> u64 {
        self.finished_up_to as u64
    }

    /// The last record before the first open one.
    pub(crate) fn watermark(&self) -> Option<&ExtendedSequenceNumber> {
        let last = self.finished_up_to.checked_sub(1)?;
        Some(&self.whole.records()[last].place)
    }

    /// What is open, in order; a single record once the batch has failed as a whole too often.
    pub(crate) fn hand_out(&self) -> HandOut {
        let is_open = |state: &State| matches!(state, State::Open { .. });
        if !self.one_by_one && self.states.iter().all(is_open) {
            return HandOut {
                batch: self.whole.clone(),
                indices: None,
            };
        }
        let open = (0..self.states.len()).filter(|index| is_open(&self.states[*index]));
        let some_max = if self.one_by_one { 1 } else { usize::MAX };
        let indices: Vec<usize> = open.take(some_max).collect();
        HandOut {
            batch: self.whole.part(&indices),
            indices: Some(indices),
        }
    }

    /// The record is parked, or done.
    pub(crate) fn finish(&mut self, index: usize) {
        self.states[index] = State::Finished;
        while self.states.get(self.finished_up_to) == Some(&State::Finished) {
            self.finished_up_to += 1;
        }
    }

    /// The try was cut short: only what the handler noted counts.
    pub(crate) fn interrupted(&mut self, handed: &HandOut) {
        for (at, note) in handed.batch.take_notes().into_iter().enumerate() {
            if matches!(note, Some(Note::Done)) {
                self.finish(handed.index(at));
            }
        }
    }

    /// Takes the result of a try.
    pub(crate) fn judge(
        &mut self,
        handed: &HandOut,
        result: Result<(), Failure>,
        policy: &FailurePolicy,
    ) -> Verdicts {
        let mut notes = handed.batch.take_notes();
        let count = handed.batch.records().len();
        notes.resize_with(count, || None);
        let mut verdicts = Verdicts::default();
        let mut unsaid = Vec::new();
        for (at, note) in notes.into_iter().enumerate() {
            let index = handed.index(at);
            match note {
                None => unsaid.push(index),
                Some(Note::Done) => self.finish(index),
                Some(Note::Later) => {}
                Some(Note::Failed(failure)) => {
                    self.record_failed(index, failure, policy, &mut verdicts);
                }
            }
        }
        match result {
            Ok(()) => unsaid.into_iter().for_each(|index| self.finish(index)),
            Err(failure) => self.batch_failed(&unsaid, failure, policy, &mut verdicts),
        }
        verdicts
    }

    /// `unsaid` are the records of which nothing was noted.
    fn batch_failed(
        &mut self,
        unsaid: &[usize],
        failure: Failure,
        policy: &FailurePolicy,
        verdicts: &mut Verdicts,
    ) {
        if let Some(at) = failure.at.clone() {
            for index in unsaid {
                if self.record(*index).place < at {
                    self.finish(*index);
                }
            }
            let failed = unsaid.iter().find(|index| self.record(**index).place == at);
            if let Some(index) = failed {
                self.record_failed(*index, failure, policy, verdicts);
            }
            return;
        }
        match unsaid {
            // Everything else was noted; but an error is never passed over.
            [] => verdicts.note(1, policy.pause(1), &failure),
            [index] => self.record_failed(*index, failure, policy, verdicts),
            _ => self.whole_failed(unsaid, failure, policy, verdicts),
        }
    }

    fn record_failed(
        &mut self,
        index: usize,
        failure: Failure,
        policy: &FailurePolicy,
        verdicts: &mut Verdicts,
    ) {
        let State::Open { failures } = &mut self.states[index] else {
            return;
        };
        *failures = failures.saturating_add(1);
        let failures = *failures;
        match decide(&failure, failures, policy) {
            Decision::TryAgainAfter(pause) => verdicts.note(failures, pause, &failure),
            Decision::Park => {
                let cause = in_one_line(&*failure.cause);
                verdicts.note(failures, Duration::ZERO, &failure);
                verdicts.park.push(Parking {
                    index,
                    failures,
                    cause,
                });
            }
            Decision::Halt => {
                verdicts.note(failures, Duration::ZERO, &failure);
                verdicts.halt.get_or_insert(failure.cause);
            }
        }
    }

    fn whole_failed(
        &mut self,
        unsaid: &[usize],
        failure: Failure,
        policy: &FailurePolicy,
        verdicts: &mut Verdicts,
    ) {
        self.failures_of_whole = self.failures_of_whole.saturating_add(1);
        let failures = self.failures_of_whole;
        match decide(&failure, failures, policy) {
            Decision::TryAgainAfter(pause) => verdicts.note(failures, pause, &failure),
            Decision::Park if failure.verdict == Verdict::Park => {
                let cause = in_one_line(&*failure.cause);
                verdicts.note(failures, Duration::ZERO, &failure);
                verdicts.park.extend(unsaid.iter().map(|index| Parking {
                    index: *index,
                    failures,
                    cause: cause.clone(),
                }));
            }
            Decision::Park => {
                self.one_by_one = true;
                verdicts.note(failures, policy.pause(failures), &failure);
            }
            Decision::Halt => {
                verdicts.note(failures, Duration::ZERO, &failure);
                verdicts.halt.get_or_insert(failure.cause);
            }
        }
    }
}

fn decide(failure: &Failure, failures: u32, policy: &FailurePolicy) -> Decision {
    match failure.verdict {
        Verdict::Policy => policy.after(failures),
        Verdict::RetryAfter(pause) => Decision::TryAgainAfter(pause),
        Verdict::Park => Decision::Park,
        Verdict::Halt => Decision::Halt,
    }
}

impl HandOut {
    fn index(&self, at: usize) -> usize {
        self.indices.as_ref().map_or(at, |indices| indices[at])
    }
}

impl Verdicts {
    fn note(&mut self, failures: u32, pause: Duration, failure: &Failure) {
        self.failures = self.failures.max(failures);
        self.pause = self.pause.max(pause);
        self.error
            .get_or_insert_with(|| in_one_line(&*failure.cause));
    }
}

#[cfg(test)]
mod tests;
