//! Which records go into a call, and when.

use std::sync::Arc;
use std::time::Duration;

use super::{Call, LANE_BYTES_READY, Pipeline, PutCall, Sent};
use crate::PutErrorKind;
use crate::kinesis_record::{KinesisRecord, Pending};

impl<T> Pipeline<T> {
    /// Closes aggregates that have waited long enough, ends records whose time is over, forgets empty lanes.
    pub(super) fn tidy(&mut self, now: Duration) {
        for index in std::mem::take(&mut self.listed) {
            let lane = &mut self.lanes[index];
            if lane.is_empty() {
                lane.is_listed = false;
                continue;
            }
            self.listed.push(index);
            lane.fill(now);
            if lane.closes_at() <= now {
                lane.close(&self.settings);
            }
            if lane.expires_at <= now {
                self.expire(index, now);
            }
        }
        self.expire_landed(now);
    }

    /// Ends the records of a lane whose time is over, and those that came with the oldest of their company.
    fn expire(&mut self, index: usize, now: Duration) {
        let records = self.lanes[index].drain_ready();
        let mut kept = Vec::with_capacity(records.len());
        for record in records {
            let oldest = record.oldest_arrival();
            if oldest + self.settings.record_ttl > now {
                kept.push(record);
                continue;
            }
            let until = oldest + self.settings.record_max_buffered_time;
            let until = until.max(now.saturating_sub(self.settings.record_ttl));
            let is_over = |user: &Pending<T>| user.arrived <= until;
            if record.users.iter().all(is_over) {
                self.fail(record, PutErrorKind::Expired);
                continue;
            }
            let (over, rest) = record
                .take_apart()
                .into_iter()
                .partition(|(_, user)| is_over(user));
            self.fail_apart(over, PutErrorKind::Expired);
            kept.extend(self.grouped(index, rest));
        }
        self.lanes[index].push_front(kept.into_iter(), &self.settings);
    }

    /// The next call, if there is reason for one.
    pub(super) fn collect(&mut self, now: Duration, is_pressed: bool) -> Option<PutCall> {
        let mut is_wanted = self.wants_call(now, is_pressed);
        if !is_wanted && is_pressed {
            for index in self.listed.clone() {
                self.lanes[index].close(&self.settings);
            }
            is_wanted = self.wants_call(now, true);
        }
        if !is_wanted {
            return None;
        }
        let records = self.take_records(now);
        if records.is_empty() {
            return None;
        }
        for sent in &records {
            self.hold(sent.range);
        }
        let id = self.next_call;
        self.next_call += 1;
        let entries = records.iter().map(|sent| sent.record.entry()).collect();
        self.calls.insert(
            id,
            Call {
                sent_at: now,
                records,
            },
        );
        Some(PutCall { id, entries })
    }

    /// Whether enough is ready, or something has waited long enough.
    fn wants_call(&self, now: Duration, is_pressed: bool) -> bool {
        let (mut count, mut bytes) = (0usize, 0usize);
        for index in &self.listed {
            let lane = &self.lanes[*index];
            let Some(at) = lane.sendable_at(now, &self.settings) else {
                continue;
            };
            if at > now {
                continue;
            }
            let first_due_at = lane.ready.front().map(|record| record.due_at);
            if is_pressed || first_due_at.is_some_and(|due_at| due_at <= now) {
                return true;
            }
            if lane.shard_id.is_none() {
                // As soon as the shards are known, these can be aggregated.
                continue;
            }
            let (lane_count, lane_bytes) = lane.offer(&self.settings);
            if lane_bytes >= LANE_BYTES_READY {
                return true;
            }
            count += lane_count;
            bytes += lane_bytes;
        }
        count >= self.settings.collection_max_count
            || bytes >= self.settings.collection_max_size_bytes
    }

    /// Takes what may be sent now from the lanes in turn, up to the limits of a call.
    fn take_records(&mut self, now: Duration) -> Vec<Sent<T>> {
        let mut taken: Vec<Sent<T>> = Vec::new();
        let mut bytes = 0;
        let lanes = self.listed.len();
        self.turn += 1;
        for step in 0..lanes {
            let index = self.listed[(self.turn + step) % lanes];
            let lane = &mut self.lanes[index];
            loop {
                let may_send = lane
                    .sendable_at(now, &self.settings)
                    .is_some_and(|at| at <= now);
                let first = lane.ready.front().filter(|_| may_send);
                let Some(first) = first else { break };
                if taken.len() >= self.settings.collection_max_count {
                    return taken;
                }
                let fits = bytes + first.size_bytes() <= self.settings.collection_max_size_bytes;
                if !taken.is_empty() && (!fits || first.is_alone) {
                    break;
                }
                let Some(record) = lane.pop() else { break };
                bytes += record.size_bytes();
                let is_alone = record.is_alone;
                taken.push(Sent {
                    record,
                    shard_id: lane.shard_id.as_ref().map(Arc::clone),
                    range: lane.range,
                });
                if is_alone {
                    return taken;
                }
                if self.settings.keep_order_per_key {
                    // The next one waits for the answer.
                    break;
                }
            }
        }
        taken
    }

    /// When there is something to do without an answer.
    pub(super) fn next_wake(&mut self, now: Duration) -> Duration {
        let may_send = self.calls.len() < self.settings.max_connections;
        let mut wake_at = self.listing.starts_at();
        (self.ready_count, self.ready_bytes) = (0, 0);
        for index in &self.listed {
            let lane = &self.lanes[*index];
            self.ready_count += lane.ready.len();
            self.ready_bytes += lane.ready_bytes();
            wake_at = wake_at.min(lane.closes_at()).min(lane.expires_at);
            if may_send && let Some(at) = lane.sendable_at(now, &self.settings) {
                let due_at = lane.ready.front().map_or(at, |first| first.due_at);
                wake_at = wake_at.min(at.max(due_at));
            }
        }
        for landed in &self.landed {
            let expires_at = landed.sent.record.oldest_arrival() + self.settings.record_ttl;
            wake_at = wake_at.min(expires_at);
        }
        wake_at
    }

    /// Ends records that landed in a shard which no list has told of in their time.
    fn expire_landed(&mut self, now: Duration) {
        let ttl = self.settings.record_ttl;
        let landed = std::mem::take(&mut self.landed);
        let is_over = |record: &KinesisRecord<T>| record.oldest_arrival() + ttl <= now;
        for landed in landed {
            if is_over(&landed.sent.record) {
                let mut sent = landed.sent;
                self.release(sent.range);
                wrong_shard(&mut sent.record, &landed.shard_id);
                self.fail(sent.record, PutErrorKind::Expired);
            } else {
                self.landed.push(landed);
            }
        }
    }
}

/// The last attempt stored the record where readers may pass over it.
pub(super) fn wrong_shard<T>(record: &mut KinesisRecord<T>, shard_id: &str) {
    record.may_be_stored = true;
    if let Some(last) = record.attempts.last_mut() {
        last.error = Some(crate::AttemptError::new(
            "Wrong Shard",
            format!("the record landed in {shard_id}, which does not hold all of its hash keys"),
        ));
    }
}
