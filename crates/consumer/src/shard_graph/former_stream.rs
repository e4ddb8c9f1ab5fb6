//! What a shard sync does, also when the stream was deleted and created again under its name.
//!
//! Shards of the new stream bear the ids of old ones. A row is known to be the former stream's when its shard starts at
//! another sequence number than the row says; where a row does not say (the KCL writes none), when its checkpoint lies
//! before the shard's first number, or when it calls a shard finished that still takes records.

use std::collections::{BTreeMap, BTreeSet};

use super::{Graph, leases_to_create};
use crate::{Checkpoint, ExtendedSequenceNumber, InitialPosition, Lease, Shard};

/// One write of a shard sync.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum SyncStep {
    /// A shard has no row yet.
    Create(Lease),
    /// The row is the former stream's.
    Restart {
        /// The row as listed.
        seen: Box<Lease>,
        /// What it becomes. It keeps its owner, who finds out at its next write; so nobody else begins before.
        fresh: Box<Lease>,
    },
    /// The row is the former stream's, and no shard has its id any more.
    Remove(Lease),
}

/// What is missing or of a former stream, in the order in which it is to be written; stop at the first failure.
///
/// The new stream is read from its first record, whatever the initial position says of the newest one: it began after
/// the application. `suspects` are rows that looked wrong in the listing before, which may have been a stale one.
pub(crate) fn sync_steps(
    shards: &[Shard],
    leases: &[Lease],
    initial: InitialPosition,
    suspects: &mut BTreeSet<String>,
) -> Vec<SyncStep> {
    let former = former_rows(shards, leases, suspects);
    if former.is_empty() {
        let missing = leases_to_create(shards, leases, initial);
        return missing.into_iter().map(SyncStep::Create).collect();
    }
    let initial = match initial {
        InitialPosition::Latest => InitialPosition::TrimHorizon,
        other => other,
    };
    let of_former = |key: &str| former.contains_key(key);
    let current: Vec<Lease> = leases
        .iter()
        .filter(|lease| !of_former(&lease.lease_key))
        .cloned()
        .collect();
    let mut wanted = leases_to_create(shards, &current, initial);
    for shard in shards {
        let is_planned = wanted.iter().any(|lease| lease.lease_key == shard.shard_id);
        if of_former(&shard.shard_id) && !is_planned {
            wanted.push(Lease::of_shard(shard, Checkpoint::TrimHorizon));
        }
    }
    // What stands on no former row first, while the former rows still tell where to begin.
    let graph = Graph::new(shards, leases);
    let former_keys: BTreeSet<&str> = former.keys().copied().collect();
    let (later, first): (Vec<Lease>, Vec<Lease>) = wanted.into_iter().partition(|lease| {
        let shard = graph.shards.get(lease.lease_key.as_str());
        of_former(&lease.lease_key)
            || shard.is_some_and(|shard| graph.has_ancestor_in(shard, &former_keys))
    });
    let unlisted = former
        .values()
        .filter(|lease| !graph.shards.contains_key(lease.lease_key.as_str()));
    let removals = unlisted.map(|lease| SyncStep::Remove((*lease).clone()));
    let restarts = later
        .into_iter()
        .map(|fresh| match former.get(fresh.lease_key.as_str()) {
            Some(seen) => SyncStep::Restart {
                seen: Box::new((*seen).clone()),
                fresh: Box::new(Lease {
                    lease_owner: seen.lease_owner.clone(),
                    ..fresh
                }),
            },
            None => SyncStep::Create(fresh),
        });
    let creations = first.into_iter().map(SyncStep::Create);
    creations.chain(removals).chain(restarts).collect()
}

fn former_rows<'a>(
    shards: &'a [Shard],
    leases: &'a [Lease],
    suspects: &mut BTreeSet<String>,
) -> BTreeMap<&'a str, &'a Lease> {
    let listed: BTreeMap<&str, &Shard> = shards
        .iter()
        .map(|shard| (shard.shard_id.as_str(), shard))
        .collect();
    let mut seen_now = BTreeSet::new();
    let mut former = BTreeMap::new();
    for lease in leases {
        let Some(shard) = listed.get(lease.lease_key.as_str()) else {
            continue;
        };
        let is_former = match evidence(lease, shard) {
            Evidence::None => false,
            Evidence::Certain => true,
            Evidence::OrStale => {
                seen_now.insert(lease.lease_key.clone());
                suspects.contains(&lease.lease_key)
            }
        };
        if is_former {
            former.insert(lease.lease_key.as_str(), lease);
        }
    }
    *suspects = seen_now;
    let oldest = shards
        .iter()
        .filter_map(|shard| shard.starting_sequence_number.as_ref())
        .min();
    let newest_id = listed.keys().next_back();
    for lease in leases {
        let is_older = oldest.is_some_and(|oldest| number_of(lease).is_some_and(|n| n < oldest));
        // In one stream, ids and numbers grow together.
        let is_younger = newest_id.is_some_and(|newest| lease.lease_key.as_str() > *newest);
        let is_listed = listed.contains_key(lease.lease_key.as_str());
        if !is_listed && is_older && (is_younger || !former.is_empty()) {
            former.insert(lease.lease_key.as_str(), lease);
        }
    }
    former
}

