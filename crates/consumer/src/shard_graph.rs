//! Which leases must exist, and which may go: decisions without I/O.
//!
//! **Invariant.** A lease is created only after those of all its listed parents exist or are done. So when a shard has
//! no lease but one of its descendants has, the shard needs none: it was finished and cleaned up, or it ended before
//! the application began.

use std::collections::{BTreeMap, BTreeSet};

use crate::{Checkpoint, InitialPosition, Lease, Shard};

mod former_stream;

pub(crate) use former_stream::{OutdatedListing, SyncStep, sync_steps};

/// The shards of a listing, which may lag behind, and those children of the shard `ended` that are past retention.
///
/// # Errors
/// A child that is not listed yet. It must not have a lease before: the end of its parent does not tell where its numbers
/// start, so the lease could not say of which stream it is, should this one be created again; nor whether its other parent
/// has a lease, without which that parent's records would be skipped.
pub(crate) fn with_children(
    mut listed: Vec<Shard>,
    ended: &str,
    children: &[Shard],
) -> Result<Vec<Shard>, String> {
    let ids: BTreeSet<String> = listed.iter().map(|shard| shard.shard_id.clone()).collect();
    for child in children {
        if ids.contains(&child.shard_id) {
            continue;
        }
        // A shard is not past retention before its parents are.
        let is_past = !ids.contains(ended) && ids.last() > Some(&child.shard_id);
        if !is_past {
            return Err(child.shard_id.clone());
        }
        listed.push(child.clone());
    }
    Ok(listed)
}

/// The leases that are missing, parents before children. Create them in this order and stop at the first failure:
/// the invariant rests on it.
pub(crate) fn leases_to_create(
    shards: &[Shard],
    leases: &[Lease],
    initial: InitialPosition,
) -> Vec<Lease> {
    let graph = Graph::new(shards, leases);
    let mut leased = graph.leased.clone();
    let mut missing = Vec::new();
    for shard in graph.parents_first() {
        if leased.contains(shard.shard_id.as_str()) || graph.is_done(shard) {
            continue;
        }
        let follows_a_leased_shard = graph.has_ancestor_in(shard, &leased);
        let checkpoint = match initial {
            // By arrival time, so the same rule holds for a child.
            InitialPosition::AtTimestamp(_) => Checkpoint::AtTimestamp,
            _ if follows_a_leased_shard => Checkpoint::TrimHorizon,
            InitialPosition::Latest if shard.is_closed => continue,
            other => other.checkpoint(),
        };
        leased.insert(&shard.shard_id);
        missing.push(Lease::of_shard(shard, checkpoint));
    }
    missing
}

/// The rows of finished shards that nobody needs any more.
///
/// A row goes once the rows of its own parents are gone and its children have been started on, or once the shard is
/// not listed any more; never while the shard takes records: then it is the row of another shard of that id.
pub(crate) fn leases_to_delete(shards: &[Shard], leases: &[Lease]) -> Vec<Lease> {
    let rows: BTreeMap<&str, &Lease> = leases
        .iter()
        .map(|lease| (lease.lease_key.as_str(), lease))
        .collect();
    let listed: BTreeMap<&str, &Shard> = shards
        .iter()
        .map(|shard| (shard.shard_id.as_str(), shard))
        .collect();
    let has_begun = |child: &String| {
        rows.get(child.as_str()).is_some_and(|lease| {
            matches!(lease.checkpoint, Checkpoint::At(_) | Checkpoint::ShardEnd)
        })
    };
    leases
        .iter()
        .filter(|lease| lease.is_finished())
        .filter(|lease| {
            let parents_gone = lease
                .parent_shard_ids
                .iter()
                .all(|parent| !rows.contains_key(parent.as_str()));
            let children = &lease.child_shard_ids;
            let followed = !children.is_empty() && children.iter().all(has_begun);
            match listed.get(lease.lease_key.as_str()) {
                Some(shard) => parents_gone && followed && shard.is_closed,
                None => parents_gone,
            }
        })
        .cloned()
        .collect()
}

/// The parents of `lease` that must be finished first, given their rows; a missing row does not hold it up.
pub(crate) fn unfinished<'a>(parents: impl IntoIterator<Item = &'a Lease>) -> Vec<String> {
    parents
        .into_iter()
        .filter(|parent| !parent.is_finished())
        .map(|parent| parent.lease_key.clone())
        .collect()
}

struct Graph<'a> {
    shards: BTreeMap<&'a str, &'a Shard>,
    children: BTreeMap<&'a str, Vec<&'a Shard>>,
    leased: BTreeSet<&'a str>,
}

impl<'a> Graph<'a> {
    fn new(shards: &'a [Shard], leases: &'a [Lease]) -> Self {
        let mut children: BTreeMap<&str, Vec<&Shard>> = BTreeMap::new();
        for shard in shards {
            for parent in &shard.parent_shard_ids {
                children.entry(parent).or_default().push(shard);
            }
        }
        Self {
            shards: shards
                .iter()
                .map(|shard| (shard.shard_id.as_str(), shard))
                .collect(),
            children,
            leased: leases
                .iter()
                .map(|lease| lease.lease_key.as_str())
                .collect(),
        }
    }

    /// All listed shards; each after all of its listed parents.
    fn parents_first(&self) -> Vec<&'a Shard> {
        let mut waits_for: BTreeMap<&str, usize> = self
            .shards
            .values()
            .map(|shard| (shard.shard_id.as_str(), self.listed_parents(shard).count()))
            .collect();
        let mut ready: BTreeSet<&str> = waits_for
            .iter()
            .filter(|(_, parents)| **parents == 0)
            .map(|(id, _)| *id)
            .collect();
        let mut order = Vec::with_capacity(self.shards.len());
        while let Some(id) = ready.pop_first() {
            order.push(self.shards[id]);
            for child in self.children.get(id).into_iter().flatten() {
                if let Some(parents) = waits_for.get_mut(child.shard_id.as_str()) {
                    *parents -= 1;
                    if *parents == 0 {
                        ready.insert(&child.shard_id);
                    }
                }
            }
        }
        order
    }

    fn listed_parents(&self, shard: &'a Shard) -> impl Iterator<Item = &'a Shard> {
        let parents = shard.parent_shard_ids.iter();
        parents.filter_map(|id| self.shards.get(id.as_str()).copied())
    }

    /// Whether a descendant has a lease.
    fn is_done(&self, shard: &'a Shard) -> bool {
        let mut open = vec![shard];
        let mut visited = BTreeSet::new();
        while let Some(shard) = open.pop() {
            for child in self
                .children
                .get(shard.shard_id.as_str())
                .into_iter()
                .flatten()
            {
                if self.leased.contains(child.shard_id.as_str()) {
                    return true;
                }
                if visited.insert(child.shard_id.as_str()) {
                    open.push(child);
                }
            }
        }
        false
    }

    /// Whether an ancestor, listed or not, is in `leased`.
    fn has_ancestor_in(&self, shard: &'a Shard, leased: &BTreeSet<&str>) -> bool {
        let mut open = vec![shard];
        let mut visited = BTreeSet::new();
        while let Some(shard) = open.pop() {
            for parent in &shard.parent_shard_ids {
                if leased.contains(parent.as_str()) {
                    return true;
                }
                if let Some(parent) = self.shards.get(parent.as_str())
                    && visited.insert(parent.shard_id.as_str())
                {
                    open.push(parent);
                }
            }
        }
        false
    }
}

#[cfg(test)]
mod tests;
