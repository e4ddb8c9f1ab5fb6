//! A look at an application, as the decision takes it.

use std::collections::HashMap;
use std::sync::Arc;

use millstream_scaling::actuator::{Running, is_of};
use millstream_scaling::lag::{Lag, ShardLag};
use millstream_scaling::{Middle, Observation, ShardObservation, WorkerObservation};
use millstream_types::ShardId;

/// What a look tells; `None` if the rates are not known yet, or not of every shard: a shard whose lease is new, or a
/// service that does not count.
///
/// `running` are the workers that the actuator knows. Whoever else holds a lease that was renewed within `silent_ms` counts
/// too; where the actuator only counts, the holders are taken for those that it has counted.
pub(super) fn observation(
    lag: &Lag,
    running: &Running,
    silent_ms: u64,
    middles: &HashMap<ShardId, Middle>,
) -> Option<Observation> {
    let alive = lag.shards.iter().filter(|shard| {
        let heartbeat_ms = shard.heartbeat_ms;
        heartbeat_ms.is_some_and(|ms| ms <= silent_ms)
    });
    let workers = workers(running, alive.filter_map(holder));
    let of_shard = |shard: &ShardLag| {
        let id: ShardId = shard.shard_id.parse().ok()?;
        let owner =
            holder(shard).and_then(|owner| workers.iter().position(|worker| is_of(owner, worker)));
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
        without_lease: u32::try_from(lag.without_lease.len()).unwrap_or(u32::MAX),
        workers: workers.into_iter().map(id).collect(),
    })
}

/// Those that the actuator knows, and of the owners of leases who is none of them.
fn workers<'a>(running: &Running, owners: impl Iterator<Item = &'a str>) -> Vec<Arc<str>> {
    let mut workers: Vec<Arc<str>> = running.ids().to_vec();
    for owner in owners {
        if !workers.iter().any(|worker| is_of(owner, worker)) {
            workers.push(owner.into());
        }
    }
    for number in workers.len()..running.count() as usize {
        workers.push(format!("without a lease, {number}").into());
    }
    workers
}

/// Workers that hold leases.
pub(super) fn holders(seen: &Observation) -> Vec<Arc<str>> {
    let ids = seen.workers.iter().zip(0u32..).filter(|(_, index)| {
        let mut owners = seen.shards.iter().filter_map(|shard| shard.owner);
        owners.any(|owner| owner == *index)
    });
    ids.map(|(worker, _)| Arc::clone(&worker.id)).collect()
}

/// Who works on the shard: while its lease is handed over, the one that still finishes.
fn holder(shard: &ShardLag) -> Option<&str> {
    shard.checkpoint_owner.as_deref().or(shard.owner.as_deref())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(running: &Running, owners: &[&str]) -> Vec<String> {
        let workers = workers(running, owners.iter().copied());
        workers.iter().map(|worker| worker.to_string()).collect()
    }

    #[test]
    fn a_worker_counts_once_however_it_is_known() {
        let named = Running::Named(["i-1", "i-2"].map(Into::into).to_vec());
        assert_eq!(
            of(&named, &["i-1:6f", "stranger", "i-1:6f", "i-12"]),
            ["i-1", "i-2", "stranger", "i-12"]
        );
        let counted = Running::Counted(3);
        assert_eq!(
            of(&counted, &["till-0:a", "till-1:b", "till-0:a"]),
            ["till-0:a", "till-1:b", "without a lease, 2"]
        );
        assert_eq!(of(&Running::Counted(1), &["a", "b"]), ["a", "b"]);
    }
}
