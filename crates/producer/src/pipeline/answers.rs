//! What an answer means for the records of its call.

use std::sync::Arc;
use std::time::Duration;

use super::collecting::wrong_shard;
use super::{Landed, Pipeline, Sent};
use crate::kinesis_record::KinesisRecord;
use crate::metrics::{Measure, Metric};
use crate::{Attempt, AttemptError, CallError, CallErrorKind, PutAnswer, PutErrorKind};

const THROTTLED: &str = "ProvisionedThroughputExceededException";

impl<T> Pipeline<T> {
    /// Takes the answer of a call.
    pub(crate) fn answered(
        &mut self,
        now: Duration,
        call_id: u64,
        result: Result<Vec<PutAnswer>, CallError>,
    ) {
        let Some(call) = self.calls.remove(&call_id) else {
            return;
        };
        let sent_at = call.sent_at;
        self.measure_call(now, sent_at, &call.records);
        match result {
            Ok(answers) if answers.len() == call.records.len() => {
                // From the last to the first: what is put before the rest again keeps its order.
                for (sent, answer) in call.records.into_iter().zip(answers).rev() {
                    self.one_answered(now, sent_at, sent, answer);
                }
            }
            Ok(answers) => {
                let error = CallError {
                    kind: CallErrorKind::Unknown,
                    code: "Record Count Mismatch".to_owned(),
                    message: format!(
                        "{} records were sent, but {} were answered",
                        call.records.len(),
                        answers.len()
                    ),
                };
                self.all_failed(now, sent_at, call.records, &error);
            }
            Err(error) => self.all_failed(now, sent_at, call.records, &error),
        }
    }

    fn one_answered(
        &mut self,
        now: Duration,
        sent_at: Duration,
        mut sent: Sent<T>,
        answer: PutAnswer,
    ) {
        match answer {
            PutAnswer::Stored {
                shard_id,
                sequence_number,
            } => {
                note_attempt(&mut sent.record, now, sent_at, None);
                let is_as_predicted = sent
                    .shard_id
                    .as_ref()
                    .is_some_and(|predicted| **predicted == *shard_id);
                let shard_id = match &sent.shard_id {
                    Some(predicted) if is_as_predicted => Arc::clone(predicted),
                    _ => shard_id.into(),
                };
                if !is_as_predicted {
                    self.listing.want();
                }
                // A record that its own hash key placed is in its shard, whichever that is.
                if is_as_predicted || !sent.record.is_aggregate() {
                    self.stored(sent, &shard_id, sequence_number);
                } else {
                    let landed = Landed {
                        sent,
                        shard_id,
                        sequence_number,
                        listing: self.listing.next(),
                    };
                    self.judge(now, landed);
                }
            }
            PutAnswer::Refused { code, message } => {
                let is_throttled = code == THROTTLED;
                let error = AttemptError::new(code, message);
                self.note_failure(&mut sent.record, now, sent_at, error);
                if is_throttled && self.settings.fail_if_throttled {
                    self.release(sent.range);
                    self.fail(sent.record, PutErrorKind::Throttled);
                } else {
                    self.send_again(now, sent, true);
                }
            }
        }
    }

    /// Whether an aggregate landed where all of its user records belong. The KCL drops all of an aggregate of which it
    /// finds one outside of its shard.
    fn judge(&mut self, now: Duration, landed: Landed<T>) {
        let Some(range) = self.known.range(&landed.shard_id) else {
            if landed.listing <= self.listing.last() && !self.listing.is_running() {
                self.landed_wrong(now, landed);
            } else {
                self.landed.push(landed);
            }
            return;
        };
        let users = landed.sent.record.user_records();
        if users.iter().all(|user| range.contains(user.hash_key())) {
            self.stored(landed.sent, &landed.shard_id, landed.sequence_number);
        } else {
            self.landed_wrong(now, landed);
        }
    }

