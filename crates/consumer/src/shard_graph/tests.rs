use proptest::prelude::*;

use super::*;

/// `closed` shards end with `!`: `shard("2", "0 1")` came from 0 and 1.
fn shard(id: &str, parents: &str) -> Shard {
    Shard {
        shard_id: id.trim_end_matches('!').to_owned(),
        parent_shard_ids: parents.split_whitespace().map(str::to_owned).collect(),
        hash_key_range: None,
        starting_sequence_number: None,
        is_closed: id.ends_with('!'),
    }
}

fn lease(id: &str, checkpoint: &str) -> Lease {
    Lease::unowned(id, checkpoint.parse().unwrap())
}

fn created(shards: &[Shard], leases: &[Lease], initial: InitialPosition) -> Vec<String> {
    leases_to_create(shards, leases, initial)
        .iter()
        .map(|lease| format!("{} {}", lease.lease_key, lease.checkpoint))
        .collect()
}

#[test]
fn a_new_application_leases_every_shard_parents_first() {
    let shards = [shard("2", "0!"), shard("1", ""), shard("0!", "")];
    let shards = shards.map(|mut shard| {
        shard.parent_shard_ids = shard
            .parent_shard_ids
            .iter()
            .map(|id| id.trim_end_matches('!').to_owned())
            .collect();
        shard
    });
    let from_start = created(&shards, &[], InitialPosition::TrimHorizon);
    assert_eq!(
        from_start,
        ["0 TRIM_HORIZON", "1 TRIM_HORIZON", "2 TRIM_HORIZON"]
    );
    assert_eq!(
        created(&shards, &[], InitialPosition::Latest),
        ["1 LATEST", "2 LATEST"]
    );
}

/// A child is told of at the end of either parent, perhaps before the listing has it, or its other parent: a lease of the
/// child would say that the other parent is done, and its records would be skipped. And the end of a parent does not tell
/// where the child's numbers start: once the stream is created again, the lease would pass for that of the new shard.
#[test]
fn a_child_waits_until_it_is_listed() {
    let (first, child) = (shard("1", ""), shard("3", "1 2"));
    let told = std::slice::from_ref(&child);
    for early in [
        vec![],
        vec![first.clone()],
        vec![first.clone(), shard("2", "")],
    ] {
        let waits = with_children(early, "1", told);
        assert_eq!(waits, Err("3".to_owned()));
    }
    let listed = vec![first, shard("2", ""), child.clone()];
    let shards = with_children(listed, "1", told).unwrap();
    let leases = [lease("1", "SHARD_END")];
    let made = created(&shards, &leases, InitialPosition::TrimHorizon);
    assert_eq!(made, ["2 TRIM_HORIZON", "3 TRIM_HORIZON"]);
}

/// What follows a child that is past retention still follows the shard that has just ended.
#[test]
fn a_child_past_retention_needs_no_listing() {
    let listed = vec![shard("4", "3")];
    let shards = with_children(listed, "1", &[shard("3", "1 2")]).unwrap();
    let leases = [lease("1", "17")];
    let made = created(&shards, &leases, InitialPosition::Latest);
    assert_eq!(made, ["3 TRIM_HORIZON", "4 TRIM_HORIZON"]);
}

#[test]
fn shards_that_ended_before_the_application_began_need_no_lease() {
    let shards = [shard("0!", ""), shard("1", "0"), shard("2", "0")];
    let leases = [lease("1", "LATEST"), lease("2", "LATEST")];
    assert!(leases_to_create(&shards, &leases, InitialPosition::Latest).is_empty());
    assert!(leases_to_create(&shards, &leases, InitialPosition::TrimHorizon).is_empty());
}

#[test]
fn children_of_a_leased_shard_start_at_their_first_record() {
    let shards = [shard("0!", ""), shard("1!", "0"), shard("2", "1")];
    let leases = [lease("0", "17")];
    assert_eq!(
        created(&shards, &leases, InitialPosition::Latest),
        ["1 TRIM_HORIZON", "2 TRIM_HORIZON"]
    );
}

#[test]
fn a_merge_waits_for_the_lease_of_the_other_parent() {
    // 1 came from 0, which is still being read; 3 merges 1 and 2, and 2 has just ended.
    let shards = [
        shard("0!", ""),
        shard("1!", "0"),
        shard("2!", ""),
        shard("3", "1 2"),
    ];
    let leases = [lease("0", "5"), lease("2", "9")];
    let order = created(&shards, &leases, InitialPosition::TrimHorizon);
    assert_eq!(order, ["1 TRIM_HORIZON", "3 TRIM_HORIZON"]);
}

fn deleted(shards: &[Shard], leases: &[Lease]) -> Vec<String> {
    let rows = leases_to_delete(shards, leases).into_iter();
    rows.map(|lease| lease.lease_key).collect()
}

#[test]
fn finished_rows_stay_until_their_children_have_begun() {
    let shards = [shard("0!", ""), shard("1", "0"), shard("2", "0")];
    let mut parent = lease("0", "SHARD_END");
    parent.child_shard_ids = ["1".to_owned(), "2".to_owned()].into();
    let rows = |second: &str| [parent.clone(), lease("1", "7"), lease("2", second)];
    assert!(deleted(&shards, &rows("TRIM_HORIZON")).is_empty());
    assert_eq!(deleted(&shards, &rows("8")), ["0"]);
    assert!(deleted(&shards, &[parent.clone(), lease("1", "7")]).is_empty());
    // Past retention.
    assert_eq!(deleted(&shards[1..], std::slice::from_ref(&parent)), ["0"]);
    // It takes records: the row is of another shard of that id, in a stream that was deleted.
    let open = [shard("0", ""), shard("1", "0"), shard("2", "0")];
    assert!(deleted(&open, &rows("8")).is_empty());
}

