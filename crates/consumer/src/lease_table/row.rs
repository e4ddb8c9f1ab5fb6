//! A lease as the KCL's table row.
//!
//! `leaseOwner`, the pending attributes, `parentShardId`, `childShardIds` and the hash keys are absent when there is
//! nothing to say; never NULL, never empty. `latestAtMs` and `startingSequenceNumber` are ours: the KCL ignores them.
//! `parentShardId` is a string set in spite of its name.
//!
//! Of an application of several streams the key has the stream in front, and the row says both parts in `streamName` and
//! `shardId`; parents and children bear the ids that they have in their stream.

use std::collections::{BTreeSet, HashMap};

use aws_sdk_dynamodb::primitives::Blob;
use aws_sdk_dynamodb::types::AttributeValue;
use millstream_types::{HashKeyRange, TimestampMs};

use crate::{Checkpoint, ExtendedSequenceNumber, Lease, PendingCheckpoint};

pub(super) type Row = HashMap<String, AttributeValue>;

pub(super) const LEASE_KEY: &str = "leaseKey";
pub(super) const LEASE_OWNER: &str = "leaseOwner";
pub(super) const LEASE_COUNTER: &str = "leaseCounter";
pub(super) const OWNER_SWITCHES: &str = "ownerSwitchesSinceCheckpoint";
pub(super) const CHECKPOINT: &str = "checkpoint";
pub(super) const CHECKPOINT_SUB: &str = "checkpointSubSequenceNumber";
pub(super) const PENDING: &str = "pendingCheckpoint";
pub(super) const PENDING_SUB: &str = "pendingCheckpointSubSequenceNumber";
pub(super) const PENDING_STATE: &str = "pendingCheckpointState";
pub(super) const PARENTS: &str = "parentShardId";
pub(super) const CHILDREN: &str = "childShardIds";
pub(super) const CHECKPOINT_OWNER: &str = "checkpointOwner";
pub(super) const LATEST_AT: &str = "latestAtMs";
pub(super) const STARTING_SEQUENCE_NUMBER: &str = "startingSequenceNumber";
const STREAM_NAME: &str = "streamName";
const SHARD_ID: &str = "shardId";
const STARTING_HASH_KEY: &str = "startingHashKey";
const ENDING_HASH_KEY: &str = "endingHashKey";
const ENTITY_TYPE: &str = "entityType";

pub(super) fn text(value: impl Into<String>) -> AttributeValue {
    AttributeValue::S(value.into())
}

pub(super) fn number(value: u64) -> AttributeValue {
    AttributeValue::N(value.to_string())
}

/// The ids that shards have in their stream.
pub(super) fn shard_ids(names: &BTreeSet<String>) -> AttributeValue {
    let own_id = |name: &String| {
        name.rsplit_once(':')
            .map_or(name.as_str(), |(_, id)| id)
            .to_owned()
    };
    AttributeValue::Ss(names.iter().map(own_id).collect())
}

pub(super) fn bytes(value: &[u8]) -> AttributeValue {
    AttributeValue::B(Blob::new(value))
}

/// The whole row of a new lease.
pub(super) fn encode(lease: &Lease) -> Row {
    let mut row = Row::from([
        (LEASE_KEY.to_owned(), text(&lease.lease_key)),
        (LEASE_COUNTER.to_owned(), number(lease.lease_counter)),
        (
            OWNER_SWITCHES.to_owned(),
            number(lease.owner_switches_since_checkpoint),
        ),
        (CHECKPOINT.to_owned(), text(lease.checkpoint.text())),
        (
            CHECKPOINT_SUB.to_owned(),
            number(lease.checkpoint.sub_sequence_number()),
        ),
    ]);
    let mut put = |name: &str, value| row.insert(name.to_owned(), value);
    if let Some((stream, shard_id)) = lease.lease_key.rsplit_once(':') {
        put(STREAM_NAME, text(stream));
        put(SHARD_ID, text(shard_id));
    }
    if let Some(owner) = &lease.lease_owner {
        put(LEASE_OWNER, text(owner));
    }
    if let Some(owner) = &lease.checkpoint_owner {
        put(CHECKPOINT_OWNER, text(owner));
    }
    if let Some(pending) = &lease.pending_checkpoint {
        put(PENDING, text(pending.checkpoint.text()));
        put(
            PENDING_SUB,
            number(pending.checkpoint.sub_sequence_number()),
        );
        if let Some(state) = &pending.state {
            put(PENDING_STATE, bytes(state));
        }
    }
    if !lease.parent_shard_ids.is_empty() {
        put(PARENTS, shard_ids(&lease.parent_shard_ids));
    }
    if !lease.child_shard_ids.is_empty() {
        put(CHILDREN, shard_ids(&lease.child_shard_ids));
    }
    if let Some(range) = &lease.hash_key_range {
        put(STARTING_HASH_KEY, text(range.start.to_string()));
        put(ENDING_HASH_KEY, text(range.end.to_string()));
    }
    if let Some(moment) = lease.latest_at {
        put(LATEST_AT, number(moment.0));
    }
    if let Some(place) = &lease.starting_sequence_number {
        put(STARTING_SEQUENCE_NUMBER, text(place.sequence_number()));
    }
    row
}

