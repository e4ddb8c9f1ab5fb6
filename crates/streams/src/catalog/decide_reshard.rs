//! Splits and merges.

use millstream_types::limits::SHARDS_PER_STREAM_MAX;
use millstream_types::{HashKey, HashKeyRange, ShardId, TimestampMs};
use millstream_wire::shapes::{StreamMode, StreamStatus};

use super::command::{ClosedShard, CreatedLog};
use super::decide::{Decision, check_limit, check_second, open};
use super::{Catalog, Change, NewShard, Rejected, Shard, ShardState, Stream, StreamId};

impl Catalog {
    pub(super) fn begin_split(
        &self,
        now: TimestampMs,
        id: StreamId,
        shard: ShardId,
        key: HashKey,
        account_shards_max: Option<u64>,
    ) -> Result<Decision, Rejected> {
        let stream = self.reshardable(id)?;
        let parent = shard_of(stream, shard)?;
        check_limit(
            stream.open_shards().len() as u64,
            1,
            u64::from(SHARDS_PER_STREAM_MAX),
        )?;
        self.check_quota(&stream.key, 1, account_shards_max)?;
        let HashKeyRange { start, end } = parent.range;
        // AWS asks for more than one key in the first child and more than one in the second.
        if key.0 <= start.0.saturating_add(1) || key >= end {
            return Err(Rejected::SplitKeyOutside(parent.range));
        }
        self.active(id)?;
        check_open(parent)?;
        let low = HashKeyRange {
            start,
            end: HashKey(key.0 - 1),
        };
        let high = HashKeyRange { start: key, end };
        self.begin_reshard(now, stream, &[parent], &[low, high])
    }

    pub(super) fn begin_merge(
        &self,
        now: TimestampMs,
        id: StreamId,
        shard: ShardId,
        adjacent: ShardId,
    ) -> Result<Decision, Rejected> {
        let stream = self.reshardable(id)?;
        let (first, second) = (shard_of(stream, shard)?, shard_of(stream, adjacent)?);
        if !first.range.is_followed_by(&second.range) {
            return Err(Rejected::NotAdjacent);
        }
        self.active(id)?;
        check_open(first)?;
        check_open(second)?;
        let whole = HashKeyRange {
            start: first.range.start,
            end: second.range.end,
        };
        self.begin_reshard(now, stream, &[first, second], &[whole])
    }

    /// A provisioned stream that has shards; whether it is ACTIVE is asked last, as AWS does.
    fn reshardable(&self, id: StreamId) -> Result<&Stream, Rejected> {
        let stream = self.stream(id)?;
        match stream.status {
            StreamStatus::Creating | StreamStatus::Deleting => {
                Err(Rejected::NotActive(stream.status))
            }
            StreamStatus::Active | StreamStatus::Updating => match stream.mode {
                StreamMode::Provisioned => Ok(stream),
                StreamMode::OnDemand => Err(Rejected::OnDemand),
            },
        }
    }

    fn begin_reshard(
        &self,
        now: TimestampMs,
        stream: &Stream,
        parents: &[&Shard],
        ranges: &[HashKeyRange],
    ) -> Result<Decision, Rejected> {
        let youngest_parent_s = parents.iter().map(|parent| parent.created_s).max();
        let above_parents_s = youngest_parent_s.unwrap_or(0).saturating_add(1);
        let created_s = check_second(now.as_secs().max(above_parents_s))?;
        let mut logs = self.next_logs(ranges.len() as u64)?;
        let ids = (stream.next_shard_index..).map_while(ShardId::new);
        let children: Vec<NewShard> = ranges
            .iter()
            .zip(ids)
            .zip(&mut logs)
            .map(|((range, id), log)| NewShard {
                id,
                range: *range,
                created_s,
                log,
            })
            .collect();
        if children.len() < ranges.len() {
            return Err(Rejected::OutOfIds);
        }
        let parents: Vec<ShardId> = parents.iter().map(|parent| parent.id).collect();
        let mut changed = stream.clone();
        for shard in &mut changed.shards {
            if parents.contains(&shard.id) {
                shard.state = ShardState::Closing;
            }
        }
        let logs_used = children.len() as u64;
        changed.next_shard_index = children
            .last()
            .map_or(stream.next_shard_index, |child| child.id.index() + 1);
        changed.last_created_s = stream.last_created_s.max(created_s);
        changed.status = StreamStatus::Updating;
        changed.change = Some(Change::Reshard { parents, children });
        Ok(Decision::Store {
            stream: Box::new(changed),
            logs_used,
        })
    }

    pub(super) fn finish_reshard(
        &self,
        id: StreamId,
        closed: &[ClosedShard],
        logs: &[CreatedLog],
    ) -> Result<Decision, Rejected> {
        let stream = self.stream(id)?;
        let Some(Change::Reshard { parents, children }) = &stream.change else {
            return Err(Rejected::NotBegun);
        };
        if !parents.iter().eq(closed.iter().map(|closed| &closed.shard)) {
            return Err(Rejected::NotBegun);
        }
        let mut changed = Stream::clone(stream);
        // Both parents of a merge end at the same time, so that at any time the listed shards tile the space.
        let closed_ms = closed.iter().map(|closed| closed.closed_ms).max();
        let closed_ms = closed_ms.ok_or(Rejected::NotBegun)?;
        for ClosedShard { shard, end, .. } in closed {
            let position = changed.position(*shard).ok_or(Rejected::NotBegun)?;
            changed.shards[position].state = ShardState::Closed {
                end: *end,
                closed_ms,
            };
        }
        let parents = (parents.first().copied(), parents.get(1).copied());
        let children = open(children, logs, closed_ms.plus_ms(1), |_| parents)?;
        changed.shards.extend(children);
        changed.change = None;
        changed.status = StreamStatus::Active;
        changed.rebuild_routes();
        Ok(Decision::store(changed))
    }
}

fn shard_of(stream: &Stream, id: ShardId) -> Result<&Shard, Rejected> {
    stream.shard(id).ok_or(Rejected::NoSuchShard(id))
}

fn check_open(shard: &Shard) -> Result<(), Rejected> {
    match shard.state {
        ShardState::Open => Ok(()),
        ShardState::Closing | ShardState::Closed { .. } => Err(Rejected::ShardEnded(shard.id)),
    }
}