#[test]
fn rows_go_oldest_first() {
    let mut grandparent = lease("0", "SHARD_END");
    grandparent.child_shard_ids = ["1".to_owned()].into();
    let mut parent = lease("1", "SHARD_END");
    parent.parent_shard_ids = ["0".to_owned()].into();
    parent.child_shard_ids = ["2".to_owned()].into();
    let shards = [shard("0!", ""), shard("1!", "0"), shard("2", "1")];
    let rows = [grandparent, parent, lease("2", "3")];
    assert_eq!(deleted(&shards, &rows), ["0"]);
    assert_eq!(deleted(&shards, &rows[1..]), ["1"]);
}

/// A random history of splits and merges, all shards listed.
fn history(steps: &[(bool, usize)]) -> Vec<Shard> {
    let mut shards = vec![shard("000", ""), shard("001", "")];
    for (split, pick) in steps {
        let open: Vec<usize> = (0..shards.len())
            .filter(|index| !shards[*index].is_closed)
            .collect();
        let first = open[pick % open.len()];
        let parents = if *split || open.len() == 1 {
            vec![first]
        } else {
            vec![first, open[(pick + 1) % open.len()]]
        };
        let ids: Vec<String> = parents
            .iter()
            .map(|index| shards[*index].shard_id.clone())
            .collect();
        for parent in &parents {
            shards[*parent].is_closed = true;
        }
        for _ in 0..3 - parents.len() {
            let id = format!("{:03}", shards.len());
            shards.push(shard(&id, &ids.join(" ")));
        }
    }
    shards
}

proptest! {
    /// Whenever a creation is cut short, the next sync creates exactly the rest, and a lease's listed parents always
    /// come before it.
    #[test]
    fn creation_may_stop_anywhere(steps in prop::collection::vec((any::<bool>(), 0usize..8), 0..12), cut in 0usize..30) {
        let shards = history(&steps);
        let all = leases_to_create(&shards, &[], InitialPosition::TrimHorizon);
        prop_assert_eq!(all.len(), shards.len());
        for (index, lease) in all.iter().enumerate() {
            for parent in &lease.parent_shard_ids {
                prop_assert!(all[..index].iter().any(|earlier| &earlier.lease_key == parent));
            }
        }
        let cut = cut.min(all.len());
        let rest = leases_to_create(&shards, &all[..cut], InitialPosition::TrimHorizon);
        let mut names: Vec<_> = all[..cut].iter().chain(&rest).map(|lease| &lease.lease_key).collect();
        names.sort();
        names.dedup();
        prop_assert_eq!(names.len(), shards.len());
    }

    /// Finishing shards in any legal order and cleaning up at any time never brings a finished shard back, and no
    /// shard is forgotten.
    #[test]
    fn no_shard_comes_back_and_none_is_forgotten(
        steps in prop::collection::vec((any::<bool>(), 0usize..8), 0..12),
        moves in prop::collection::vec((0u8..4, 0usize..32), 0..200),
    ) {
        let shards = history(&steps);
        let mut rows: Vec<Lease> = Vec::new();
        let mut finished = BTreeSet::new();
        for (kind, pick) in moves {
            match kind {
                0 => rows.extend(leases_to_create(&shards, &rows, InitialPosition::TrimHorizon)),
                1 => for key in deleted(&shards, &rows) {
                    rows.retain(|row| row.lease_key != key);
                },
                _ if rows.is_empty() => {}
                _ => {
                    let index = pick % rows.len();
                    let parents: Vec<&Lease> = rows.iter()
                        .filter(|row| rows[index].parent_shard_ids.contains(&row.lease_key)).collect();
                    let key = rows[index].lease_key.clone();
                    if !unfinished(parents).is_empty() || rows[index].is_finished() {
                        continue;
                    }
                    let is_closed = shards.iter().any(|shard| shard.shard_id == key && shard.is_closed);
                    let children: BTreeSet<String> = shards.iter()
                        .filter(|shard| shard.parent_shard_ids.contains(&key))
                        .map(|shard| shard.shard_id.clone()).collect();
                    let children_leased = children.iter().all(|child| rows.iter().any(|row| &row.lease_key == child));
                    if kind == 3 && is_closed && children_leased {
                        rows[index].checkpoint = Checkpoint::ShardEnd;
                        rows[index].child_shard_ids = children;
                        finished.insert(key);
                    } else {
                        rows[index].checkpoint = "1".parse().unwrap();
                    }
                }
            }
            for key in leases_to_create(&shards, &rows, InitialPosition::TrimHorizon) {
                prop_assert!(!finished.contains(&key.lease_key), "{} came back", key.lease_key);
            }
        }
        rows.extend(leases_to_create(&shards, &rows, InitialPosition::TrimHorizon));
        for shard in &shards {
            let known = finished.contains(&shard.shard_id) || rows.iter().any(|row| row.lease_key == shard.shard_id);
            prop_assert!(known, "{} was forgotten", shard.shard_id);
        }
    }
}
