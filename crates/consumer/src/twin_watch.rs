//! Two live workers of one id: noticed, named, and one of them loses. Decisions without I/O.
//!
//! A row that names this worker, that nothing here holds, and whose counter goes on moving is renewed by another
//! process of the same id. Its counter may move twice without one: writes of ours can arrive late.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use tokio::time::Instant;

use crate::assignment::AskedFor;
use crate::{ExtendedSequenceNumber, Lease};

/// Writes of ours that arrive late, once we are no longer cut off, may move a counter at two looks; another worker moves it
/// with every renewal.
const MOVES_OF_A_TWIN: u32 = 3;

/// What this worker has seen of the rows that name it and that it does not hold.
#[derive(Debug, Default)]
pub(crate) struct TwinWatch {
    rows: BTreeMap<String, Row>,
    /// Moves that follow each other faster count as one: late writes come all at once.
    moves_apart: Duration,
}

#[derive(Debug)]
struct Row {
    counter: u64,
    /// Which shard the row is of. Whoever sees that the stream was created again moves the counter, too.
    start: Option<ExtendedSequenceNumber>,
    moves: u32,
    moved_at: Option<Instant>,
}

impl TwinWatch {
    /// `moves_apart` is less than the time between two renewals.
    pub(crate) fn new(moves_apart: Duration) -> Self {
        Self {
            rows: BTreeMap::new(),
            moves_apart,
        }
    }

    /// Notes a listing. `held` are the shards that this process works on, `asked_for` those that it tried to take
    /// without an answer. True if another worker of this id lives and this one has to give way: of two, the one that
    /// holds the smallest lease key stays, so that both decide alike; one that holds nothing gives way.
    pub(crate) fn must_give_way(
        &mut self,
        leases: &[Lease],
        worker_id: &str,
        held: &BTreeSet<String>,
        asked_for: &BTreeMap<String, AskedFor>,
    ) -> bool {
        let mut rows = BTreeMap::new();
        for lease in leases {
            let is_ours = held.contains(&lease.lease_key)
                || asked_for
                    .get(&lease.lease_key)
                    .is_some_and(|asked| asked.may_have_made(lease));
            // A lease that is handed over is renewed by the worker that still holds it.
            let is_coming = lease.checkpoint_owner.is_some();
            if !lease.is_owned_by(worker_id) || lease.is_finished() || is_ours || is_coming {
                continue;
            }
            let known = self.rows.get(&lease.lease_key);
            let known = known.filter(|known| known.start == lease.starting_sequence_number);
            let (mut moves, mut moved_at) =
                known.map_or((0, None), |known| (known.moves, known.moved_at));
            let now = Instant::now();
            if known.is_some_and(|known| known.counter != lease.lease_counter)
                && moved_at.is_none_or(|at| now - at >= self.moves_apart)
            {
                moves += 1;
                moved_at = Some(now);
            }
            let row = Row {
                counter: lease.lease_counter,
                start: lease.starting_sequence_number.clone(),
                moves,
                moved_at,
            };
            rows.insert(lease.lease_key.clone(), row);
        }
        self.rows = rows;
        let theirs = self
            .rows
            .iter()
            .find(|(_, row)| row.moves >= MOVES_OF_A_TWIN)
            .map(|(key, _)| key);
        match (theirs, held.first()) {
            (None, _) => false,
            (Some(_), None) => true,
            (Some(theirs), Some(ours)) => theirs < ours,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Checkpoint;

    fn row(key: &str, owner: &str, counter: u64) -> Lease {
        Lease {
            lease_owner: Some(owner.into()),
            lease_counter: counter,
            ..Lease::unowned(key, Checkpoint::TrimHorizon)
        }
    }

    fn held(keys: &[&str]) -> BTreeSet<String> {
        keys.iter().map(|key| (*key).to_owned()).collect()
    }

    #[test]
    fn of_two_workers_of_one_id_exactly_one_gives_way() {
        let asked_for = BTreeMap::new();
        for (first, second) in [
            (&["a"][..], &["b"][..]),
            (&["a", "c"], &["b"]),
            (&["a"], &[]),
        ] {
            let (mut one, mut two) = (TwinWatch::default(), TwinWatch::default());
            let (holds_one, holds_two) = (held(first), held(second));
            let mut gave_way = (false, false);
            for counter in 0..4 {
                let keys = first.iter().chain(second);
                let rows: Vec<Lease> = keys.map(|key| row(key, "w", counter)).collect();
                gave_way.0 |= one.must_give_way(&rows, "w", &holds_one, &asked_for);
                gave_way.1 |= two.must_give_way(&rows, "w", &holds_two, &asked_for);
            }
            assert_eq!(gave_way, (false, true), "{first:?} {second:?}");
        }
    }

    #[test]
    fn late_writes_of_ones_own_are_no_twin() {
        let mut watch = TwinWatch::default();
        let (none, no_takes) = (held(&[]), BTreeMap::new());
        for counter in [4, 4, 5, 6, 6, 6] {
            assert!(!watch.must_give_way(&[row("a", "w", counter)], "w", &none, &no_takes));
        }
        // A take that was made though its answer was lost.
        let asked_for = BTreeMap::from([(
            "a".to_owned(),
            AskedFor {
                counter: 7,
                not_before: tokio::time::Instant::now(),
            },
        )]);
        assert!(!watch.must_give_way(&[row("a", "w", 7)], "w", &none, &asked_for));
        assert!(!watch.must_give_way(&[row("a", "other", 9)], "w", &none, &no_takes));
    }

    /// A row that names this worker, and that it has lost, is started again by whoever sees that the stream was created again;
    /// as often as it is.
    #[test]
    fn rows_that_are_started_again_show_no_twin() {
        let mut watch = TwinWatch::default();
        let (none, no_takes) = (held(&[]), BTreeMap::new());
        for stream in 1..5 {
            let started_again = [Lease {
                starting_sequence_number: format!("{stream}00").parse().ok(),
                ..row("a", "w", stream)
            }];
            assert!(!watch.must_give_way(&started_again, "w", &none, &no_takes));
        }
    }
}
