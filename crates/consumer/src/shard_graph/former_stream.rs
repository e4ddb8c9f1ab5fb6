//! What a shard sync does, also when the stream was deleted and created again under its name.
//!
//! Shards of the new stream bear the ids of old ones. What tells them apart is where their sequence numbers start: a
//! stream's start above those of every stream of its name before it. So a row whose shard starts higher in the listing is
//! the former stream's, and where it starts lower, the listing is: an answer may come late. Where a row does not say (the
//! KCL writes no such attribute), it is the former stream's when its checkpoint lies before the shard's first number, when
//! it calls a shard finished that still takes records, or when its shard had other hash keys. Where its shard is not listed,
//! it is the former stream's when a shard with a smaller id was made later.

use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet};

use millstream_types::SequenceNumber;

use super::{Graph, leases_to_create};
use crate::{Checkpoint, ExtendedSequenceNumber, InitialPosition, Lease, Shard};

/// The listing is of a stream that was deleted: the lease with this key is of the stream that was created after it.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "the shards that were listed are those of a stream that was deleted: the lease of {0} is of a newer one"
)]
pub(crate) struct OutdatedListing(String);

/// One write of a shard sync.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum SyncStep {
    /// A shard has no row yet.
    Create(Lease),
    /// The row is the former stream's.
    Restart {
        /// The row as listed.
        seen: Box<Lease>,
        /// What it becomes. It keeps its owners; who holds it finds out at its next write, and nobody else begins before.
        fresh: Box<Lease>,
    },
    /// The row is the former stream's, and no shard has its id any more.
    Remove(Lease),
}

/// What is missing or of a former stream, in the order in which it is to be written; stop at the first failure.
///
/// The new stream is read from its first record, whatever the initial position says of the newest one: it began after
/// the application. `suspects` are rows that looked wrong in the listing before, which may have been a stale one.
///
/// # Errors
/// If the listing is older than a lease. At the second look it is the lease that is wrong, after all: a service that has
/// lost its data may count from the beginning again.
pub(crate) fn sync_steps(
    shards: &[Shard],
    leases: &[Lease],
    initial: InitialPosition,
    suspects: &mut BTreeSet<String>,
) -> Result<Vec<SyncStep>, OutdatedListing> {
    let former = former_rows(shards, leases, suspects)?;
    if former.is_empty() {
        let missing = leases_to_create(shards, leases, initial);
        return Ok(missing.into_iter().map(SyncStep::Create).collect());
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
                    checkpoint_owner: seen.checkpoint_owner.clone(),
                    ..fresh
                }),
            },
            None => SyncStep::Create(fresh),
        });
    let creations = first.into_iter().map(SyncStep::Create);
    Ok(creations.chain(removals).chain(restarts).collect())
}

fn former_rows<'a>(
    shards: &'a [Shard],
    leases: &'a [Lease],
    suspects: &mut BTreeSet<String>,
) -> Result<BTreeMap<&'a str, &'a Lease>, OutdatedListing> {
    let listed: BTreeMap<&str, &Shard> = shards
        .iter()
        .map(|shard| (shard.shard_id.as_str(), shard))
        .collect();
    let seen_before = std::mem::take(suspects);
    let mut former = BTreeMap::new();
    let mut outdated = None;
    for lease in leases {
        let Some(shard) = listed.get(lease.lease_key.as_str()) else {
            continue;
        };
        let evidence = evidence(lease, shard);
        if matches!(evidence, Evidence::FormerOrStale | Evidence::Newer) {
            suspects.insert(lease.lease_key.clone());
        }
        let is_former = match evidence {
            Evidence::None => false,
            Evidence::Former => true,
            Evidence::FormerOrStale => seen_before.contains(&lease.lease_key),
            Evidence::Newer => {
                let is_certain = seen_before.contains(&lease.lease_key);
                if !is_certain {
                    outdated = Some(OutdatedListing(lease.lease_key.clone()));
                }
                is_certain
            }
        };
        if is_former {
            former.insert(lease.lease_key.as_str(), lease);
        }
    }
    if let Some(outdated) = outdated {
        return Err(outdated);
    }
    for lease in leases {
        let (key, number) = (lease.lease_key.as_str(), number_of(lease));
        // In one stream no shard was made before one with a smaller id.
        let follows_a_younger_one = listed.range(..key).any(|(_, shard)| {
            let start = shard.starting_sequence_number.as_ref();
            number
                .zip(start)
                .is_some_and(|(number, start)| is_of_older_shard(number, start))
        });
        if follows_a_younger_one && !listed.contains_key(key) {
            former.insert(key, lease);
        }
    }
    Ok(former)
}

