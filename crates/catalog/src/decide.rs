//! What each command comes to, before anything changes.

mod consumer;
mod reshard;
mod scaling;
mod service;
mod setting;
mod stream;
mod tags;

use std::sync::Arc;

use millstream_log::LogId;
use millstream_types::{ShardId, StreamStatus, TimestampMs};

use crate::catalog::Catalog;
use crate::command::{Command, CommandEntry, CreatedLog};
use crate::decision::Decided;
use crate::rejected::Rejected;
use crate::shard::{NewShard, Shard, ShardState};
use crate::stream::{Stream, StreamId, StreamKey};

/// Sequence numbers hold creation seconds below this one.
const CREATED_S_END: u64 = 16_025_175_000;

impl Catalog {
    /// Works out what [`apply`](Self::apply) would change, and changes nothing.
    ///
    /// # Errors
    /// As `apply`.
    pub fn decide(&self, entry: &CommandEntry) -> Result<Decided, Rejected> {
        let now = entry.at_ms;
        let decision = match &entry.command {
            Command::Service(command) => self.decide_service(now, command),
            Command::Stream(command) => self.decide_stream(now, command),
            Command::Shard(command) => self.decide_shards(now, command),
            Command::Consumer(command) => self.decide_consumer(now, command),
            Command::Tag(command) => self.decide_tags(command),
        };
        decision.map(Decided)
    }

    pub(super) fn stream(&self, id: StreamId) -> Result<&Arc<Stream>, Rejected> {
        self.get(id).ok_or(Rejected::NoSuchStream)
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
        key: &StreamKey,
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
