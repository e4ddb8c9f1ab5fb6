//! A look at an application, as the decision takes it.

use std::collections::HashMap;
use std::sync::Arc;

use millstream_scaling::lag::{Lag, ShardLag};
use millstream_scaling::{Middle, Observation, ShardObservation, WorkerObservation};
use millstream_types::ShardId;

/// What a look tells; `None` if the rates are not known yet, or not of every shard: a shard whose lease is new, or a
/// service that does not count.
///
/// `running` are the workers that the actuator knows. Whoever else holds a lease that was renewed within `silent_ms` counts
/// too.
pub(super) fn observation(
    lag: &Lag,
    running: &[Arc<str>],
    silent_ms: u64,
    middles: &HashMap<ShardId, Middle>,
) -> Option<Observation> {
    let mut workers: Vec<Arc<str>> = running.to_vec();
    for shard in &lag.shards {
        let is_renewed = shard.heartbeat_ms.is_some_and(|ms| ms <= silent_ms);
        if let Some(owner) = holder(shard).filter(|_| is_renewed)
            && !workers.iter().any(|worker| **worker == *owner)
        {
            workers.push(owner.into());
        }
    }
    let of_shard = |shard: &ShardLag| {
        let id: ShardId = shard.shard_id.parse().ok()?;
        let owner =
            holder(shard).and_then(|owner| workers.iter().position(|worker| **worker == *owner));
        Some(ShardObservation {
            id,
            range: shard.range(),
            is_open: shard.is_open,
            incoming: shard.incoming?,
            read_records_per_s: shard.read_records_per_s?,
            backlog_records: shard.backlog?.records,
            behind_ms: shard.behind_ms?,
            owner: owner.and_then(|owner| u32::try_from(owner).ok()),
            middle: middles.get(&id).cloned().unwrap_or(Middle::Unknown),
        })
    };
    let mut shards: Vec<ShardObservation> =
        lag.shards.iter().map(of_shard).collect::<Option<_>>()?;
    shards.sort_by_key(|shard| shard.id);
    let id = |id| WorkerObservation { id };
    Some(Observation {
        at: lag.at,
        shards,
        workers: workers.into_iter().map(id).collect(),
    })
}

/// Who works on the shard: while its lease is handed over, the one that still finishes.
fn holder(shard: &ShardLag) -> Option<&str> {
    shard.checkpoint_owner.as_deref().or(shard.owner.as_deref())
}