/// What speaks for a row of a former stream.
enum Evidence {
    None,
    Certain,
    /// The same could be seen in a listing that lags behind.
    OrStale,
}

fn evidence(lease: &Lease, shard: &Shard) -> Evidence {
    let Some(start) = &shard.starting_sequence_number else {
        return Evidence::None;
    };
    match &lease.starting_sequence_number {
        Some(known) if known == start => return Evidence::None,
        Some(_) => return Evidence::Certain,
        None => {}
    }
    match &lease.checkpoint {
        Checkpoint::At(place) if place < start => Evidence::Certain,
        Checkpoint::ShardEnd if !shard.is_closed => Evidence::OrStale,
        _ => Evidence::None,
    }
}

fn number_of(lease: &Lease) -> Option<&ExtendedSequenceNumber> {
    lease
        .starting_sequence_number
        .as_ref()
        .or(lease.checkpoint.place())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(number: u64) -> ExtendedSequenceNumber {
        ExtendedSequenceNumber::new(&number.to_string(), 0).unwrap()
    }

    fn shard(id: &str, parents: &[&str], start: u64) -> Shard {
        Shard {
            shard_id: id.to_owned(),
            parent_shard_ids: parents.iter().map(|id| (*id).to_owned()).collect(),
            hash_key_range: None,
            starting_sequence_number: Some(place(start)),
            is_closed: false,
        }
    }

    fn row(id: &str, checkpoint: &str, start: Option<u64>) -> Lease {
        Lease {
            lease_owner: Some("w".into()),
            starting_sequence_number: start.map(place),
            ..Lease::unowned(id, Checkpoint::parse(checkpoint, 0).unwrap())
        }
    }

    /// `+` created, `!` restarted, `-` removed; with the new checkpoint.
    fn steps(shards: &[Shard], leases: &[Lease], suspects: &mut BTreeSet<String>) -> Vec<String> {
        let steps = sync_steps(shards, leases, InitialPosition::Latest, suspects);
        steps
            .iter()
            .map(|step| match step {
                SyncStep::Create(lease) => format!("+{} {}", lease.lease_key, lease.checkpoint),
                SyncStep::Restart { seen, fresh } => {
                    assert_eq!(seen.lease_owner, fresh.lease_owner);
                    format!("!{} {}", fresh.lease_key, fresh.checkpoint)
                }
                SyncStep::Remove(lease) => format!("-{}", lease.lease_key),
            })
            .collect()
    }

    #[test]
    fn rows_of_the_same_stream_are_left_alone() {
        let shards = [shard("s0", &[], 10), shard("s1", &["s0"], 20)];
        let rows = [row("s0", "SHARD_END", Some(10)), row("s1", "25", None)];
        assert!(steps(&shards, &rows, &mut BTreeSet::new()).is_empty());
        // Past retention: older than what is listed, by number and by id.
        let rows = [row("s0", "15", Some(10)), row("s1", "25", Some(20))];
        assert!(steps(&shards[1..], &rows, &mut BTreeSet::new()).is_empty());
    }

    #[test]
    fn a_stream_created_again_is_read_from_its_first_record_and_parents_before_children() {
        let rows = [
            row("s0", "SHARD_END", Some(10)),
            row("s1", "25", Some(20)),
            row("s9", "27", Some(21)),
        ];
        let shards = [
            shard("s0", &[], 100),
            shard("s1", &["s0"], 150),
            shard("s2", &["s0"], 151),
            shard("s3", &[], 101),
        ];
        assert_eq!(
            steps(&shards, &rows, &mut BTreeSet::new()),
            [
                "+s3 TRIM_HORIZON",
                "-s9",
                "!s0 TRIM_HORIZON",
                "!s1 TRIM_HORIZON",
                "+s2 TRIM_HORIZON"
            ]
        );
        // The rows of the first shards were cleaned up long ago.
        assert_eq!(
            steps(&shards[..1], &rows[1..], &mut BTreeSet::new()),
            ["+s0 TRIM_HORIZON", "-s1", "-s9"]
        );
    }

    #[test]
    fn rows_that_the_kcl_wrote_tell_by_their_checkpoint() {
        let mut suspects = BTreeSet::new();
        let shards = [shard("s0", &[], 100), shard("s1", &[], 101)];
        let rows = [row("s0", "50", None), row("s1", "TRIM_HORIZON", None)];
        assert_eq!(steps(&shards, &rows, &mut suspects), ["!s0 TRIM_HORIZON"]);
        // Finished, but open: at the second look, because the first may have been a stale listing.
        let rows = [row("s0", "SHARD_END", None), row("s1", "200", None)];
        assert!(steps(&shards, &rows, &mut suspects).is_empty());
        assert_eq!(steps(&shards, &rows, &mut suspects), ["!s0 TRIM_HORIZON"]);
    }
}
