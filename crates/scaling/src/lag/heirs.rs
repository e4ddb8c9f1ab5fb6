//! Shards that have no lease yet, and will be read from their beginning.

use std::collections::{BTreeMap, BTreeSet};

use millstream_consumer::{Checkpoint, Lease};

use super::stream_of::Listed;

/// Leases, as they will be made, of the shards without one whose parents have one or are such shards themselves. Who
/// finishes the parents makes them, at TRIM_HORIZON; until then nothing of what comes into these shards shows in a lease
/// table, and after a split that is all that comes.
pub(super) fn heirs(leases: &[Lease], listed: &BTreeMap<String, Listed>) -> Vec<Lease> {
    let mut known: BTreeSet<&str> = leases
        .iter()
        .map(|lease| lease.lease_key.as_str())
        .collect();
    let mut heirs = Vec::new();
    // By their ids: parents come before their children.
    for shard in listed.values() {
        let mut parents = shard.parents.iter();
        if parents.any(|parent| known.contains(parent.as_str())) && known.insert(&shard.id) {
            let mut lease = Lease::unowned(shard.id.clone(), Checkpoint::TrimHorizon);
            lease.parent_shard_ids = shard.parents.iter().cloned().collect();
            heirs.push(lease);
        }
    }
    heirs
}

#[cfg(test)]
mod tests {
    use millstream_types::{HashKeyRange, ShardId};

    use super::*;

    fn id(index: u32) -> String {
        ShardId::new(index).unwrap().to_string()
    }

    fn shard(index: u32, parents: &[u32]) -> (String, Listed) {
        let listed = Listed {
            id: id(index),
            shard: ShardId::new(index).unwrap(),
            range: HashKeyRange::ALL,
            is_open: true,
            parents: parents.iter().map(|parent| id(*parent)).collect(),
            starting_sequence_number: String::new(),
        };
        (id(index), listed)
    }

    fn lease(index: u32) -> Lease {
        Lease::unowned(id(index), Checkpoint::Latest)
    }

    #[test]
    fn children_and_their_children_are_read_from_their_beginning() {
        let listed = BTreeMap::from([
            shard(0, &[]),
            shard(1, &[]),
            shard(2, &[0]),
            shard(3, &[0]),
            shard(4, &[3]),
            shard(5, &[1]),
        ]);
        // Nobody has said yet where 1 is to be read from, and so not where 5 is.
        let found = heirs(&[lease(0), lease(2)], &listed);
        let ids: Vec<&str> = found.iter().map(|lease| lease.lease_key.as_str()).collect();
        assert_eq!(ids, [id(3), id(4)]);
        assert!(
            found
                .iter()
                .all(|lease| lease.checkpoint == Checkpoint::TrimHorizon)
        );
        assert!(found.iter().all(|lease| lease.lease_owner.is_none()));
        // A parent that has expired says nothing.
        assert!(heirs(&[lease(0)], &BTreeMap::from([shard(9, &[7])])).is_empty());
    }
}
