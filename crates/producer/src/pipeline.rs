//! The producer's decisions: a state machine without I/O and without a clock.
//!
//! ```text
//! put ─▶ lane of the predicted shard ─▶ aggregate ─▶ pace ─▶ collect ─▶ PutRecords ─▶ outcome
//!          ▲                                          ▲                     │
//!          └── taken apart: landed in the wrong shard ┴── as it is: failed ─┘
//! ```
//!
//! Whoever drives it tells it the time, sends the calls that [`poll`](Pipeline::poll) asks for, brings their answers, and
//! hands out what it has settled. Times are durations since any one moment.

mod answers;
mod collecting;
mod listing;
mod routing;
mod settling;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use millstream_aggregation::UserRecord;
use millstream_types::{HashKey, HashKeyRange};
use rand::SeedableRng;
use rand::rngs::StdRng;

use self::listing::Listing;
use crate::kinesis_record::{KinesisRecord, Pending};
use crate::lane::Lane;
use crate::shard_map::KnownShards;
use crate::{Measure, Outcome, PutEntry, PutError, Settings};

/// So many ready bytes of one shard end the wait for company.
const LANE_BYTES_READY: usize = 256 * 1024;

/// A PutRecords call to be made.
#[derive(Debug)]
pub(crate) struct PutCall {
    pub(crate) id: u64,
    pub(crate) entries: Vec<PutEntry>,
}

/// What is to be done now.
#[derive(Debug)]
pub(crate) struct Step {
    pub(crate) calls: Vec<PutCall>,
    pub(crate) list_shards: bool,
    /// When to poll again at the latest, if nothing else happens.
    pub(crate) wake_at: Duration,
}

/// A record's end.
#[derive(Debug)]
pub(crate) struct Settled<T> {
    pub(crate) ticket: T,
    pub(crate) held_bytes: u32,
    pub(crate) result: Result<Outcome, PutError>,
}

/// A record of the stream under way.
#[derive(Debug)]
struct Sent<T> {
    record: KinesisRecord<T>,
    /// The shard that it was sent to, as far as known.
    shard_id: Option<Arc<str>>,
    range: HashKeyRange,
}

#[derive(Debug)]
struct Call<T> {
    sent_at: Duration,
    records: Vec<Sent<T>>,
}

/// A record that is stored in a shard whose range is not known yet.
#[derive(Debug)]
struct Landed<T> {
    sent: Sent<T>,
    shard_id: Arc<str>,
    sequence_number: String,
    /// The first listing that must know the shard.
    listing: u64,
}

/// A flush: how many records before it have no outcome.
#[derive(Debug)]
struct Mark {
    below: u64,
    outstanding: usize,
}

/// See the [module](self). `T` is what an outcome is handed to.
#[derive(Debug)]
pub(crate) struct Pipeline<T> {
    settings: Settings,
    rng: StdRng,
    measures_wanted: bool,
    /// In the order of their ranges, which tile the hash keys.
    lanes: Vec<Lane<T>>,
    /// Indices of lanes in which something waits, and of some that are empty by now.
    listed: Vec<usize>,
    /// Where the next call begins to take records.
    turn: usize,
    known: KnownShards,
    listing: Listing,
    /// A flush waits for the first list.
    hurries_when_listed: bool,
    calls: BTreeMap<u64, Call<T>>,
    next_call: u64,
    landed: Vec<Landed<T>>,
    next_number: u64,
    marks: VecDeque<Mark>,
    marks_done: u64,
    /// Records after the last mark that have no outcome.
    outstanding: usize,
    received: u64,
    settled: Vec<Settled<T>>,
    measures: Vec<Measure>,
    /// Ready records and bytes since the last poll, and those that it left.
    ready_count: usize,
    ready_bytes: usize,
    wake_at: Duration,
    is_closed: bool,
}

impl<T> Pipeline<T> {
    /// An empty one. `settings` are checked.
    pub(crate) fn new(settings: Settings, seed: u64, measures_wanted: bool) -> Self {
        Self {
            settings,
            rng: StdRng::seed_from_u64(seed),
            measures_wanted,
            lanes: vec![Lane::unmapped()],
            listed: Vec::new(),
            turn: 0,
            known: KnownShards::default(),
            listing: Listing::default(),
            hurries_when_listed: false,
            calls: BTreeMap::new(),
            next_call: 0,
            landed: Vec::new(),
            next_number: 0,
            marks: VecDeque::new(),
            marks_done: 0,
            outstanding: 0,
            received: 0,
            settled: Vec::new(),
            measures: Vec::new(),
            ready_count: 0,
            ready_bytes: 0,
            wake_at: Duration::MAX,
            is_closed: false,
        }
    }

