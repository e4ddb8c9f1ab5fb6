//! What every lease table promises.

#![expect(clippy::unwrap_used, reason = "a test panics where it fails")]

use std::collections::BTreeSet;

use millstream_types::{HashKey, HashKeyRange, TimestampMs};

use super::{Conditional, LeaseTable};
use crate::{Checkpoint, ExtendedSequenceNumber, Lease, PendingCheckpoint};

fn done(answer: Conditional) -> Lease {
    match answer {
        Conditional::Done(lease) => lease,
        Conditional::Refused(row) => panic!("refused: {row:?}"),
    }
}

fn set(ids: &[&str]) -> BTreeSet<String> {
    ids.iter().map(|id| (*id).to_owned()).collect()
}

/// Runs the whole contract of [`LeaseTable`] on an empty table, for who writes one.
///
/// # Panics
/// At the first promise that it breaks.
pub async fn check_lease_table(table: &dyn LeaseTable) {
    table.ensure_exists().await.unwrap();
    table.ensure_exists().await.unwrap();
    assert_eq!(table.list().await.unwrap(), []);
    assert_eq!(table.get("s1").await.unwrap(), None);

    let new = Lease {
        parent_shard_ids: set(&["p1", "p2"]),
        hash_key_range: Some(HashKeyRange {
            start: HashKey(7),
            end: HashKey::MAX,
        }),
        ..Lease::unowned("s1", Checkpoint::TrimHorizon)
    };
    assert!(table.create(new.clone()).await.unwrap());
    let other = Lease::unowned("s1", Checkpoint::Latest);
    assert!(!table.create(other).await.unwrap(), "never overwritten");
    assert_eq!(table.get("s1").await.unwrap(), Some(new.clone()));

    let taken = owners(table, &new).await;
    let updated = checkpoints(table, &taken).await;

    // Released: the owner is gone at once, everything else stays.
    let released = done(table.release(&updated).await.unwrap());
    assert_eq!(
        (released.lease_owner.as_ref(), released.lease_counter),
        (None, updated.lease_counter + 1)
    );
    assert_eq!(released.checkpoint, updated.checkpoint);
    let again = table.release(&updated).await.unwrap();
    assert_eq!(again, Conditional::Refused(Some(released.clone())));
    // Of a lease that nobody owns, too: a take that saw it before finds another counter.
    let seen = released;
    let released = done(table.release(&seen).await.unwrap());
    assert_eq!(
        (released.lease_owner.as_ref(), released.lease_counter),
        (None, seen.lease_counter + 1)
    );
    let late = table.take(&seen, "a").await.unwrap();
    assert_eq!(late, Conditional::Refused(Some(released.clone())));

    // Rows of unfinished shards cannot be removed.
    table.delete_finished(&released).await.unwrap();
    assert_eq!(table.list().await.unwrap(), std::slice::from_ref(&released));
    let owned = done(table.take(&released, "a").await.unwrap());
    let finished = Lease {
        checkpoint: Checkpoint::ShardEnd,
        child_shard_ids: set(&["c1", "c2"]),
        ..owned
    };
    let finished = done(table.update(&finished).await.unwrap());
    assert_eq!(finished.child_shard_ids, set(&["c1", "c2"]));
    table.delete_finished(&finished).await.unwrap();
    assert_eq!(table.get("s1").await.unwrap(), None);
    table.delete_finished(&finished).await.unwrap();
    let gone = table.renew(&finished).await.unwrap();
    assert_eq!(gone, Conditional::Refused(None));
    assert_eq!(table.list().await.unwrap(), []);

    begins_anew(table).await;
    late_writes_miss_a_row_made_anew(table).await;
    hands_over(table).await;

    for key in ["s3", "s2"] {
        let lease = Lease::unowned(key, Checkpoint::Latest);
        assert!(table.create(lease).await.unwrap());
    }
    let keys: Vec<String> = table
        .list()
        .await
        .unwrap()
        .into_iter()
        .map(|lease| lease.lease_key)
        .collect();
    assert_eq!(keys, ["s2", "s3"], "in the order of keys");
}

