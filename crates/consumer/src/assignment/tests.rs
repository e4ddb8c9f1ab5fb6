use proptest::prelude::*;
use rand::SeedableRng;
use rand::rngs::StdRng;

use super::*;
use crate::Checkpoint;

static NOTHING_ASKED: BTreeMap<String, AskedFor> = BTreeMap::new();
const FAILOVER: Duration = Duration::from_secs(10);
const LEADER_QUIET_AFTER: Duration = Duration::from_secs(3);

fn owned(key: usize, owner: Option<&str>, counter: u64) -> Lease {
    Lease {
        lease_owner: owner.map(str::to_owned),
        lease_counter: counter,
        ..Lease::unowned(format!("shard-{key:03}"), Checkpoint::TrimHorizon)
    }
}

fn taker(worker_id: &str) -> Taker<'_> {
    Taker {
        worker_id,
        failover_time: FAILOVER,
        leader_quiet_after: LEADER_QUIET_AFTER,
        leases_max: usize::MAX,
        asked_for: &NOTHING_ASKED,
    }
}

fn take(worker: &str, leases: &[Lease], seen: &Observations, now: Instant) -> Vec<String> {
    let held = BTreeSet::new();
    let taken =
        taker(worker).leases_to_take(leases, seen, now, &held, &mut StdRng::seed_from_u64(1));
    taken.into_iter().map(|lease| lease.lease_key).collect()
}

#[test]
fn a_counter_that_stands_still_for_the_failover_time_is_expired() {
    let start = Instant::now();
    let mut seen = Observations::default();
    let leases = [owned(0, Some("a"), 7)];
    seen.note(&leases, start);
    let almost = start + FAILOVER - Duration::from_millis(1);
    seen.note(&leases, almost);
    assert_eq!(take("b", &leases, &seen, almost), Vec::<String>::new());
    assert_eq!(take("b", &leases, &seen, start + FAILOVER), ["shard-000"]);

    let renewed = [owned(0, Some("a"), 8)];
    seen.note(&renewed, start + FAILOVER);
    assert_eq!(
        take("b", &renewed, &seen, start + FAILOVER),
        Vec::<String>::new()
    );
}

/// A row that was removed and made anew counts from 0 again: its counter has not stood still.
#[test]
fn a_row_made_anew_for_another_shard_of_its_id_has_not_expired() {
    let start = Instant::now();
    let mut seen = Observations::default();
    seen.note(&[owned(0, Some("a"), 1)], start);
    let anew = [Lease {
        starting_sequence_number: "4950".parse().ok(),
        ..owned(0, Some("a"), 1)
    }];
    seen.note(&anew, start + FAILOVER);
    let taken = take("b", &anew, &seen, start + FAILOVER);
    assert_eq!(taken, Vec::<String>::new());
}

#[test]
fn released_leases_and_takes_whose_answer_was_lost_are_taken_at_once() {
    let now = Instant::now();
    let mut seen = Observations::default();
    let leases = [owned(0, None, 3), owned(1, Some("b"), 4)];
    seen.note(&leases, now);
    let asked = AskedFor {
        counter: 4,
        not_before: now,
    };
    let asked_for = BTreeMap::from([("shard-001".to_owned(), asked)]);
    let taker = Taker {
        asked_for: &asked_for,
        ..taker("b")
    };
    let held = BTreeSet::new();
    let mut rng = StdRng::seed_from_u64(1);
    let taken = taker.leases_to_take(&leases, &seen, now, &held, &mut rng);
    let mut keys: Vec<_> = taken.iter().map(|lease| &*lease.lease_key).collect();
    keys.sort_unstable();
    assert_eq!(keys, ["shard-000", "shard-001"]);
}

/// A row that names this worker may be another live worker's.
#[test]
fn a_worker_whose_id_is_on_a_row_already_begins_when_the_row_has_expired() {
    let start = Instant::now();
    let mut seen = Observations::default();
    let leases = [owned(0, None, 3), owned(1, Some("b"), 4)];
    seen.note(&leases, start);
    assert_eq!(take("b", &leases, &seen, start), Vec::<String>::new());
    let mut later = take("b", &leases, &seen, start + FAILOVER);
    later.sort_unstable();
    assert_eq!(later, ["shard-000", "shard-001"]);
}

#[test]
fn finished_shards_are_left_alone() {
    let now = Instant::now();
    let mut seen = Observations::default();
    let mut lease = owned(0, None, 3);
    lease.checkpoint = Checkpoint::ShardEnd;
    let leases = [lease];
    seen.note(&leases, now);
    assert_eq!(
        take("b", &leases, &seen, now + FAILOVER * 10),
        Vec::<String>::new()
    );
}

