//! What each command comes to, before anything changes.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use millstream_log::LogId;
use millstream_types::limits::SHARDS_PER_STREAM_MAX;
use millstream_types::{AccountId, HashKeyRange, Region, ShardId, TimestampMs};
use millstream_wire::shapes::{ConsumerStatus, StreamMode, StreamStatus};

use super::command::CreatedLog;
use super::{
    Catalog, Change, Command, CommandEntry, Commitment, NewShard, Rejected, ResourcePolicy, Shard,
    ShardState, Stream, StreamId, StreamSpec, TokenKey,
};

/// AWS dates the first shards three seconds before the stream.
const FIRST_SHARDS_EARLIER_S: u64 = 3;
/// Sequence numbers hold creation seconds below this one.
const CREATED_S_END: u64 = 16_025_175_000;

/// The effect of a command that is accepted.
#[derive(Debug)]
pub(crate) enum Decision {
    SetTokenKey(TokenKey),
    SetCommitment {
        account: AccountId,
        region: Region,
        commitment: Commitment,
    },
    /// All is as the command wants it already.
    Nothing,
    /// Enter the stream, new or changed.
    Store {
        stream: Box<Stream>,
        /// How many log ids it took from the counter.
        logs_used: u64,
    },
    /// Forget the stream.
    Remove {
        id: StreamId,
        now_s: u64,
    },
}

impl Decision {
    pub(super) fn store(stream: Stream) -> Self {
        Self::Store {
            stream: Box::new(stream),
            logs_used: 0,
        }
    }
}

impl Catalog {
    pub(crate) fn decide(&self, entry: &CommandEntry) -> Result<Decision, Rejected> {
        let now = entry.at_ms;
        match &entry.command {
            Command::SetTokenKey { key } => match self.token_key {
                None => Ok(Decision::SetTokenKey(*key)),
                Some(_) => Err(Rejected::TokenKeySet),
            },
            Command::BeginCreateStream {
                stream,
                account_shards_max,
            } => self.begin_create(now, stream, *account_shards_max),
            Command::FinishCreateStream { id, logs } => self.finish_create(*id, logs),
            Command::BeginDeleteStream {
                id,
                enforce_consumer_deletion,
            } => self.begin_delete(*id, *enforce_consumer_deletion),
            Command::FinishDeleteStream { id } => self.finish_delete(now, *id),
            Command::BeginSplitShard {
                id,
                shard,
                new_starting_hash_key,
                account_shards_max,
            } => self.begin_split(
                now,
                *id,
                *shard,
                *new_starting_hash_key,
                *account_shards_max,
            ),
            Command::BeginMergeShards {
                id,
                shard,
                adjacent_shard,
            } => self.begin_merge(now, *id, *shard, *adjacent_shard),
            Command::BeginUpdateShardCount {
                id,
                target,
                account_shards_max,
            } => self.begin_update_shard_count(now, *id, *target, *account_shards_max),
            Command::FinishReshard { id, closed, logs } => {
                self.finish_reshard(now, *id, closed, logs)
            }
            Command::IncreaseRetention { id, hours } => self.increase_retention(*id, *hours),
            Command::DecreaseRetention { id, hours } => self.decrease_retention(*id, *hours),
            Command::RemoveShards { id, shards } => self.remove_shards(*id, shards),
            Command::AddTags { resource, tags } => self.add_tags(resource, tags),
            Command::RemoveTags { resource, keys } => self.remove_tags(resource, keys),
            Command::UpdateSetting {
                id,
                setting,
                per_day_max,
                account_shards_max,
            } => self.update_setting(now, *id, setting, *per_day_max, *account_shards_max),
            Command::FinishUpdateSetting { id } => self.finish_update_setting(now, *id),
            Command::UpdateCommitment {
                account,
                region,
                enabled,
                minimum_ms,
            } => Ok(self.update_commitment(now, account, region, *enabled, *minimum_ms)),
            Command::PutResourcePolicy { id, policy } => self.put_policy(*id, policy),
            Command::DeleteResourcePolicy { id } => self.delete_policy(*id),
            Command::PutConsumerPolicy {
                id,
                consumer,
                policy,
            } => self.put_consumer_policy(*id, consumer, policy),
            Command::DeleteConsumerPolicy { id, consumer } => {
                self.delete_consumer_policy(*id, consumer)
            }
            Command::BeginRegisterConsumer { id, name, tags } => {
                self.begin_register_consumer(now, *id, name, tags)
            }
            Command::FinishRegisterConsumer { id, consumer } => {
                self.finish_register_consumer(*id, consumer)
            }
            Command::BeginDeregisterConsumer { id, consumer } => {
                self.begin_deregister_consumer(*id, consumer)
            }
            Command::FinishDeregisterConsumer { id, consumer } => {
                self.finish_deregister_consumer(*id, consumer)
            }
        }
    }

