//! Creating and deleting streams, and what is said of them as a whole.

use std::collections::{BTreeMap, BTreeSet};

use millstream_types::limits::SHARDS_PER_STREAM_MAX;
use millstream_types::{
    ConsumerStatus, HashKeyRange, ShardId, StreamMode, StreamStatus, TimestampMs,
};

use super::{check_limit, check_second, open};
use crate::catalog::Catalog;
use crate::command::{CreatedLog, StreamCommand, StreamSpec};
use crate::decision::Decision;
use crate::rejected::Rejected;
use crate::resource_policy::ResourcePolicy;
use crate::shard::NewShard;
use crate::stream::{Change, Stream, StreamId};

/// AWS dates the first shards three seconds before the stream.
const FIRST_SHARDS_EARLIER_S: u64 = 3;

impl Catalog {
    pub(super) fn decide_stream(
        &self,
        now: TimestampMs,
        command: &StreamCommand,
    ) -> Result<Decision, Rejected> {
        match command {
            StreamCommand::BeginCreateStream {
                stream,
                account_shards_max,
            } => self.begin_create(now, stream, *account_shards_max),
            StreamCommand::FinishCreateStream { id, logs } => self.finish_create(*id, logs),
            StreamCommand::BeginDeleteStream {
                id,
                enforce_consumer_deletion,
            } => self.begin_delete(*id, *enforce_consumer_deletion),
            StreamCommand::FinishDeleteStream { id } => self.finish_delete(now, *id),
            StreamCommand::IncreaseRetention { id, hours } => self.increase_retention(*id, *hours),
            StreamCommand::DecreaseRetention { id, hours } => self.decrease_retention(*id, *hours),
            StreamCommand::UpdateSetting {
                id,
                setting,
                per_day_max,
                account_shards_max,
            } => self.update_setting(now, *id, setting, *per_day_max, *account_shards_max),
            StreamCommand::FinishUpdateSetting { id } => self.finish_update_setting(now, *id),
            StreamCommand::NoteWritePeak { id, bytes_per_s } => {
                self.note_write_peak(now, *id, *bytes_per_s)
            }
            StreamCommand::PutResourcePolicy { id, policy } => self.put_policy(*id, policy),
            StreamCommand::DeleteResourcePolicy { id } => self.delete_policy(*id),
        }
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
            write_peaks: Default::default(),
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

    fn note_write_peak(
        &self,
        now: TimestampMs,
        id: StreamId,
        bytes_per_s: u64,
    ) -> Result<Decision, Rejected> {
        let mut stream = Stream::clone(self.stream(id)?);
        if stream.mode != StreamMode::OnDemand {
            return Err(Rejected::Provisioned);
        }
        stream.write_peaks.note(now, bytes_per_s);
        Ok(Decision::store(stream))
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
}

fn with_retention(stream: &Stream, hours: u32) -> Decision {
    let mut changed = Stream::clone(stream);
    changed.retention_hours = hours;
    Decision::store(changed)
}
