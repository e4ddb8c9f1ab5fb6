//! Which lane a record waits in, and what happens when the shards change.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use millstream_aggregation::UserRecord;
use millstream_types::{HashKey, HashKeyRange};
use rand::Rng;

use super::Pipeline;
use crate::kinesis_record::{KinesisRecord, Pending, group};
use crate::lane::Lane;
use crate::shard_map::{MappedShard, tile};
use crate::{CallError, OpenShard};

impl<T> Pipeline<T> {
    /// The lane whose range holds a hash key.
    pub(super) fn lane_of(&self, hash_key: HashKey) -> usize {
        self.lanes.partition_point(|lane| lane.range.end < hash_key)
    }

    /// Sees that a lane is looked at.
    pub(super) fn list_lane(&mut self, index: usize) {
        let lane = &mut self.lanes[index];
        if !lane.is_listed {
            lane.is_listed = true;
            self.listed.push(index);
        }
    }

    /// Takes the answer of ListShards. A list with holes is none.
    pub(crate) fn shards_listed(
        &mut self,
        now: Duration,
        result: Result<Vec<OpenShard>, CallError>,
    ) {
        self.learn(now, result);
        if std::mem::take(&mut self.hurries_when_listed) {
            self.hurry();
        }
    }

    fn learn(&mut self, now: Duration, result: Result<Vec<OpenShard>, CallError>) {
        let Some(shards) = result.ok().and_then(|shards| tile(shards).ok()) else {
            self.listing.failed(now);
            return;
        };
        self.listing.succeeded(now, self.settings.shard_map_max_age);
        self.known.learn(&shards, now);
        let is_same = self.lanes.len() == shards.len()
            && self
                .lanes
                .iter()
                .zip(&shards)
                .all(|(lane, shard)| lane.is_of(Some(&shard.shard_id), shard.range));
        if !is_same {
            self.change_lanes(now, shards);
        }
        self.judge_landed(now);
    }

    /// Lanes of shards that are as they were stay; what waits in the others is spread over the new ones.
    fn change_lanes(&mut self, now: Duration, shards: Vec<MappedShard>) {
        let old = std::mem::take(&mut self.lanes);
        let mut old: BTreeMap<HashKey, Lane<T>> =
            old.into_iter().map(|lane| (lane.range.end, lane)).collect();
        self.listed.clear();
        for shard in shards {
            let is_kept = old
                .get(&shard.range.end)
                .is_some_and(|lane| lane.is_of(Some(&shard.shard_id), shard.range));
            let mut lane = match old.remove(&shard.range.end) {
                Some(lane) if is_kept => lane,
                other => {
                    // Another lane that happens to end here: it goes with the rest.
                    if let Some(lane) = other {
                        old.insert(lane.range.end, lane);
                    }
                    Lane::of(shard, &self.settings, now)
                }
            };
            lane.is_listed = false;
            lane.under_way = 0;
            self.lanes.push(lane);
        }
        self.count_under_way();
        let mut users: Vec<(UserRecord, Pending<T>)> = Vec::new();
        for mut lane in old.into_values() {
            let records = lane.drain(&self.settings);
            users.extend(records.into_iter().flat_map(KinesisRecord::take_apart));
        }
        users.sort_by_key(|(_, pending)| pending.number);
        // The lanes that they go to are new: what is put in order stays in order.
        for (user, pending) in users {
            let index = self.lane_of(user.hash_key());
            self.lanes[index].push(user, pending, &self.settings);
        }
        for index in 0..self.lanes.len() {
            if !self.lanes[index].is_empty() {
                self.list_lane(index);
            }
        }
    }

    fn count_under_way(&mut self) {
        let under_way = self.calls.values().flat_map(|call| &call.records);
        let landed = self.landed.iter().map(|landed| &landed.sent);
        let ranges: Vec<HashKeyRange> = under_way.chain(landed).map(|sent| sent.range).collect();
        for range in ranges {
            self.hold(range);
        }
    }

    fn touched(&self, range: HashKeyRange) -> std::ops::RangeInclusive<usize> {
        self.lane_of(range.start)..=self.lane_of(range.end)
    }

    /// A record of this range is under way.
    pub(super) fn hold(&mut self, range: HashKeyRange) {
        if self.settings.keep_order_per_key {
            for index in self.touched(range) {
                self.lanes[index].under_way += 1;
            }
        }
    }

    /// A record of this range is not under way any more.
    pub(super) fn release(&mut self, range: HashKeyRange) {
        if self.settings.keep_order_per_key {
            for index in self.touched(range) {
                self.lanes[index].under_way -= 1;
            }
        }
    }

    /// Puts user records before everything else of the shards that they belong to now.
    pub(super) fn route_again(&mut self, mut users: Vec<(UserRecord, Pending<T>)>) -> Vec<usize> {
        users.sort_by_key(|(_, pending)| pending.number);
        let mut by_lane: BTreeMap<usize, Vec<(UserRecord, Pending<T>)>> = BTreeMap::new();
        for (user, pending) in users {
            let index = self.lane_of(user.hash_key());
            by_lane.entry(index).or_default().push((user, pending));
        }
        let touched = by_lane.keys().copied().collect();
        for (index, users) in by_lane {
            let records = self.grouped(index, users);
            self.lanes[index].push_front(records.into_iter(), &self.settings);
            self.list_lane(index);
        }
        touched
    }

    /// Records of the stream for a lane.
    pub(super) fn grouped(
        &self,
        index: usize,
        users: Vec<(UserRecord, Pending<T>)>,
    ) -> Vec<KinesisRecord<T>> {
        let users_max = if self.lanes[index].shard_id.is_some() {
            self.settings.users_max()
        } else {
            1
        };
        group(users, users_max, self.settings.aggregation_max_size_bytes)
    }

    /// Nothing more goes to a lane for a while.
    pub(super) fn pause_lane(&mut self, index: usize, now: Duration) {
        let jitter = self.rng.random();
        self.lanes[index].failed(now, jitter);
    }

    /// The lane that a record was sent from, if it is still there.
    pub(super) fn sent_from(
        &self,
        shard_id: Option<&Arc<str>>,
        range: HashKeyRange,
    ) -> Option<usize> {
        let index = self.lane_of(range.end);
        self.lanes[index].is_of(shard_id, range).then_some(index)
    }
}