    pub(super) fn stream(&self, id: StreamId) -> Result<&Arc<Stream>, Rejected> {
        self.get(id).ok_or(Rejected::NoSuchStream)
    }

    fn begin_create(
        &self,
        now: TimestampMs,
        spec: &StreamSpec,
        account_shards_max: Option<u64>,
    ) -> Result<Decision, Rejected> {
        let key = &spec.key;
        if self
            .find(&key.account, &key.region, key.name.as_str())
            .is_some()
        {
            return Err(Rejected::StreamExists);
        }
        // No shard would tile nothing: one is the least that a stream has.
        let shard_count = spec.shard_count.max(1);
        let additional = u64::from(shard_count);
        if spec.mode == StreamMode::Provisioned {
            self.check_quota(key, additional, account_shards_max)?;
        }
        if spec.warm_throughput_mibps.is_some() {
            self.check_commitment(key, now)?;
        }
        check_limit(0, additional, u64::from(SHARDS_PER_STREAM_MAX))?;
        let created_s = now.as_secs().saturating_sub(FIRST_SHARDS_EARLIER_S);
        let created_s = check_second(created_s.max(self.created_s_min(key)))?;
        let mut logs = self.next_logs(additional)?;
        let shards: Vec<NewShard> = HashKeyRange::uniform(shard_count)
            .zip((0..).map_while(ShardId::new))
            .zip(&mut logs)
            .map(|((range, id), log)| NewShard {
                id,
                range,
                created_s,
                log,
            })
            .collect();
        let stream = Stream {
            id: StreamId(
                self.last_stream_id
                    .checked_add(1)
                    .ok_or(Rejected::OutOfIds)?,
            ),
            key: key.clone(),
            created_ms: now,
            status: StreamStatus::Creating,
            mode: spec.mode,
            retention_hours: spec.retention_hours,
            max_record_size_kib: spec.max_record_size_kib,
            tags: spec.tags.clone(),
            open: Default::default(),
            closed: Default::default(),
            next_shard_index: shard_count,
            last_created_s: created_s,
            change: Some(Change::Create { shards }),
            key_id: None,
            shard_level_metrics: BTreeSet::new(),
            warm_throughput_mibps: spec.warm_throughput_mibps,
            record_distribution: spec.record_distribution,
            counted_changes: BTreeMap::new(),
            policy: None,
            consumers: Vec::new(),
            consumers_floor_s: 0,
        };
        Ok(Decision::Store {
            stream: Box::new(stream),
            logs_used: additional,
        })
    }

    fn finish_create(&self, id: StreamId, logs: &[CreatedLog]) -> Result<Decision, Rejected> {
        let stream = self.stream(id)?;
        let Some(Change::Create { shards }) = &stream.change else {
            return Err(Rejected::NotBegun);
        };
        let mut created = Stream::clone(stream);
        created.set_open(open(shards, logs, stream.created_ms, |_| (None, None))?);
        created.change = None;
        created.status = StreamStatus::Active;
        Ok(Decision::store(created))
    }

    fn begin_delete(
        &self,
        id: StreamId,
        enforce_consumer_deletion: bool,
    ) -> Result<Decision, Rejected> {
        let mut stream = Stream::clone(self.stream(id)?);
        if stream.status == StreamStatus::Deleting {
            return Err(Rejected::NotActive(StreamStatus::Deleting));
        }
        if !stream.consumers.is_empty() && !enforce_consumer_deletion {
            return Err(Rejected::HasConsumers);
        }
        for consumer in &mut stream.consumers {
            consumer.status = ConsumerStatus::Deleting;
        }
        stream.status = StreamStatus::Deleting;
        stream.change = None;
        Ok(Decision::store(stream))
    }

    fn finish_delete(&self, now: TimestampMs, id: StreamId) -> Result<Decision, Rejected> {
        if self.stream(id)?.status != StreamStatus::Deleting {
            return Err(Rejected::NotBegun);
        }
        Ok(Decision::Remove {
            id,
            now_s: now.as_secs(),
        })
    }

