//! A lease as a row.

use std::collections::BTreeSet;

use millstream_consumer::{
    Checkpoint, ExtendedSequenceNumber, HashKeyRange, Lease, PendingCheckpoint, TimestampMs,
};
use tokio_postgres::Row;

use crate::bound::{Parameter, maybe_bytes, maybe_number, maybe_text, number, text, texts};

/// Somebody has written what no worker writes.
#[derive(Debug, thiserror::Error)]
#[error(
    "the row of {0} is not that of a lease: somebody else has written it; correct it, or delete it to begin anew"
)]
pub(crate) struct NotALease(String);

/// What a worker writes when it checkpoints.
pub(crate) fn progress(lease: &Lease) -> Vec<(&'static str, Parameter)> {
    let pending = lease.pending_checkpoint.as_ref();
    let checkpoint = pending.map(|pending| &pending.checkpoint);
    let state = pending.and_then(|pending| pending.state.as_deref());
    vec![
        ("checkpoint", text(lease.checkpoint.text())),
        (
            "checkpoint_sub_sequence_number",
            number(lease.checkpoint.sub_sequence_number()),
        ),
        (
            "pending_checkpoint",
            maybe_text(checkpoint.map(Checkpoint::text)),
        ),
        (
            "pending_checkpoint_sub_sequence_number",
            maybe_number(checkpoint.map(Checkpoint::sub_sequence_number)),
        ),
        ("pending_checkpoint_state", maybe_bytes(state)),
        ("child_shard_ids", texts(&lease.child_shard_ids)),
        ("latest_at_ms", maybe_number(lease.latest_at.map(|at| at.0))),
    ]
}

/// All columns but the key and the counter.
pub(crate) fn contents(lease: &Lease) -> Vec<(&'static str, Parameter)> {
    let hash_keys = lease.hash_key_range;
    let start = hash_keys.map(|range| range.start.to_string());
    let end = hash_keys.map(|range| range.end.to_string());
    let starting = lease.starting_sequence_number.as_ref();
    let mut columns = progress(lease);
    columns.extend([
        ("lease_owner", maybe_text(lease.lease_owner.as_deref())),
        (
            "checkpoint_owner",
            maybe_text(lease.checkpoint_owner.as_deref()),
        ),
        (
            "owner_switches_since_checkpoint",
            number(lease.owner_switches_since_checkpoint),
        ),
        ("parent_shard_ids", texts(&lease.parent_shard_ids)),
        ("starting_hash_key", maybe_text(start.as_deref())),
        ("ending_hash_key", maybe_text(end.as_deref())),
        (
            "starting_sequence_number",
            maybe_text(starting.map(|place| place.sequence_number())),
        ),
    ]);
    columns
}

pub(crate) fn decode(row: &Row) -> Result<Lease, NotALease> {
    let lease_key: Result<String, _> = row.try_get("lease_key");
    let lease_key = lease_key.map_err(|_| NotALease("a lease without a key".to_owned()))?;
    let lease = lease_of(row, &lease_key);
    lease.ok_or(NotALease(lease_key))
}

/// `None` too if the table has other columns than ours.
fn lease_of(row: &Row, lease_key: &str) -> Option<Lease> {
    let maybe_number = |name: &str| -> Option<Option<u64>> {
        let number: Option<i64> = row.try_get(name).ok()?;
        number.map(u64::try_from).transpose().ok()
    };
    let number = |name: &str| maybe_number(name)?;
    let maybe_text = |name: &str| -> Option<Option<String>> { row.try_get(name).ok() };
    let set = |name: &str| -> Option<BTreeSet<String>> {
        let values: Vec<String> = row.try_get(name).ok()?;
        Some(values.into_iter().collect())
    };
    let checkpoint = |text: &str, sub: &str| Checkpoint::parse(text, number(sub)?).ok();
    let pending_checkpoint = match maybe_text("pending_checkpoint")? {
        Some(text) => Some(PendingCheckpoint {
            checkpoint: checkpoint(&text, "pending_checkpoint_sub_sequence_number")?,
            state: row.try_get("pending_checkpoint_state").ok()?,
        }),
        None => None,
    };
    let hash_keys = (
        maybe_text("starting_hash_key")?,
        maybe_text("ending_hash_key")?,
    );
    let hash_key_range = match hash_keys {
        (Some(start), Some(end)) => Some(HashKeyRange {
            start: start.parse().ok()?,
            end: end.parse().ok()?,
        }),
        _ => None,
    };
    let starting_sequence_number = match maybe_text("starting_sequence_number")? {
        Some(digits) => Some(ExtendedSequenceNumber::new(&digits, 0).ok()?),
        None => None,
    };
    Some(Lease {
        lease_key: lease_key.to_owned(),
        lease_owner: maybe_text("lease_owner")?,
        checkpoint_owner: maybe_text("checkpoint_owner")?,
        lease_counter: number("lease_counter")?,
        owner_switches_since_checkpoint: number("owner_switches_since_checkpoint")?,
        checkpoint: checkpoint(
            &maybe_text("checkpoint")??,
            "checkpoint_sub_sequence_number",
        )?,
        pending_checkpoint,
        parent_shard_ids: set("parent_shard_ids")?,
        child_shard_ids: set("child_shard_ids")?,
        hash_key_range,
        latest_at: maybe_number("latest_at_ms")?.map(TimestampMs),
        starting_sequence_number,
    })
}