/// The lease in a row; `None` if the row is something else (KCL 3.5 keeps other entities in the same table) or lacks
/// what a lease must have.
pub(super) fn decode(row: &Row) -> Option<Lease> {
    let is_lease = get_text(row, ENTITY_TYPE).is_none_or(|kind| kind == "LEASE");
    if !is_lease {
        return None;
    }
    let checkpoint =
        |name, sub| Checkpoint::parse(get_text(row, name)?, get_number(row, sub).unwrap_or(0)).ok();
    let pending_checkpoint = checkpoint(PENDING, PENDING_SUB).map(|checkpoint| PendingCheckpoint {
        checkpoint,
        state: get_bytes(row, PENDING_STATE),
    });
    let lease_key = get_text(row, LEASE_KEY)?;
    Some(Lease {
        lease_key: lease_key.to_owned(),
        lease_owner: get_text(row, LEASE_OWNER).map(str::to_owned),
        checkpoint_owner: get_text(row, CHECKPOINT_OWNER).map(str::to_owned),
        lease_counter: get_number(row, LEASE_COUNTER)?,
        owner_switches_since_checkpoint: get_number(row, OWNER_SWITCHES).unwrap_or(0),
        checkpoint: checkpoint(CHECKPOINT, CHECKPOINT_SUB)?,
        pending_checkpoint,
        parent_shard_ids: get_shards(row, PARENTS, lease_key),
        child_shard_ids: get_shards(row, CHILDREN, lease_key),
        hash_key_range: get_range(row),
        latest_at: get_number(row, LATEST_AT).map(TimestampMs),
        starting_sequence_number: get_text(row, STARTING_SEQUENCE_NUMBER)
            .and_then(|number| ExtendedSequenceNumber::new(number, 0).ok()),
    })
}

fn get_text<'a>(row: &'a Row, name: &str) -> Option<&'a str> {
    row.get(name)?.as_s().ok().map(String::as_str)
}

fn get_number(row: &Row, name: &str) -> Option<u64> {
    row.get(name)?.as_n().ok()?.parse().ok()
}

fn get_bytes(row: &Row, name: &str) -> Option<Vec<u8>> {
    Some(row.get(name)?.as_b().ok()?.as_ref().to_vec())
}

/// Shards of the stream that the lease is of, by their names in this application.
fn get_shards(row: &Row, name: &str, lease_key: &str) -> BTreeSet<String> {
    let ids = row.get(name).and_then(|value| value.as_ss().ok());
    let ids = ids.into_iter().flatten();
    match lease_key.rsplit_once(':') {
        Some((stream, _)) => ids.map(|id| format!("{stream}:{id}")).collect(),
        None => ids.cloned().collect(),
    }
}

fn get_range(row: &Row) -> Option<HashKeyRange> {
    let hash_key = |name| get_text(row, name)?.parse().ok();
    let (start, end) = (hash_key(STARTING_HASH_KEY)?, hash_key(ENDING_HASH_KEY)?);
    (start <= end).then_some(HashKeyRange { start, end })
}

#[cfg(test)]
mod tests {
    use millstream_types::HashKey;

    use super::*;