    fn increase_retention(&self, id: StreamId, hours: u32) -> Result<Decision, Rejected> {
        let stream = self.active(id)?;
        if hours < stream.retention_hours {
            return Err(Rejected::RetentionIsLonger(stream.retention_hours));
        }
        Ok(with_retention(stream, hours))
    }

    fn decrease_retention(&self, id: StreamId, hours: u32) -> Result<Decision, Rejected> {
        let stream = self.active(id)?;
        if hours > stream.retention_hours {
            return Err(Rejected::RetentionIsShorter(stream.retention_hours));
        }
        Ok(with_retention(stream, hours))
    }

    fn put_policy(&self, id: StreamId, policy: &ResourcePolicy) -> Result<Decision, Rejected> {
        let mut stream = Stream::clone(self.active(id)?);
        stream.policy = Some(policy.clone());
        Ok(Decision::store(stream))
    }

    fn delete_policy(&self, id: StreamId) -> Result<Decision, Rejected> {
        let mut stream = Stream::clone(self.active(id)?);
        match stream.policy.take() {
            Some(_) => Ok(Decision::store(stream)),
            None => Err(Rejected::NoResourcePolicy),
        }
    }

    fn remove_shards(&self, id: StreamId, shards: &[ShardId]) -> Result<Decision, Rejected> {
        let mut stream = Stream::clone(self.stream(id)?);
        for shard in shards {
            if stream.is_open(*shard) {
                return Err(Rejected::NotBegun);
            }
        }
        stream.forget_closed(shards);
        Ok(Decision::store(stream))
    }

    pub(super) fn active(&self, id: StreamId) -> Result<&Arc<Stream>, Rejected> {
        let stream = self.stream(id)?;
        match stream.status {
            StreamStatus::Active => Ok(stream),
            status => Err(Rejected::NotActive(status)),
        }
    }

    pub(super) fn check_quota(
        &self,
        key: &super::StreamKey,
        additional: u64,
        account_shards_max: Option<u64>,
    ) -> Result<(), Rejected> {
        match account_shards_max {
            None => Ok(()),
            Some(limit) => {
                let current = self.shards_in_quota(&key.account, &key.region);
                check_limit(current, additional, limit)
            }
        }
    }

    /// The next `count` log ids.
    pub(super) fn next_logs(
        &self,
        count: u64,
    ) -> Result<impl Iterator<Item = LogId> + use<>, Rejected> {
        let last = self.last_log_id;
        let end = last.checked_add(count).ok_or(Rejected::OutOfIds)?;
        Ok((last + 1..=end).map(LogId))
    }
}

pub(super) fn check_limit(current: u64, additional: u64, limit: u64) -> Result<(), Rejected> {
    if current.saturating_add(additional) <= limit {
        return Ok(());
    }
    Err(Rejected::TooManyShards {
        current,
        limit,
        additional,
    })
}

pub(super) fn check_second(created_s: u64) -> Result<u64, Rejected> {
    if created_s < CREATED_S_END {
        Ok(created_s)
    } else {
        Err(Rejected::OutOfIds)
    }
}

/// The shards with their logs; `logs` must name each of them once and nothing else.
pub(super) fn open(
    shards: &[NewShard],
    logs: &[CreatedLog],
    opened_ms: TimestampMs,
    parents: impl Fn(&NewShard) -> (Option<ShardId>, Option<ShardId>),
) -> Result<Vec<Shard>, Rejected> {
    let is_complete = shards.len() == logs.len();
    let opened: Option<Vec<Shard>> = shards
        .iter()
        .zip(logs)
        .map(|(shard, log)| {
            let (parent, adjacent_parent) = parents(shard);
            (shard.id == log.shard).then_some(Shard {
                id: shard.id,
                range: shard.range,
                parent,
                adjacent_parent,
                created_s: shard.created_s,
                opened_ms,
                log: shard.log,
                place: log.place,
                state: ShardState::Open,
            })
        })
        .collect();
    opened.filter(|_| is_complete).ok_or(Rejected::NotBegun)
}

fn with_retention(stream: &Stream, hours: u32) -> Decision {
    let mut changed = Stream::clone(stream);
    changed.retention_hours = hours;
    Decision::store(changed)
}