/// Whether the shard of `number` was made before the one that starts at `start`. Both numbers tell the second, if they are
/// AWS's; shards of one second have their numbers in any order.
fn is_of_older_shard(number: &ExtendedSequenceNumber, start: &ExtendedSequenceNumber) -> bool {
    let made_at = |place: &ExtendedSequenceNumber| {
        let number: Option<SequenceNumber> = place.sequence_number().parse().ok();
        number.map(SequenceNumber::created_s)
    };
    match (made_at(number), made_at(start)) {
        (Some(older), Some(younger)) => older < younger,
        _ => number < start,
    }
}

/// What speaks for a row of a former stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Evidence {
    None,
    Former,
    /// The same could be seen in a listing that lags behind.
    FormerOrStale,
    /// The listing is the former stream's.
    Newer,
}

fn evidence(lease: &Lease, shard: &Shard) -> Evidence {
    let Some(start) = &shard.starting_sequence_number else {
        return Evidence::None;
    };
    let known = lease.starting_sequence_number.as_ref();
    match known.map(|known| known.cmp(start)) {
        Some(Ordering::Less) => return Evidence::Former,
        Some(Ordering::Greater) => return Evidence::Newer,
        Some(Ordering::Equal) | None => {}
    }
    // A shard keeps its hash keys.
    let ranges = lease.hash_key_range.zip(shard.hash_key_range);
    match &lease.checkpoint {
        Checkpoint::At(place) if place < start => Evidence::Former,
        Checkpoint::ShardEnd if !shard.is_closed => Evidence::FormerOrStale,
        _ if ranges.is_some_and(|(of_row, listed)| of_row != listed) => Evidence::FormerOrStale,
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
    use millstream_types::{HashKey, HashKeyRange};

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
            // It is being handed over.
            checkpoint_owner: Some("holder".into()),
            starting_sequence_number: start.map(place),
            ..Lease::unowned(id, Checkpoint::parse(checkpoint, 0).unwrap())
        }
    }

    /// `+` created, `!` restarted, `-` removed; with the new checkpoint.
    fn steps(shards: &[Shard], leases: &[Lease], suspects: &mut BTreeSet<String>) -> Vec<String> {
        let steps = sync_steps(shards, leases, InitialPosition::Latest, suspects);
        steps
            .unwrap()
            .iter()
            .map(|step| match step {
                SyncStep::Create(lease) => format!("+{} {}", lease.lease_key, lease.checkpoint),
                SyncStep::Restart { seen, fresh } => {
                    assert_eq!(seen.lease_owner, fresh.lease_owner);
                    assert_eq!(seen.checkpoint_owner, fresh.checkpoint_owner);
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

    /// An answer that took its time tells of a stream that was deleted meanwhile. Whoever believed it would put rows of the
    /// deleted stream in the place of those of the new one.
    #[test]
    fn a_listing_that_is_older_than_a_lease_changes_nothing() {
        let (initial, mut suspects) = (InitialPosition::TrimHorizon, BTreeSet::new());
        let late = [shard("s0", &[], 10), shard("s1", &[], 11)];
        // Of three streams of one name: the listing is of the second.
        let rows = [row("s0", "105", Some(100)), row("s1", "5", Some(1))];
        let outdated = sync_steps(&late, &rows, initial, &mut suspects);
        assert_eq!(outdated, Err(OutdatedListing("s0".into())));
        let in_time = [shard("s0", &[], 100), shard("s1", &[], 101)];
        let restarted = ["!s1 TRIM_HORIZON"];
        assert_eq!(steps(&in_time, &rows, &mut suspects), restarted);
        // The same again and again: the service has lost its data, and counts from the beginning.
        let outdated = sync_steps(&late, &rows, initial, &mut suspects);
        assert!(outdated.is_err(), "forgotten since");
        let restarted = ["!s0 TRIM_HORIZON", "!s1 TRIM_HORIZON"];
        assert_eq!(steps(&late, &rows, &mut suspects), restarted);
    }

    /// It would wait for its parents for ever, if the new stream's shard of a parent's id is open; and the new stream's
    /// children of its own id would wait for it.
    #[test]
    fn a_row_of_a_former_stream_is_known_though_the_new_shard_of_its_id_is_past_retention() {
        let shards = [shard("s1", &[], 101), shard("s4", &["s2", "s3"], 150)];
        let rows = [
            row("s1", "120", Some(101)),
            row("s3", "40", Some(15)),
            row("s4", "TRIM_HORIZON", Some(150)),
        ];
        assert_eq!(steps(&shards, &rows, &mut BTreeSet::new()), ["-s3"]);
        // Of the same stream.
        let rows = [row("s0", "105", Some(100)), row("s3", "140", Some(130))];
        assert_eq!(
            steps(&shards[1..], &rows, &mut BTreeSet::new()),
            ["+s4 TRIM_HORIZON"]
        );
    }

    /// AWS's numbers of shards that were made within a second are in no order.
    #[test]
    fn a_row_is_not_of_a_former_stream_for_the_number_of_its_sibling() {
        let start = |second, index| {
            let number = SequenceNumber::new(second, index, 0, 0).to_string();
            ExtendedSequenceNumber::new(&number, 0).unwrap()
        };
        let (first, second) = (start(1_700_000_000, 15), start(1_700_000_000, 16));
        assert!(first > second);
        let shards = [Shard {
            starting_sequence_number: Some(first),
            ..shard("s15", &[], 0)
        }];
        let sibling = |start| {
            [Lease {
                starting_sequence_number: Some(start),
                ..row("s16", "TRIM_HORIZON", None)
            }]
        };
        let mut suspects = BTreeSet::new();
        let made = steps(&shards, &sibling(second), &mut suspects);
        assert_eq!(made, ["+s15 LATEST"]);
        let older = sibling(start(1_699_999_999, 16));
        let made = steps(&shards, &older, &mut suspects);
        assert_eq!(made, ["+s15 TRIM_HORIZON", "-s16"]);
    }

    #[test]
    fn a_row_with_the_hash_keys_of_another_shard_is_of_a_former_stream() {
        let range = |start| {
            let (start, end) = (HashKey(start), HashKey::MAX);
            Some(HashKeyRange { start, end })
        };
        let of_range = |start| Shard {
            hash_key_range: range(start),
            ..shard("s0", &[], 100)
        };
        let written_by_the_kcl = [Lease {
            hash_key_range: range(5),
            ..row("s0", "TRIM_HORIZON", None)
        }];
        let mut suspects = BTreeSet::new();
        assert!(steps(&[of_range(5)], &written_by_the_kcl, &mut suspects).is_empty());
        assert!(steps(&[of_range(6)], &written_by_the_kcl, &mut suspects).is_empty());
        let restarted = ["!s0 TRIM_HORIZON"];
        assert_eq!(
            steps(&[of_range(6)], &written_by_the_kcl, &mut suspects),
            restarted
        );
    }
}
