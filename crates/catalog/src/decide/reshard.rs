//! Splits and merges, one at a time or in rounds on the way to another count of shards, and shards that are forgotten.

use std::collections::BTreeSet;

use millstream_types::limits::SHARDS_PER_STREAM_MAX;
use millstream_types::{HashKey, HashKeyRange, ShardId, StreamMode, StreamStatus, TimestampMs};

use super::scaling::{self, Round};
use super::{check_limit, check_second, open};
use crate::catalog::Catalog;
use crate::closed_shards::ClosedRow;
use crate::command::{ClosedShard, CreatedLog, ShardCommand, SplitAt};
use crate::counted_change::CountedChange;
use crate::decision::Decision;
use crate::rejected::Rejected;
use crate::shard::{NewShard, Shard, ShardState};
use crate::stream::{Change, Reshard, Stream, StreamId};

impl Catalog {
    pub(super) fn decide_shards(
        &self,
        now: TimestampMs,
        command: &ShardCommand,
    ) -> Result<Decision, Rejected> {
        match command {
            ShardCommand::BeginSplitShard {
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
            ShardCommand::BeginMergeShards {
                id,
                shard,
                adjacent_shard,
            } => self.begin_merge(now, *id, *shard, *adjacent_shard),
            ShardCommand::BeginUpdateShardCount {
                id,
                target,
                account_shards_max,
                per_day_max,
            } => {
                self.begin_update_shard_count(now, *id, *target, *account_shards_max, *per_day_max)
            }
            ShardCommand::BeginScaleOnDemand { id, splits, merges } => {
                self.begin_scale_on_demand(now, *id, splits, merges)
            }
            ShardCommand::FinishReshard { id, closed, logs } => {
                self.finish_reshard(now, *id, closed, logs)
            }
            ShardCommand::RemoveShards { id, shards } => self.remove_shards(*id, shards),
        }
    }

    fn begin_split(
        &self,
        now: TimestampMs,
        id: StreamId,
        shard: ShardId,
        key: HashKey,
        account_shards_max: Option<u64>,
    ) -> Result<Decision, Rejected> {
        let stream = self.reshardable(id)?;
        let parent = &shard_of(stream, shard)?;
        check_limit(
            stream.open_shards().len() as u64,
            1,
            u64::from(SHARDS_PER_STREAM_MAX),
        )?;
        self.check_quota(&stream.key, 1, account_shards_max)?;
        check_cut(parent.range, key)?;
        self.active(id)?;
        check_open(parent)?;
        self.begin_reshard(now, stream, &Plan::split(parent, key))
    }

    fn begin_merge(
        &self,
        now: TimestampMs,
        id: StreamId,
        shard: ShardId,
        adjacent: ShardId,
    ) -> Result<Decision, Rejected> {
        let stream = self.reshardable(id)?;
        let (first, second) = (&shard_of(stream, shard)?, &shard_of(stream, adjacent)?);
        if !first.range.is_followed_by(&second.range) {
            return Err(Rejected::NotAdjacent);
        }
        self.active(id)?;
        check_open(first)?;
        check_open(second)?;
        self.begin_reshard(now, stream, &Plan::merge(first, second))
    }

    fn begin_scale_on_demand(
        &self,
        now: TimestampMs,
        id: StreamId,
        splits: &[SplitAt],
        merges: &[(ShardId, ShardId)],
    ) -> Result<Decision, Rejected> {
        let stream = self.active(id)?;
        if stream.mode != StreamMode::OnDemand {
            return Err(Rejected::Provisioned);
        }
        let current = stream.open_shards().len() as u64;
        let limit = u64::from(SHARDS_PER_STREAM_MAX);
        check_limit(current, splits.len() as u64, limit)?;
        let mut changing = BTreeSet::new();
        let mut open_shard = |id: ShardId| {
            let shard = shard_of(stream, id)?;
            check_open(&shard)?;
            match changing.insert(id) {
                true => Ok(shard),
                false => Err(Rejected::ShardEnded(id)),
            }
        };
        let mut parents = Vec::with_capacity(splits.len() + merges.len() * 2);
        for split in splits {
            let parent = open_shard(split.shard)?;
            check_cut(parent.range, split.new_starting_hash_key)?;
            parents.push(parent);
        }
        for (low, high) in merges {
            let (low, high) = (open_shard(*low)?, open_shard(*high)?);
            if !low.range.is_followed_by(&high.range) {
                return Err(Rejected::NotAdjacent);
            }
            parents.extend([low, high]);
        }
        let (split_parents, merge_parents) = parents.split_at(splits.len());
        let split = |(parent, at): (&'_ Shard, &SplitAt)| (*parent, at.new_starting_hash_key);
        let splits: Vec<(Shard, HashKey)> = split_parents.iter().zip(splits).map(split).collect();
        let mut plans: Vec<Plan<'_>> = splits
            .iter()
            .map(|(parent, key)| Plan::split(parent, *key))
            .collect();
        let pairs = merge_parents.chunks_exact(2);
        plans.extend(pairs.map(|pair| Plan::merge(&pair[0], &pair[1])));
        if plans.is_empty() {
            return Ok(Decision::Nothing);
        }
        let target = current + splits.len() as u64 - merges.len() as u64;
        let target = u32::try_from(target).expect("indexes have 31 bits");
        self.begin_reshards(now, stream, &plans, |reshards| Change::Scale {
            target,
            reshards,
        })
    }

    fn begin_update_shard_count(
        &self,
        now: TimestampMs,
        id: StreamId,
        target: u32,
        account_shards_max: Option<u64>,
        per_day_max: Option<u32>,
    ) -> Result<Decision, Rejected> {
        let stream = self.reshardable(id)?;
        self.active(id)?;
        let current = u32::try_from(stream.open_shards().len()).expect("indexes have 31 bits");
        let is_in_reach = target <= current.saturating_mul(2)
            && target >= current.div_ceil(2)
            && target <= SHARDS_PER_STREAM_MAX;
        if !is_in_reach {
            return Err(Rejected::ShardCountOutOfReach { current, target });
        }
        if let Some(additional) = target.checked_sub(current).filter(|more| *more > 0) {
            self.check_quota(&stream.key, u64::from(additional), account_shards_max)?;
        }
        let mut stream = stream.clone();
        if per_day_max.is_some() {
            stream.count_change(CountedChange::UpdateShardCount, now, per_day_max)?;
        }
        match self.next_round(now, &stream, target)? {
            Some(decision) => Ok(decision),
            None => Ok(Decision::store(stream)),
        }
    }

    /// The stream, ACTIVE, or on its way to the shards that its warm throughput asks for: one for each MiB per second.
    /// A stream is never made smaller for it, and one that cannot grow stays as it is.
    pub(super) fn warm_up(&self, now: TimestampMs, stream: Stream) -> Decision {
        let wanted = match (stream.mode, stream.warm_throughput_mibps) {
            (StreamMode::OnDemand, Some(mibps)) => mibps.min(SHARDS_PER_STREAM_MAX),
            _ => 0,
        };
        let open = u32::try_from(stream.open_shards().len()).expect("indexes have 31 bits");
        if wanted <= open {
            return Decision::store(stream);
        }
        // No more than twice as many shards are reached at a time.
        let target = wanted.min(open.saturating_mul(2));
        match self.next_round(now, &stream, target) {
            Ok(Some(round)) => round,
            Ok(None) | Err(_) => Decision::store(stream),
        }
    }

    /// The next round on the way to `target` shards; `None` if the stream has as many.
    fn next_round(
        &self,
        now: TimestampMs,
        stream: &Stream,
        target: u32,
    ) -> Result<Option<Decision>, Rejected> {
        let open = stream.open_shards();
        let ranges: Vec<HashKeyRange> = open.iter().map(|shard| shard.range).collect();
        let round = scaling::next_round(&ranges, target as usize).map_err(|narrow| {
            let shard = open.iter().find(|shard| shard.range == narrow);
            shard.map_or(Rejected::NotBegun, |shard| {
                Rejected::ShardTooNarrow(shard.id)
            })
        })?;
        let plans: Vec<Plan<'_>> = match round {
            None => return Ok(None),
            Some(Round::Split(keys)) => open
                .iter()
                .zip(keys)
                .map(|(shard, key)| Plan::split(shard, key))
                .collect(),
            Some(Round::Merge(places)) => places
                .iter()
                .map(|place| Plan::merge(&open[*place], &open[place + 1]))
                .collect(),
        };
        self.begin_reshards(now, stream, &plans, |reshards| Change::Scale {
            target,
            reshards,
        })
        .map(Some)
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
        plan: &Plan<'_>,
    ) -> Result<Decision, Rejected> {
        let plans = std::slice::from_ref(plan);
        self.begin_reshards(now, stream, plans, |mut reshards| {
            let Reshard { parents, children } = reshards.remove(0);
            Change::Reshard { parents, children }
        })
    }

    fn begin_reshards(
        &self,
        now: TimestampMs,
        stream: &Stream,
        plans: &[Plan<'_>],
        change: impl FnOnce(Vec<Reshard>) -> Change,
    ) -> Result<Decision, Rejected> {
        let logs_used = plans.iter().map(|plan| plan.ranges.len() as u64).sum();
        let mut logs = self.next_logs(logs_used)?;
        let mut ids = (stream.next_shard_index..).map_while(ShardId::new);
        let mut changed = stream.clone();
        let mut reshards = Vec::with_capacity(plans.len());
        let mut closing = BTreeSet::new();
        for plan in plans {
            let created_s = check_second(now.as_secs().max(plan.created_s_min()))?;
            changed.last_created_s = changed.last_created_s.max(created_s);
            let mut child = |range: &HashKeyRange| {
                let (id, log) = ids.next().zip(logs.next()).ok_or(Rejected::OutOfIds)?;
                Ok(NewShard {
                    id,
                    range: *range,
                    created_s,
                    log,
                })
            };
            let children = plan.ranges.iter().map(&mut child);
            let children: Vec<NewShard> = children.collect::<Result<_, _>>()?;
            for parent in &plan.parents {
                closing.insert(parent.id);
            }
            if let Some(last) = children.last() {
                changed.next_shard_index = last.id.index() + 1;
            }
            reshards.push(Reshard {
                parents: plan.parents.iter().map(|parent| parent.id).collect(),
                children,
            });
        }
        let mut open = stream.open_shards().to_vec();
        for shard in open.iter_mut().filter(|one| closing.contains(&one.id)) {
            shard.state = ShardState::Closing;
        }
        changed.set_open(open);
        changed.status = StreamStatus::Updating;
        changed.change = Some(change(reshards));
        Ok(Decision::Store {
            stream: Box::new(changed),
            logs_used,
        })
    }

    fn finish_reshard(
        &self,
        now: TimestampMs,
        id: StreamId,
        closed: &[ClosedShard],
        logs: &[CreatedLog],
    ) -> Result<Decision, Rejected> {
        let stream = self.stream(id)?;
        let change = stream.change.as_ref().ok_or(Rejected::NotBegun)?;
        let changed = take_over(stream, &change.reshards(), closed, logs)?;
        match *change {
            Change::Scale { target, .. } => match self.next_round(now, &changed, target)? {
                Some(next) => Ok(next),
                None => Ok(self.warm_up(now, changed)),
            },
            _ => Ok(Decision::store(changed)),
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
}

/// Shards that are to close, and the ranges of those that follow.
struct Plan<'a> {
    parents: Vec<&'a Shard>,
    ranges: Vec<HashKeyRange>,
}

impl<'a> Plan<'a> {
    fn split(parent: &'a Shard, key: HashKey) -> Self {
        let HashKeyRange { start, end } = parent.range;
        let low_end = HashKey(key.0 - 1);
        Self {
            parents: vec![parent],
            ranges: vec![
                HashKeyRange {
                    start,
                    end: low_end,
                },
                HashKeyRange { start: key, end },
            ],
        }
    }

    fn merge(first: &'a Shard, second: &'a Shard) -> Self {
        Self {
            parents: vec![first, second],
            ranges: vec![HashKeyRange {
                start: first.range.start,
                end: second.range.end,
            }],
        }
    }

    /// The lowest creation second of children: numbers of children are above those of their parents.
    fn created_s_min(&self) -> u64 {
        let youngest_s = self.parents.iter().map(|parent| parent.created_s).max();
        youngest_s.unwrap_or(0).saturating_add(1)
    }
}

/// The stream once the parents are closed and the children take records: ACTIVE.
///
/// `closed` and `logs` must name every parent and every child in their order, and nothing else.
fn take_over(
    stream: &Stream,
    reshards: &[(&[ShardId], &[NewShard])],
    closed: &[ClosedShard],
    logs: &[CreatedLog],
) -> Result<Stream, Rejected> {
    let parents = reshards.iter().flat_map(|(parents, _)| *parents);
    if !parents.eq(closed.iter().map(|closed| &closed.shard)) {
        return Err(Rejected::NotBegun);
    }
    let mut changed = stream.clone();
    // All parents end at the same time, so that at any time the listed shards tile the space.
    let closed_ms = closed.iter().map(|closed| closed.closed_ms).max();
    let closed_ms = closed_ms.ok_or(Rejected::NotBegun)?;
    let mut closed = closed.iter();
    let (mut logs, mut rows, mut opened) = (logs, Vec::new(), Vec::new());
    for (parents, children) in reshards {
        let (own, rest) = logs
            .split_at_checked(children.len())
            .ok_or(Rejected::NotBegun)?;
        logs = rest;
        for ClosedShard { shard, end, .. } in closed.by_ref().take(parents.len()) {
            let shard = stream.open.get(*shard).ok_or(Rejected::NotBegun)?;
            rows.push(ClosedRow {
                shard: shard.closed_at(*end, closed_ms),
                first_child: children.first().map_or(0, |child| child.id.index()),
                children: u8::try_from(children.len()).expect("one or two"),
            });
        }
        let parents = (parents.first().copied(), parents.get(1).copied());
        opened.extend(open(children, own, closed_ms.plus_ms(1), |_| parents)?);
    }
    if !logs.is_empty() {
        return Err(Rejected::NotBegun);
    }
    changed.hand_over(rows, opened);
    changed.change = None;
    changed.status = StreamStatus::Active;
    Ok(changed)
}

fn shard_of(stream: &Stream, id: ShardId) -> Result<Shard, Rejected> {
    stream.shard(id).ok_or(Rejected::NoSuchShard(id))
}

/// AWS asks for more than one key in the first child and more than one in the second.
fn check_cut(range: HashKeyRange, key: HashKey) -> Result<(), Rejected> {
    match key.0 > range.start.0.saturating_add(1) && key < range.end {
        true => Ok(()),
        false => Err(Rejected::SplitKeyOutside(range)),
    }
}

fn check_open(shard: &Shard) -> Result<(), Rejected> {
    match shard.state {
        ShardState::Open => Ok(()),
        ShardState::Closing | ShardState::Closed { .. } => Err(Rejected::ShardEnded(shard.id)),
    }
}
