//! AWS's limits as an [`Admission`].

use std::sync::Arc;

use millstream_catalog::{ConsumerKey, Stream, StreamId};
use millstream_types::{AccountId, Region, ShardId, WallClock};
use millstream_wire::{ErrorCode, Operation};

use super::allowances::{Allowance, Allowances, TooMany};
use super::bucket::{Bucket, Rate};
use super::control_plane::{On, limit_of};
use super::shard::{FanOutAllowance, ShardAllowance};
use super::values::{LimitOverride, LimitOverrides, ShardValues};
use crate::hooks::{Admission, Asking, AskingRecord, AtShard, EventRoom, Quotas};
use crate::unverified_texts as texts;
use crate::{Failure, refusals};

/// Regions in which AWS gives an account this many shards before it asks.
const LARGE_REGIONS: [&str; 3] = ["eu-west-1", "us-east-1", "us-west-2"];
const SHARDS_IN_LARGE_REGION_MAX: u64 = 20_000;
/// Elsewhere AWS documents 1,000 or 6,000, and not where which.
const SHARDS_MAX: u64 = 1_000;
const ON_DEMAND_STREAMS_MAX: u64 = 50;
const STREAMS_CREATING_MAX: u64 = 5;
const SHARD_COUNT_UPDATES_PER_DAY_MAX: u64 = 10;

/// Keeps AWS's limits on rates, and tells the catalog of those on counts. Holds memory for what was used within the last
/// seconds only.
#[derive(Debug)]
pub struct AwsLimits {
    clock: Arc<dyn WallClock>,
    overrides: LimitOverrides,
    shards: Allowances<(StreamId, ShardId), ShardAllowance>,
    consumers: Allowances<(StreamId, ShardId, ConsumerKey), FanOutAllowance>,
    calls: Allowances<(Operation, Counted), Bucket>,
}

/// What calls count on.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Counted {
    Account(AccountId, Region),
    Stream(StreamId),
}

impl Allowance for Bucket {
    fn is_whole(&mut self, now_ms: u64) -> bool {
        self.is_full(now_ms)
    }
}

impl AwsLimits {
    /// AWS's own limits, and others where an override says so.
    pub fn new(clock: Arc<dyn WallClock>, overrides: LimitOverrides) -> Self {
        Self {
            clock,
            overrides,
            shards: Allowances::new(),
            consumers: Allowances::new(),
            calls: Allowances::new(),
        }
    }

    fn values(&self, stream: &Stream) -> ShardValues {
        let key = &stream.key;
        self.overrides.of_shard(&key.account, &key.name)
    }

    fn at_shard<T>(
        &self,
        stream: &Stream,
        shard: ShardId,
        use_it: impl FnOnce(&mut ShardAllowance, u64) -> T,
    ) -> Result<T, TooMany> {
        let now_ms = self.clock.monotonic_ms();
        let full = || ShardAllowance::full(self.values(stream), now_ms);
        let key = (stream.id, shard);
        self.shards
            .with(key, now_ms, full, |one| use_it(one, now_ms))
    }

    fn of_consumer<T>(
        &self,
        at: &AtShard<'_>,
        consumer: &ConsumerKey,
        use_it: impl FnOnce(&mut FanOutAllowance, u64) -> T,
    ) -> Result<T, TooMany> {
        let now_ms = self.clock.monotonic_ms();
        let full = || FanOutAllowance::full(self.values(at.stream), now_ms);
        let key = (at.stream.id, at.shard, consumer.clone());
        self.consumers
            .with(key, now_ms, full, |one| use_it(one, now_ms))
    }
}

impl Admission for AwsLimits {
    fn admit(&self, asking: &Asking<'_>) -> Result<(), Failure> {
        let Some(limit) = limit_of(asking.operation) else {
            return Ok(());
        };
        let (account, region) = (asking.account, asking.region);
        let counted = match (limit.on, asking.stream) {
            (On::Account, _) => Counted::Account(account.clone(), region.clone()),
            (On::Stream, Some(stream)) => Counted::Stream(stream.id),
            (On::Stream, None) => return Ok(()),
        };
        let now_ms = self.clock.monotonic_ms();
        let full = || {
            let own = |one: &LimitOverride| one.calls_per_s.get(asking.operation.name()).copied();
            let name = asking.stream.map(|stream| &stream.key.name);
            // What counts on the account is set for accounts.
            let name = name.filter(|_| limit.on == On::Stream);
            let per_s = self.overrides.first(account, name, own);
            Bucket::full(Rate::per_second(per_s.unwrap_or(limit.per_s)), now_ms)
        };
        let take = |bucket: &mut Bucket| bucket.try_take(now_ms, 1);
        let key = (asking.operation, counted);
        match self.calls.with(key, now_ms, full, take) {
            Ok(true) => Ok(()),
            Ok(false) | Err(TooMany) => Err(Failure::limit_exceeded(match asking.stream {
                Some(stream) => texts::rate_exceeded(&stream.key.name, &stream.key.account),
                None => texts::rate_exceeded_for_account(account),
            })),
        }
    }