    fn full_lease() -> Lease {
        Lease {
            lease_key: "shardId-000000000004".into(),
            lease_owner: Some("worker-a".into()),
            checkpoint_owner: Some("worker-b".into()),
            lease_counter: 17,
            owner_switches_since_checkpoint: 2,
            checkpoint: Checkpoint::parse("4959", 3).unwrap(),
            pending_checkpoint: Some(PendingCheckpoint {
                checkpoint: Checkpoint::parse("4960", 1).unwrap(),
                state: Some(vec![0, 255]),
            }),
            parent_shard_ids: ["p1".to_owned(), "p2".to_owned()].into(),
            child_shard_ids: ["c1".to_owned()].into(),
            hash_key_range: Some(HashKeyRange {
                start: HashKey(5),
                end: HashKey(u128::MAX),
            }),
            latest_at: Some(TimestampMs(1_795_881_602_000)),
            starting_sequence_number: Some(ExtendedSequenceNumber::new("4950", 0).unwrap()),
        }
    }

    #[test]
    fn attributes_are_those_of_the_kcl() {
        let row = encode(&full_lease());
        let expected = Row::from(
            [
                ("leaseKey", text("shardId-000000000004")),
                ("leaseOwner", text("worker-a")),
                ("checkpointOwner", text("worker-b")),
                ("leaseCounter", AttributeValue::N("17".into())),
                (
                    "ownerSwitchesSinceCheckpoint",
                    AttributeValue::N("2".into()),
                ),
                ("checkpoint", text("4959")),
                ("checkpointSubSequenceNumber", AttributeValue::N("3".into())),
                ("pendingCheckpoint", text("4960")),
                (
                    "pendingCheckpointSubSequenceNumber",
                    AttributeValue::N("1".into()),
                ),
                ("pendingCheckpointState", bytes(&[0, 255])),
                (
                    "parentShardId",
                    AttributeValue::Ss(vec!["p1".into(), "p2".into()]),
                ),
                ("childShardIds", AttributeValue::Ss(vec!["c1".into()])),
                ("startingHashKey", text("5")),
                (
                    "endingHashKey",
                    text("340282366920938463463374607431768211455"),
                ),
                ("latestAtMs", AttributeValue::N("1795881602000".into())),
                ("startingSequenceNumber", text("4950")),
            ]
            .map(|(name, value)| (name.to_owned(), value)),
        );
        assert_eq!(row, expected);
        assert_eq!(decode(&row), Some(full_lease()));
    }

    #[test]
    fn of_several_streams_the_row_says_stream_and_shard_apart() {
        let stream = "123456789012:orders:1795881602";
        let lease = Lease {
            lease_key: format!("{stream}:shardId-000000000004"),
            parent_shard_ids: [format!("{stream}:shardId-000000000001")].into(),
            child_shard_ids: [format!("{stream}:shardId-000000000007")].into(),
            ..full_lease()
        };
        let row = encode(&lease);
        let says = |name: &str| row[name].clone();
        assert_eq!(says("leaseKey"), text(&lease.lease_key));
        assert_eq!(says("streamName"), text(stream));
        assert_eq!(says("shardId"), text("shardId-000000000004"));
        let ids = |id: &str| AttributeValue::Ss(vec![id.to_owned()]);
        assert_eq!(says("parentShardId"), ids("shardId-000000000001"));
        assert_eq!(says("childShardIds"), ids("shardId-000000000007"));
        assert_eq!(decode(&row), Some(lease));
    }

    #[test]
    fn what_is_unknown_is_absent() {
        let lease = Lease::unowned("shardId-000000000000", Checkpoint::TrimHorizon);
        let row = encode(&lease);
        let mut names: Vec<_> = row.keys().map(String::as_str).collect();
        names.sort_unstable();
        assert_eq!(
            names,
            [
                "checkpoint",
                "checkpointSubSequenceNumber",
                "leaseCounter",
                "leaseKey",
                "ownerSwitchesSinceCheckpoint"
            ]
        );
        assert_eq!(decode(&row), Some(lease));
    }

    #[test]
    fn rows_of_other_kinds_are_no_leases() {
        let mut leader = Row::from([
            (LEASE_KEY.to_owned(), text("Leader")),
            ("ownerName".to_owned(), text("worker-a")),
            (ENTITY_TYPE.to_owned(), text("LEADER")),
        ]);
        assert_eq!(decode(&leader), None);
        leader.remove(ENTITY_TYPE);
        assert_eq!(decode(&leader), None);

        let mut lease = encode(&full_lease());
        lease.insert(ENTITY_TYPE.to_owned(), text("LEASE"));
        lease.insert("throughputKBps".to_owned(), AttributeValue::N("1.5".into()));
        assert_eq!(decode(&lease), Some(full_lease()));
    }
}