    /// Judges what waited for a list of the shards.
    pub(super) fn judge_landed(&mut self, now: Duration) {
        let mut landed = std::mem::take(&mut self.landed);
        landed.sort_by_key(|landed| std::cmp::Reverse(landed.sent.record.users[0].number));
        for landed in landed {
            self.judge(now, landed);
        }
    }

    fn landed_wrong(&mut self, now: Duration, landed: Landed<T>) {
        let mut sent = landed.sent;
        self.release(sent.range);
        wrong_shard(&mut sent.record, &landed.shard_id);
        self.measure_error("Wrong Shard");
        let touched = self.route_again(sent.record.take_apart());
        for index in touched {
            if self.lanes[index].shard_id == sent.shard_id {
                // The list is behind the stream: the same shard is predicted again.
                self.listing.want();
                self.pause_lane(index, now);
            }
        }
    }

    fn all_failed(
        &mut self,
        now: Duration,
        sent_at: Duration,
        records: Vec<Sent<T>>,
        error: &CallError,
    ) {
        let is_only_one = records.len() == 1;
        let why = AttemptError::new(error.code.as_str(), error.message.as_str());
        if error.code == "ResourceNotFoundException" {
            // A stream that comes back under this name has other shards.
            self.listing.want();
        }
        for mut sent in records.into_iter().rev() {
            self.note_failure(&mut sent.record, now, sent_at, why.clone());
            let last_word = match error.kind {
                CallErrorKind::Denied => Some(PutErrorKind::Refused),
                CallErrorKind::Invalid if is_only_one => Some(PutErrorKind::Refused),
                CallErrorKind::Throttled if self.settings.fail_if_throttled => {
                    Some(PutErrorKind::Throttled)
                }
                CallErrorKind::Invalid | CallErrorKind::Throttled | CallErrorKind::Unknown => None,
            };
            if let Some(kind) = last_word {
                self.release(sent.range);
                self.fail(sent.record, kind);
                continue;
            }
            sent.record.may_be_stored |= error.kind == CallErrorKind::Unknown;
            sent.record.is_alone |= error.kind == CallErrorKind::Invalid;
            self.send_again(now, sent, error.kind != CallErrorKind::Invalid);
        }
    }

    /// Puts a record before everything else of its shard, or of the shards that its shard has become.
    fn send_again(&mut self, now: Duration, sent: Sent<T>, is_paused: bool) {
        self.release(sent.range);
        let touched = match self.sent_from(sent.shard_id.as_ref(), sent.range) {
            Some(index) => {
                let mut record = sent.record;
                record.due_at = Duration::ZERO;
                self.lanes[index].push_front(std::iter::once(record), &self.settings);
                self.list_lane(index);
                vec![index]
            }
            None => self.route_again(sent.record.take_apart()),
        };
        if is_paused {
            for index in touched {
                self.pause_lane(index, now);
            }
        }
    }

    fn stored(&mut self, sent: Sent<T>, shard_id: &Arc<str>, sequence_number: String) {
        self.release(sent.range);
        if let Some(index) = self.sent_from(sent.shard_id.as_ref(), sent.range) {
            self.lanes[index].succeeded();
        }
        self.succeed(sent.record, shard_id, sequence_number);
    }

    fn note_failure(
        &mut self,
        record: &mut KinesisRecord<T>,
        now: Duration,
        sent_at: Duration,
        error: AttemptError,
    ) {
        self.measure_error(&error.code);
        note_attempt(record, now, sent_at, Some(error));
    }

    fn measure_error(&mut self, code: &str) {
        if self.measures_wanted {
            let mut by_code = Measure::of(Metric::ErrorsByCode, [1.0]);
            by_code.error_code = Some(code.into());
            self.measures
                .extend([by_code, Measure::of(Metric::AllErrors, [1.0])]);
        }
    }
}

fn note_attempt<T>(
    record: &mut KinesisRecord<T>,
    now: Duration,
    sent_at: Duration,
    error: Option<AttemptError>,
) {
    record.attempts.push(Attempt {
        delay: sent_at.saturating_sub(record.last_ended),
        duration: now.saturating_sub(sent_at),
        error,
    });
    record.last_ended = now;
}