/// Taking and renewing: of two who saw the same counter, one wins.
async fn owners(table: &dyn LeaseTable, new: &Lease) -> Lease {
    let taken = done(table.take(new, "a").await.unwrap());
    assert!(taken.is_owned_by("a"));
    assert_eq!(
        (taken.lease_counter, taken.owner_switches_since_checkpoint),
        (1, 1)
    );
    let late = table.take(new, "b").await.unwrap();
    assert_eq!(late, Conditional::Refused(Some(taken.clone())));

    let renewed = done(table.renew(&taken).await.unwrap());
    let expected = Lease {
        lease_counter: 2,
        ..taken.clone()
    };
    assert_eq!(renewed, expected);
    let stale = table.renew(&taken).await.unwrap();
    assert_eq!(stale, Conditional::Refused(Some(renewed.clone())));

    let stolen = done(table.take(&renewed, "b").await.unwrap());
    assert_eq!(
        (stolen.lease_counter, stolen.owner_switches_since_checkpoint),
        (3, 2)
    );
    for refused in [
        table.renew(&renewed),
        table.update(&renewed),
        table.release(&renewed),
    ] {
        assert_eq!(
            refused.await.unwrap(),
            Conditional::Refused(Some(stolen.clone()))
        );
    }
    // The owner counts as well as the counter.
    let impostor = Lease {
        lease_owner: Some("a".into()),
        ..stolen.clone()
    };
    assert_eq!(
        table.update(&impostor).await.unwrap(),
        Conditional::Refused(Some(stolen.clone()))
    );
    stolen
}

async fn checkpoints(table: &dyn LeaseTable, held: &Lease) -> Lease {
    let pending = PendingCheckpoint {
        checkpoint: Checkpoint::parse("4960", 0).unwrap(),
        state: Some(vec![0, 1, 255]),
    };
    let prepared = Lease {
        pending_checkpoint: Some(pending),
        ..held.clone()
    };
    let prepared = done(table.update(&prepared).await.unwrap());
    assert_eq!(prepared.checkpoint, Checkpoint::TrimHorizon);
    assert_eq!(
        prepared.pending_checkpoint.as_ref().unwrap().state,
        Some(vec![0, 1, 255])
    );
    assert_eq!(prepared.owner_switches_since_checkpoint, 0);
    assert_eq!(table.get("s1").await.unwrap(), Some(prepared.clone()));

    // A pending checkpoint without state replaces one with state, and a checkpoint clears it.
    let bare = PendingCheckpoint {
        checkpoint: Checkpoint::parse("4961", 2).unwrap(),
        state: None,
    };
    let prepared = Lease {
        pending_checkpoint: Some(bare.clone()),
        ..prepared
    };
    let prepared = done(table.update(&prepared).await.unwrap());
    assert_eq!(prepared.pending_checkpoint, Some(bare.clone()));
    let confirmed = Lease {
        checkpoint: bare.checkpoint.clone(),
        pending_checkpoint: None,
        ..prepared
    };
    let confirmed = done(table.update(&confirmed).await.unwrap());
    assert_eq!(
        (&confirmed.checkpoint, &confirmed.pending_checkpoint),
        (&bare.checkpoint, &None)
    );
    assert_eq!(confirmed.parent_shard_ids, held.parent_shard_ids);
    assert_eq!(confirmed.hash_key_range, held.hash_key_range);
    assert_eq!(table.get("s1").await.unwrap(), Some(confirmed.clone()));
    confirmed
}

/// A lease that is asked for stays with its holder, who alone may write, until it is passed on or taken.
async fn hands_over(table: &dyn LeaseTable) {
    let new = Lease::unowned("s1", Checkpoint::TrimHorizon);
    assert!(table.create(new.clone()).await.unwrap());
    let nobodys = table.hand_over(&new, "b").await.unwrap();
    assert_eq!(nobodys, Conditional::Refused(Some(new.clone())));
    let held = done(table.take(&new, "a").await.unwrap());
    let asked = done(table.hand_over(&held, "b").await.unwrap());
    let expected = Lease {
        lease_owner: Some("b".into()),
        checkpoint_owner: Some("a".into()),
        ..held.clone()
    };
    assert_eq!(asked, expected);
    assert_eq!(table.get("s1").await.unwrap(), Some(expected));
    for refused in [
        table.hand_over(&held, "c"),
        table.hand_over(&asked, "c"),
        table.renew(&held),
    ] {
        let refused = refused.await.unwrap();
        assert_eq!(refused, Conditional::Refused(Some(asked.clone())));
    }

    let renewed = done(table.renew(&asked).await.unwrap());
    assert_eq!(renewed.lease_counter, asked.lease_counter + 1);
    let finished = Lease {
        checkpoint: Checkpoint::parse("4959", 1).unwrap(),
        ..renewed
    };
    let finished = done(table.update(&finished).await.unwrap());
    assert_eq!(finished.checkpoint_owner.as_deref(), Some("a"));
    let passed_on = done(table.release(&finished).await.unwrap());
    let expected = Lease {
        checkpoint_owner: None,
        lease_counter: finished.lease_counter + 1,
        owner_switches_since_checkpoint: 1,
        ..finished
    };
    assert_eq!(passed_on, expected);

    let taken = done(table.take(&passed_on, "b").await.unwrap());
    assert_eq!(taken.owner_switches_since_checkpoint, 1);
    let asked = done(table.hand_over(&taken, "c").await.unwrap());
    let stolen = done(table.take(&asked, "d").await.unwrap());
    assert!(stolen.is_owned_by("d") && stolen.checkpoint_owner.is_none());

    // Of a shard that ended before it was passed on nobody is the owner: there is nothing to work on.
    let asked = done(table.hand_over(&stolen, "e").await.unwrap());
    let ended = Lease {
        checkpoint: Checkpoint::ShardEnd,
        ..asked
    };
    let ended = done(table.update(&ended).await.unwrap());
    let left = done(table.release(&ended).await.unwrap());
    assert_eq!((&left.lease_owner, &left.checkpoint_owner), (&None, &None));
    assert_eq!(table.get("s1").await.unwrap(), Some(left.clone()));
    assert!(table.remove(&left).await.unwrap());
}