    fn admit_at_shard(&self, at: &AtShard<'_>) -> Result<(), Failure> {
        let (stream, shard) = (at.stream, at.shard);
        let is_let_in = match (at.operation, at.consumer) {
            (Operation::SubscribeToShard, Some(consumer)) => {
                self.of_consumer(at, consumer, FanOutAllowance::subscribe)
            }
            (Operation::GetShardIterator, _) => {
                self.at_shard(stream, shard, ShardAllowance::iterator)
            }
            (Operation::GetRecords, _) => self.at_shard(stream, shard, ShardAllowance::read),
            _ => Ok(true),
        };
        if is_let_in == Ok(true) {
            return Ok(());
        }
        let code = match at.operation {
            Operation::SubscribeToShard => ErrorCode::LimitExceeded,
            _ => ErrorCode::ProvisionedThroughputExceeded,
        };
        let text = refusals::shard_throttled(shard, &stream.key);
        Err(Failure::new(code, text))
    }

    fn admit_records(&self, stream: &Stream, shard: ShardId, records: &mut [AskingRecord]) {
        let write = |one: &mut ShardAllowance, now_ms: u64| {
            for record in &mut *records {
                record.is_admitted = one.write(now_ms, record.bytes);
            }
        };
        if self.at_shard(stream, shard, write) == Err(TooMany) {
            records.iter_mut().for_each(|one| one.is_admitted = false);
        }
    }

    fn note_read(&self, at: &AtShard<'_>, bytes: u64) {
        let noted = match at.consumer {
            Some(consumer) => self.of_consumer(at, consumer, |one, now_ms| {
                one.note_event(now_ms, bytes);
            }),
            None => self.at_shard(at.stream, at.shard, |one, now_ms| {
                one.note_read(now_ms, bytes);
            }),
        };
        // There was room for the shard when the call was let in; if that is gone, so is everybody's who reads more.
        noted.unwrap_or(());
    }

    fn event_room(&self, at: &AtShard<'_>) -> EventRoom {
        let Some(consumer) = at.consumer else {
            return EventRoom::Bytes(u64::MAX);
        };
        let room = self.of_consumer(at, consumer, FanOutAllowance::room);
        room.unwrap_or(EventRoom::After(std::time::Duration::from_secs(1)))
    }

    fn quotas(&self, about: &Asking<'_>) -> Quotas {
        let stream = about.stream.map(|stream| &stream.key.name);
        let own = |value: fn(&LimitOverride) -> Option<u64>| {
            self.overrides.first(about.account, stream, value)
        };
        let shards_max = match LARGE_REGIONS.contains(&about.region.as_str()) {
            true => SHARDS_IN_LARGE_REGION_MAX,
            false => SHARDS_MAX,
        };
        let or = |value: Option<u64>, aws| Some(value.unwrap_or(aws));
        let updates = own(|one| one.shard_count_updates_per_day_max);
        let updates = updates.unwrap_or(SHARD_COUNT_UPDATES_PER_DAY_MAX);
        Quotas {
            shards_max: or(own(|one| one.shards_max), shards_max),
            on_demand_streams_max: or(own(|one| one.on_demand_streams_max), ON_DEMAND_STREAMS_MAX),
            streams_creating_max: or(own(|one| one.streams_creating_max), STREAMS_CREATING_MAX),
            shard_count_updates_per_day_max: Some(u32::try_from(updates).unwrap_or(u32::MAX)),
        }
    }

    fn tidy(&self) {
        let now_ms = self.clock.monotonic_ms();
        self.shards.sweep(now_ms);
        self.consumers.sweep(now_ms);
        self.calls.sweep(now_ms);
    }
}
