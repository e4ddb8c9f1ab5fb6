//! How records end, and what is counted.

use std::sync::Arc;
use std::time::Duration;

use millstream_aggregation::UserRecord;

use super::{Pipeline, Sent, Settled};
use crate::kinesis_record::{KinesisRecord, Pending};
use crate::metrics::{Measure, Metric};
use crate::outcome::Placed;
use crate::{Attempt, Outcome, PutError, PutErrorKind};

impl<T> Pipeline<T> {
    /// A record of the stream is where it belongs.
    pub(super) fn succeed(
        &mut self,
        record: KinesisRecord<T>,
        shard_id: &Arc<str>,
        sequence_number: String,
    ) {
        self.measure_stored(&record, shard_id);
        let placed = Arc::new(Placed {
            shard_id: Arc::clone(shard_id),
            sequence_number,
            attempts: record.attempts,
        });
        for (sub_sequence_number, user) in (0..).zip(record.users) {
            let outcome = Outcome {
                placed: Arc::clone(&placed),
                sub_sequence_number,
                history: user.history,
            };
            self.settle(user.ticket, user.number, user.held_bytes, Ok(outcome));
        }
    }

    /// A record of the stream is given up.
    pub(super) fn fail(&mut self, record: KinesisRecord<T>, kind: PutErrorKind) {
        self.measure_expired(kind, record.users.len());
        let attempts: Arc<[Attempt]> = record.attempts.into();
        for user in record.users {
            let error = PutError::new(
                kind,
                record.may_be_stored,
                user.history,
                Arc::clone(&attempts),
            );
            self.settle(user.ticket, user.number, user.held_bytes, Err(error));
        }
    }

    /// User records that were taken out of their company are given up.
    pub(super) fn fail_apart(&mut self, users: Vec<(UserRecord, Pending<T>)>, kind: PutErrorKind) {
        self.measure_expired(kind, users.len());
        for (_, user) in users {
            let error = PutError::new(kind, false, user.history, Arc::new([]));
            self.settle(user.ticket, user.number, user.held_bytes, Err(error));
        }
    }

    /// Gives up everything that has no outcome: what is under way may be stored.
    pub(crate) fn abandon(&mut self) {
        self.is_closed = true;
        for index in std::mem::take(&mut self.listed) {
            let lane = &mut self.lanes[index];
            lane.is_listed = false;
            for record in lane.drain(&self.settings) {
                self.fail(record, PutErrorKind::Closed);
            }
        }
        let calls = std::mem::take(&mut self.calls).into_values();
        let called = calls.flat_map(|call| call.records);
        let landed = std::mem::take(&mut self.landed).into_iter();
        let under_way: Vec<Sent<T>> = called.chain(landed.map(|landed| landed.sent)).collect();
        for mut sent in under_way {
            sent.record.may_be_stored = true;
            self.fail(sent.record, PutErrorKind::Closed);
        }
    }

    fn settle(
        &mut self,
        ticket: T,
        number: u64,
        held_bytes: u32,
        result: Result<Outcome, PutError>,
    ) {
        let place = self.marks.partition_point(|mark| mark.below <= number);
        match self.marks.get_mut(place) {
            Some(mark) => mark.outstanding -= 1,
            None => self.outstanding -= 1,
        }
        while self.marks.front().is_some_and(|mark| mark.outstanding == 0) {
            self.marks.pop_front();
            self.marks_done += 1;
        }
        self.settled.push(Settled {
            ticket,
            held_bytes,
            result,
        });
    }

    /// What the records without an outcome take of the bound on buffered bytes.
    #[cfg(test)]
    pub(crate) fn held_bytes(&self) -> usize {
        let called = self.calls.values().flat_map(|call| &call.records);
        let landed = self.landed.iter().map(|landed| &landed.sent);
        let sent = called.chain(landed).flat_map(|sent| &sent.record.users);
        let waiting = self.lanes.iter().flat_map(|lane| lane.users());
        let users = sent.chain(waiting);
        users.map(|user| user.held_bytes as usize).sum()
    }

    /// What was measured since the last time.
    pub(crate) fn take_measures(&mut self) -> Vec<Measure> {
        let mut measures = std::mem::take(&mut self.measures);
        let received = std::mem::take(&mut self.received);
        if self.measures_wanted && received > 0 {
            let mut measure = Measure::of(Metric::UserRecordsReceived, [received as f64]);
            measure.sample_count = received;
            (measure.minimum, measure.maximum) = (1.0, 1.0);
            measures.push(measure);
        }
        if !measures.is_empty() {
            let pending = self.user_records_pending() as f64;
            measures.push(Measure::of(Metric::UserRecordsPending, [pending]));
        }
        measures
    }

    fn measure_stored(&mut self, record: &KinesisRecord<T>, shard_id: &Arc<str>) {
        if !self.measures_wanted {
            return;
        }
        let users = record.users.len() as f64;
        let retries = record.attempts.len().saturating_sub(1) as f64;
        let first_sent = record.first_sent();
        let buffered = record
            .users
            .iter()
            .map(|user| milliseconds(first_sent.saturating_sub(user.arrived)));
        let measures = [
            Measure::of(Metric::UserRecordsPut, [users]),
            Measure::of(Metric::UserRecordsDataPut, [record.data_bytes() as f64]),
            Measure::of(Metric::KinesisRecordsPut, [1.0]),
            Measure::of(Metric::KinesisRecordsDataPut, [record.size_bytes() as f64]),
            Measure::of(Metric::UserRecordsPerKinesisRecord, [users]),
            Measure::of(
                Metric::RetriesPerRecord,
                record.users.iter().map(|_| retries),
            ),
            Measure::of(Metric::BufferingTime, buffered),
        ];
        self.measures
            .extend(measures.map(|measure| measure.on(shard_id)));
    }

    fn measure_expired(&mut self, kind: PutErrorKind, users: usize) {
        if self.measures_wanted && kind == PutErrorKind::Expired {
            self.measures
                .push(Measure::of(Metric::UserRecordExpired, [users as f64]));
        }
    }

    pub(super) fn measure_call(&mut self, now: Duration, sent_at: Duration, records: &[Sent<T>]) {
        if !self.measures_wanted {
            return;
        }
        let users: usize = records.iter().map(|sent| sent.record.users.len()).sum();
        let took = milliseconds(now.saturating_sub(sent_at));
        self.measures.extend([
            Measure::of(Metric::RequestTime, [took]),
            Measure::of(
                Metric::KinesisRecordsPerPutRecordsRequest,
                [records.len() as f64],
            ),
            Measure::of(Metric::UserRecordsPerPutRecordsRequest, [users as f64]),
        ]);
    }
}

fn milliseconds(time: Duration) -> f64 {
    time.as_secs_f64() * 1000.0
}