#[test]
fn a_neglected_lease_is_taken_above_the_share() {
    let start = Instant::now();
    let mut seen = Observations::default();
    // "a" renews two leases and takes no more; the third one is free and "b" already holds its share of two.
    let mut leases = vec![
        owned(0, Some("a"), 1),
        owned(1, None, 1),
        owned(2, Some("b"), 1),
        owned(3, Some("b"), 1),
    ];
    seen.note(&leases, start);
    let held: BTreeSet<String> = ["shard-002".to_owned(), "shard-003".to_owned()].into();
    let mut rng = StdRng::seed_from_u64(1);
    let mut at = |leases: &[Lease], seen: &Observations, now| {
        taker("b")
            .leases_to_take(leases, seen, now, &held, &mut rng)
            .len()
    };
    assert_eq!(at(&leases, &seen, start), 0);
    let later = start + FAILOVER / NEGLECTED_AFTER;
    leases[0].lease_counter += 1;
    seen.note(&leases, later);
    assert_eq!(at(&leases, &seen, later), 1);
}

#[test]
fn one_worker_leads() {
    let leases = [owned(0, Some("b"), 1), owned(1, Some("c"), 1)];
    let now = Instant::now();
    let leads = |leases: &[Lease], worker: &str| {
        let mut seen = Observations::default();
        seen.note(leases, now);
        taker(worker).leads_in(leases, &seen, now).is_zero()
    };
    assert!(leads(&leases, "b") && leads(&leases, "a"));
    assert!(!leads(&leases, "c") && !leads(&leases, "d"));
    assert!(leads(&[owned(0, None, 1)], "z"));
    // The one that is to get a lease may have died: its holder renews it all the same.
    let coming = Lease {
        checkpoint_owner: Some("c".into()),
        ..owned(0, Some("b"), 1)
    };
    assert!(leads(std::slice::from_ref(&coming), "c") && !leads(&[coming], "d"));
}

/// Long before its leases expire; one that moves again leads again.
#[test]
fn a_worker_none_of_whose_leases_moves_does_not_lead() {
    let start = Instant::now();
    let mut seen = Observations::default();
    let mut leases = [
        owned(0, Some("a"), 1),
        owned(1, Some("a"), 1),
        owned(2, Some("b"), 1),
    ];
    let mut leads_in = |leases: &[Lease], at| {
        seen.note(leases, at);
        taker("b").leads_in(leases, &seen, at)
    };
    assert_eq!(leads_in(&leases, start), LEADER_QUIET_AFTER);
    let quiet_at = start + LEADER_QUIET_AFTER;
    leases[1].lease_counter += 1;
    let moves = leads_in(&leases, quiet_at);
    assert_eq!(moves, LEADER_QUIET_AFTER, "one of its leases moves");
    let later = quiet_at + LEADER_QUIET_AFTER;
    assert_eq!(leads_in(&leases, later), Duration::ZERO);
    leases[0].lease_counter += 1;
    assert_eq!(leads_in(&leases, later), LEADER_QUIET_AFTER);
}

/// The leases of one that died expire one by one: those that have expired do not wait for the others.
#[test]
fn a_worker_none_of_whose_leases_moves_has_no_share() {
    let start = Instant::now();
    let mut seen = Observations::default();
    let mut leases = vec![
        owned(0, Some("dead"), 1),
        owned(1, Some("dead"), 1),
        owned(2, Some("b"), 1),
        owned(3, Some("b"), 1),
    ];
    seen.note(&leases, start);
    leases[1].lease_counter += 1;
    seen.note(&leases, start + FAILOVER / 4);
    // "b" holds two, which would be its share beside another worker.
    let held: BTreeSet<String> = ["shard-002".to_owned(), "shard-003".to_owned()].into();
    leases[2].lease_counter += 1;
    let now = start + FAILOVER;
    seen.note(&leases, now);
    let mut rng = StdRng::seed_from_u64(1);
    let taken = taker("b").leases_to_take(&leases, &seen, now, &held, &mut rng);
    let keys: Vec<_> = taken.iter().map(|lease| &*lease.lease_key).collect();
    assert_eq!(keys, ["shard-000"]);
}

#[test]
fn the_next_look_is_when_something_is_due() {
    let start = Instant::now();
    let mut seen = Observations::default();
    let next = |leases: &[Lease], seen: &Observations, at, leases_max| {
        let taker = Taker {
            leases_max,
            ..taker("b")
        };
        taker.next_look_in(leases, seen, at, &["shard-009".to_owned()].into())
    };
    // An expiry, to the moment; not of what this worker holds itself.
    let leases = [owned(0, Some("a"), 1), owned(9, Some("b"), 1)];
    seen.note(&leases, start);
    let at = start + FAILOVER * 9 / 10;
    assert_eq!(next(&leases, &seen, at, 5), Some(FAILOVER / 10));
    // What has expired does not expire again: that it was not taken has another reason.
    let late = start + FAILOVER * 2;
    assert_eq!(next(&leases, &seen, late, 5), None);
    // The moment from which this worker leads, should the one before it be dead.
    let almost = late - FAILOVER / 100;
    let renewed = [owned(0, Some("a"), 2), owned(9, Some("b"), 1)];
    seen.note(&renewed, almost);
    assert_eq!(
        next(&renewed, &seen, late, 5),
        Some(LEADER_QUIET_AFTER - FAILOVER / 100)
    );
    // A lease that nobody takes is taken by anybody soon, unless this worker is full.
    let free = [owned(0, None, 3), owned(9, Some("b"), 1)];
    seen.note(&free, late);
    assert_eq!(
        next(&free, &seen, late, 5),
        Some(FAILOVER / NEGLECTED_AFTER)
    );
    assert_eq!(next(&free, &seen, late, 1), None);
    assert_eq!(next(&[owned(9, Some("b"), 1)], &seen, late, 5), None);
}