/// A row of a former stream is replaced or removed, whoever holds it, but only as it was seen.
async fn begins_anew(table: &dyn LeaseTable) {
    let old = Lease::unowned("s1", Checkpoint::Latest);
    assert!(table.create(old.clone()).await.unwrap());
    let held = done(table.take(&old, "a").await.unwrap());
    let moment = TimestampMs(1_795_881_602_000);
    let opened = Lease {
        latest_at: Some(moment),
        ..held
    };
    let opened = done(table.update(&opened).await.unwrap());
    assert_eq!(opened.latest_at, Some(moment));
    assert_eq!(table.get("s1").await.unwrap(), Some(opened.clone()));

    let fresh = Lease {
        lease_owner: Some("a".into()),
        starting_sequence_number: ExtendedSequenceNumber::new("4950", 0).ok(),
        ..Lease::unowned("s1", Checkpoint::TrimHorizon)
    };
    let late = table.restart(&old, fresh.clone()).await.unwrap();
    assert_eq!(late, Conditional::Refused(Some(opened.clone())));
    let restarted = done(table.restart(&opened, fresh.clone()).await.unwrap());
    let expected = Lease {
        lease_counter: opened.lease_counter + 1,
        ..fresh
    };
    assert_eq!(restarted, expected);
    assert_eq!(table.get("s1").await.unwrap(), Some(expected));
    let stale = table.renew(&opened).await.unwrap();
    assert_eq!(stale, Conditional::Refused(Some(restarted.clone())));

    assert!(!table.remove(&opened).await.unwrap());
    assert!(table.remove(&restarted).await.unwrap());
    assert!(!table.remove(&restarted).await.unwrap());
    assert_eq!(table.get("s1").await.unwrap(), None);
}

/// A row that was removed and made anew, for the shard of that id in a stream that was created again, counts from 0 again:
/// what was meant for the old row and arrives late changes nothing, though the counters are the same.
async fn late_writes_miss_a_row_made_anew(table: &dyn LeaseTable) {
    let of_shard = |start| Lease {
        starting_sequence_number: ExtendedSequenceNumber::new(start, 0).ok(),
        ..Lease::unowned("s1", Checkpoint::TrimHorizon)
    };
    let mut taken = Vec::new();
    // The second one is as the KCL writes it.
    for new in [
        of_shard("4950"),
        Lease::unowned("s1", Checkpoint::TrimHorizon),
        of_shard("5950"),
    ] {
        assert!(table.create(new.clone()).await.unwrap());
        let row = done(table.take(&new, "a").await.unwrap());
        for old in &taken {
            refuses_all(table, old, &row).await;
        }
        let finished = Lease {
            checkpoint: Checkpoint::ShardEnd,
            ..row.clone()
        };
        let finished = done(table.update(&finished).await.unwrap());
        for old in &taken {
            table.delete_finished(old).await.unwrap();
            assert_eq!(table.get("s1").await.unwrap().as_ref(), Some(&finished));
        }
        assert!(table.remove(&finished).await.unwrap());
        taken.push(row);
    }
}

async fn refuses_all(table: &dyn LeaseTable, old: &Lease, row: &Lease) {
    assert_eq!(old.lease_counter, row.lease_counter);
    let ended = Lease {
        checkpoint: Checkpoint::ShardEnd,
        ..old.clone()
    };
    for refused in [
        table.renew(old),
        table.update(&ended),
        table.release(old),
        table.take(old, "b"),
        table.hand_over(old, "b"),
        table.restart(old, ended.clone()),
    ] {
        let refused = refused.await.unwrap();
        assert_eq!(refused, Conditional::Refused(Some(row.clone())));
    }
    assert!(!table.remove(old).await.unwrap());
    assert_eq!(table.get("s1").await.unwrap().as_ref(), Some(row));
}
