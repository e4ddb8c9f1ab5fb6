use proptest::prelude::*;

use super::*;

fn arrived(arrival_ms: i64) -> Arrived<i64> {
    Arrived {
        arrival_ms,
        size_bytes: 10,
        record: arrival_ms,
    }
}

fn drain(merge: &mut Merge<i64>) -> Vec<i64> {
    std::iter::from_fn(|| merge.pop())
        .map(|(_, arrived)| arrived.record)
        .collect()
}

#[test]
fn nothing_is_certain_before_every_shard_was_read() {
    let mut merge = Merge::default();
    merge.open("a");
    merge.open("b");
    merge.received("a", [1, 4].map(arrived).into_iter(), None);
    assert!(drain(&mut merge).is_empty());
    merge.received("b", [2, 3].map(arrived).into_iter(), None);
    assert_eq!(drain(&mut merge), [1, 2, 3], "b may still bring a 3");
    assert_eq!(merge.waiting().collect::<Vec<_>>(), ["b"]);
}

#[test]
fn a_quiet_shard_holds_a_record_up_for_one_more_look() {
    let mut merge = Merge::default();
    merge.open("a");
    merge.open("quiet");
    let before = merge.newest_ms();
    merge.received("a", [arrived(100)].into_iter(), Some(before));
    merge.received("quiet", [].into_iter(), Some(before));
    assert!(
        drain(&mut merge).is_empty(),
        "quiet was asked before 100 was known"
    );
    let before = merge.newest_ms();
    merge.received("quiet", [].into_iter(), Some(before));
    assert_eq!(drain(&mut merge), [100]);
}

#[test]
fn a_shard_that_is_behind_is_waited_for() {
    let mut merge = Merge::default();
    merge.open("a");
    merge.open("behind");
    merge.received("a", [arrived(100)].into_iter(), Some(0));
    merge.received("behind", [].into_iter(), None);
    assert!(drain(&mut merge).is_empty());
    merge.received("behind", [arrived(50)].into_iter(), None);
    assert_eq!(drain(&mut merge), [50]);
}

#[test]
fn a_shard_ends_after_its_last_record_was_given_out() {
    let mut merge = Merge::default();
    merge.open("a");
    merge.received("a", [arrived(1)].into_iter(), Some(0));
    merge.ended("a");
    assert!(merge.take_finished().is_empty());
    assert_eq!(drain(&mut merge), [1]);
    assert_eq!(merge.take_finished(), ["a"]);
    assert_eq!(merge.waiting().count(), 0);
}

#[test]
fn shedding_forgets_the_records_whose_turn_is_last() {
    let mut merge = Merge::default();
    merge.open("a");
    merge.open("b");
    merge.received("a", [1, 2].map(arrived).into_iter(), None);
    merge.received("b", [3, 4].map(arrived).into_iter(), None);
    merge.ended("b");
    assert_eq!(merge.shed(40), None);
    assert_eq!(merge.shed(30), Some(("b".to_owned(), 3)));
    assert_eq!(merge.buffered_bytes(), 20);
    assert_eq!(merge.shed(10), None, "the next record is never forgotten");
    assert_eq!(drain(&mut merge), [1, 2]);
    assert!(merge.take_finished().is_empty(), "b must be read again");
    merge.received("b", [3, 4].map(arrived).into_iter(), None);
    merge.ended("b");
    merge.ended("a");
    assert_eq!(drain(&mut merge), [3, 4]);
    let mut finished = merge.take_finished();
    finished.sort();
    assert_eq!(finished, ["a", "b"]);
}

const SHARDS: [&str; 3] = ["a", "b", "c"];

/// A service and a reader of it.
#[derive(Debug, Default)]
struct World {
    clock_ms: i64,
    stored: [Vec<i64>; 3],
    read: [usize; 3],
    shown: Vec<(String, i64)>,
    merge: Merge<i64>,
}

impl World {
    fn look(&mut self, shard: usize, most: usize) {
        if !self.merge.waiting().any(|name| name == SHARDS[shard]) {
            return;
        }
        let before = self.merge.newest_ms();
        let from = self.read[shard];
        let to = (from + most).min(self.stored[shard].len());
        self.read[shard] = to;
        let records: Vec<_> = self.stored[shard][from..to]
            .iter()
            .map(|&ms| arrived(ms))
            .collect();
        let is_at_tip = to == self.stored[shard].len();
        self.merge.received(
            SHARDS[shard],
            records.into_iter(),
            is_at_tip.then_some(before),
        );
    }

    fn shed(&mut self, limit_bytes: usize) {
        while let Some((name, first)) = self.merge.shed(limit_bytes) {
            let shard = SHARDS.iter().position(|shard| *shard == name).unwrap();
            self.read[shard] = self.of_shard(&name).len();
            assert_eq!(self.stored[shard][self.read[shard]], first);
        }
    }

    fn show(&mut self) {
        while let Some((shard, arrived)) = self.merge.pop() {
            self.shown.push((shard, arrived.record));
        }
    }

    fn of_shard(&self, name: &str) -> Vec<i64> {
        let of_shard = self.shown.iter().filter(|(shard, _)| shard == name);
        of_shard.map(|(_, time)| *time).collect()
    }
}

proptest! {
    /// Writes, reads and shedding in any interleaving: everything is shown once, in order of arrival.
    #[test]
    fn all_records_come_once_and_in_order(
        steps in proptest::collection::vec((0usize..3, 0usize..3, 0i64..3, 0usize..80), 0..200)
    ) {
        let mut world = World { clock_ms: 1, ..World::default() };
        for shard in SHARDS {
            world.merge.open(shard);
        }
        for (action, shard, elapsed_ms, size) in steps {
            world.clock_ms += elapsed_ms;
            match action {
                0 => world.stored[shard].push(world.clock_ms),
                1 => world.look(shard, size % 4),
                _ => world.shed(size),
            }
            world.show();
        }
        let total: usize = world.stored.iter().map(Vec::len).sum();
        for _ in 0..2 * total + 4 {
            for shard in 0..3 {
                world.look(shard, 1000);
            }
            world.show();
        }
        prop_assert!(world.shown.iter().map(|(_, time)| *time).is_sorted(), "{:?}", world.shown);
        for (shard, name) in SHARDS.iter().enumerate() {
            prop_assert_eq!(&world.of_shard(name), &world.stored[shard]);
        }
    }
}