/// A fleet whose workers take their turns in a random order, each acting on what the table holds at its turn.
struct Fleet {
    leases: Vec<Lease>,
    workers: Vec<(String, Observations, usize)>,
    now: Instant,
    rng: StdRng,
}

impl Fleet {
    fn round(&mut self, alive: &[usize]) {
        self.now += Duration::from_millis(2500);
        // Everybody alive renews what it holds.
        for lease in &mut self.leases {
            let renews = alive
                .iter()
                .any(|index| lease.is_owned_by(&self.workers[*index].0));
            lease.lease_counter += u64::from(renews);
        }
        let mut order = alive.to_vec();
        order.shuffle(&mut self.rng);
        for index in order {
            let (id, seen, leases_max) = &mut self.workers[index];
            seen.note(&self.leases, self.now);
            let held: BTreeSet<String> = self
                .leases
                .iter()
                .filter(|lease| lease.is_owned_by(id))
                .map(|lease| lease.lease_key.clone())
                .collect();
            let taker = Taker {
                worker_id: id,
                failover_time: FAILOVER,
                leader_quiet_after: LEADER_QUIET_AFTER,
                leases_max: *leases_max,
                asked_for: &NOTHING_ASKED,
            };
            let wanted = taker.leases_to_take(&self.leases, seen, self.now, &held, &mut self.rng);
            assert!(held.len() + wanted.len() <= (*leases_max).max(held.len()));
            for want in wanted {
                assert!(!held.contains(&want.lease_key), "takes what it holds");
                let row = self
                    .leases
                    .iter_mut()
                    .find(|row| row.lease_key == want.lease_key)
                    .unwrap();
                row.lease_owner = Some(id.clone());
                row.lease_counter += 1;
            }
        }
    }

    fn loads(&self, alive: &[usize]) -> Vec<usize> {
        let load = |index: &usize| {
            let id = &self.workers[*index].0;
            self.leases
                .iter()
                .filter(|lease| lease.is_owned_by(id))
                .count()
        };
        alive.iter().map(load).collect()
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// However the leases lie at first and whoever dies, in the end all are owned by the living, within one.
    #[test]
    fn a_fleet_becomes_balanced(
        owners in prop::collection::vec(prop::option::of(0usize..6), 1..25),
        alive in prop::collection::btree_set(0usize..6, 1..6),
        seed: u64,
    ) {
        let names: Vec<String> = (0..6).map(|index| format!("w{index}")).collect();
        let leases = owners.iter().enumerate();
        let leases = leases.map(|(key, owner)| owned(key, owner.map(|index| names[index].as_str()), 0));
        let mut fleet = Fleet {
            leases: leases.collect(),
            workers: names.iter().map(|id| (id.clone(), Observations::default(), usize::MAX)).collect(),
            now: Instant::now(),
            rng: StdRng::seed_from_u64(seed),
        };
        let alive: Vec<usize> = alive.into_iter().collect();
        for _ in 0..5 + owners.len() * 2 {
            fleet.round(&alive);
        }
        let loads = fleet.loads(&alive);
        prop_assert_eq!(loads.iter().sum::<usize>(), owners.len());
        let (min, max) = (loads.iter().min().unwrap(), loads.iter().max().unwrap());
        prop_assert!(max - min <= 1, "{:?}", loads);

        // And it stays as it is: no lease moves for the sake of moving.
        let before: Vec<_> = fleet.leases.iter().map(|lease| lease.lease_owner.clone()).collect();
        fleet.round(&alive);
        let after: Vec<_> = fleet.leases.iter().map(|lease| lease.lease_owner.clone()).collect();
        prop_assert_eq!(before, after);
    }

    #[test]
    fn no_worker_takes_more_than_its_limit(
        leases in 1usize..20, limits in prop::collection::vec(1usize..5, 1..4), seed: u64,
    ) {
        let mut fleet = Fleet {
            leases: (0..leases).map(|key| owned(key, None, 0)).collect(),
            workers: limits.iter().enumerate()
                .map(|(index, max)| (format!("w{index}"), Observations::default(), *max)).collect(),
            now: Instant::now(),
            rng: StdRng::seed_from_u64(seed),
        };
        let alive: Vec<usize> = (0..limits.len()).collect();
        for _ in 0..40 {
            fleet.round(&alive);
        }
        let loads = fleet.loads(&alive);
        prop_assert!(loads.iter().zip(&limits).all(|(load, max)| load <= max));
        prop_assert_eq!(loads.iter().sum::<usize>(), leases.min(limits.iter().sum()));
    }
}