    /// Takes a record, whose `hash_key` is given because it takes time to find. Returns whether to poll now; the record
    /// comes back after [`close`](Self::close).
    pub(crate) fn put(
        &mut self,
        now: Duration,
        user: UserRecord,
        hash_key: HashKey,
        held_bytes: u32,
        ticket: T,
    ) -> Result<bool, UserRecord> {
        if self.is_closed {
            return Err(user);
        }
        let pending = Pending {
            ticket,
            number: self.next_number,
            arrived: now,
            held_bytes,
            history: None,
        };
        self.next_number += 1;
        self.outstanding += 1;
        self.received += 1;
        let index = self.lane_of(hash_key);
        self.list_lane(index);
        let lane = &mut self.lanes[index];
        let bytes_before = lane.ready_bytes();
        let mut wake = false;
        if lane.push(user, pending, &self.settings) {
            self.ready_count += 1;
            self.ready_bytes += lane.ready_bytes() - bytes_before;
            let waits_for_nothing = self.settings.keep_order_per_key && lane.under_way == 0;
            wake = waits_for_nothing
                || lane.ready_bytes() >= LANE_BYTES_READY
                || self.ready_count >= self.settings.collection_max_count
                || self.ready_bytes >= self.settings.collection_max_size_bytes;
        }
        let deadline = now + self.settings.record_max_buffered_time;
        if deadline < self.wake_at {
            self.wake_at = deadline;
            wake = true;
        }
        if self.listing.is_old(now) {
            self.listing.want();
            wake = true;
        }
        Ok(wake)
    }

    /// Sends everything as soon as the shards' limits allow. The flush is over when [`flushes_done`](Self::flushes_done)
    /// is at least what this returns.
    ///
    /// Until the first list of shards is answered, nothing can be aggregated: a flush that comes so early hurries when it
    /// is, and meanwhile records go when they are due by themselves.
    pub(crate) fn flush(&mut self) -> u64 {
        self.hurries_when_listed = self.settings.aggregation_enabled && self.listing.is_first();
        if !self.hurries_when_listed {
            self.hurry();
        }
        if self.outstanding > 0 {
            self.marks.push_back(Mark {
                below: self.next_number,
                outstanding: std::mem::take(&mut self.outstanding),
            });
        }
        self.marks_done + self.marks.len() as u64
    }

    /// Makes everything that waits due.
    fn hurry(&mut self) {
        for index in self.listed.clone() {
            let lane = &mut self.lanes[index];
            lane.close(&self.settings);
            for record in &mut lane.ready {
                record.due_at = Duration::ZERO;
            }
        }
    }

    /// How many flushes are over.
    pub(crate) fn flushes_done(&self) -> u64 {
        self.marks_done
    }

    /// Takes no more records from now on.
    pub(crate) fn close(&mut self) {
        self.is_closed = true;
    }

    /// Whether it is closed and every record has its outcome.
    pub(crate) fn is_over(&self) -> bool {
        self.is_closed && self.user_records_pending() == 0
    }

    /// Records without an outcome.
    pub(crate) fn user_records_pending(&self) -> usize {
        let marked: usize = self.marks.iter().map(|mark| mark.outstanding).sum();
        self.outstanding + marked
    }

    /// What to do now. `is_pressed` says that records wait for room: then nothing waits for company while no call is
    /// under way.
    pub(crate) fn poll(&mut self, now: Duration, is_pressed: bool) -> Step {
        self.tidy(now);
        let list_shards = self.listing.start(now);
        let mut calls = Vec::new();
        while self.calls.len() < self.settings.max_connections {
            let is_pressed = is_pressed && self.calls.is_empty();
            let Some(call) = self.collect(now, is_pressed) else {
                break;
            };
            calls.push(call);
        }
        self.wake_at = self.next_wake(now);
        Step {
            calls,
            list_shards,
            wake_at: self.wake_at,
        }
    }

    /// Records that have their outcome since the last time.
    pub(crate) fn take_settled(&mut self) -> Vec<Settled<T>> {
        std::mem::take(&mut self.settled)
    }
}
