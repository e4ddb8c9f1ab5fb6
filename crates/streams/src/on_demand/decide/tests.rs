use proptest::prelude::*;

use super::*;

const KB: u64 = 1024;

/// Even shards with these loads; each middle is in the middle.
fn shards(loads: &[u64]) -> Vec<ShardNow> {
    let count = u32::try_from(loads.len()).unwrap();
    let ranges = HashKeyRange::uniform(count);
    let ids = (0..).map_while(ShardId::new);
    let loads = loads.iter().map(|bytes| Load(*bytes));
    let shard = |((range, id), load)| ShardNow {
        id,
        range,
        load,
        middle: Middle::At(half(range).unwrap()),
        rests: load <= QUIET,
    };
    ranges.zip(ids).zip(loads).map(shard).collect()
}

fn stream(shards: &[ShardNow], peak: u64) -> StreamNow<'_> {
    StreamNow {
        shards,
        peak: Load(peak),
        warm_mibps: None,
        shards_max: 10_000,
        reshards_max: 10_000,
    }
}

fn split_ids(decision: &Decision) -> Vec<u32> {
    match decision {
        Decision::Split(splits) => splits.iter().map(|(id, _)| id.index()).collect(),
        Decision::Nothing | Decision::Merge(_) => panic!("{decision:?}"),
    }
}

fn merged_ids(decision: &Decision) -> Vec<(u32, u32)> {
    match decision {
        Decision::Merge(merges) => merges.iter().map(|(a, b)| (a.index(), b.index())).collect(),
        Decision::Nothing | Decision::Split(_) => panic!("{decision:?}"),
    }
}

#[test]
fn small_records_weigh_as_much_as_they_keep_a_shard_busy() {
    assert_eq!(Load::of(60 * 1024 * 1024, 60, 60_000), Load(1024 * 1024));
    assert_eq!(Load::of(60 * 1000, 60_000, 60_000), Load(1024 * 1024));
}

#[test]
fn a_shard_with_more_than_500_kilobytes_a_second_is_split_at_its_middle() {
    let shards = shards(&[100 * KB, 500 * KB + 1, 500 * KB, 0]);
    let now = stream(&shards, 1_100 * KB);
    let Middle::At(middle) = shards[1].middle else {
        panic!("it has one");
    };
    assert_eq!(now.decide(), Decision::Split(vec![(shards[1].id, middle)]));
}

#[test]
fn a_stream_has_room_for_double_its_peak() {
    let now = shards(&[300 * KB; 4]);
    assert_eq!(stream(&now, 2 * 1024 * KB).decide(), Decision::Nothing);
    assert_eq!(stream(&now, 3 * 1024 * KB).wanted(), 6);
    let loads = [300 * KB, 310 * KB, 290 * KB, 320 * KB];
    let now = shards(&loads);
    // Those with most; never more than double in a round.
    assert_eq!(split_ids(&stream(&now, 3 * 1024 * KB).decide()), [3, 1]);
    assert_eq!(split_ids(&stream(&now, 90 * 1024 * KB).decide()).len(), 4);
}

#[test]
fn a_hot_shard_waits_for_its_middle_and_one_key_is_not_split() {
    let mut shards = shards(&[900 * KB, 0, 0, 0]);
    shards[0].middle = Middle::Unknown;
    assert_eq!(stream(&shards, 900 * KB).decide(), Decision::Nothing);
    shards[0].middle = Middle::Nowhere;
    let now = stream(&shards, 900 * KB);
    assert_eq!(now.decide(), Decision::Nothing);
    assert_eq!(now.helpless().count(), 1);
}

#[test]
fn neighbours_that_rest_are_merged_down_to_the_capacity() {
    let loads = [1, 1, 1, 200 * KB, 1, 1, 1, 1];
    let now = shards(&loads);
    assert_eq!(
        merged_ids(&stream(&now, 0).decide()),
        [(0, 1), (4, 5), (6, 7)]
    );
    assert_eq!(
        merged_ids(&stream(&now, 3 * 1024 * KB).decide()),
        [(0, 1), (4, 5)]
    );
    assert_eq!(stream(&now, 4 * 1024 * KB).decide(), Decision::Nothing);
    let four = shards(&[0; 4]);
    assert_eq!(stream(&four, 0).decide(), Decision::Nothing);
    let warm = StreamNow {
        warm_mibps: Some(7),
        ..stream(&now, 0)
    };
    assert_eq!(merged_ids(&warm.decide()), [(0, 1)]);
}

#[test]
fn who_was_busy_within_the_day_is_not_merged() {
    let mut shards = shards(&[0; 8]);
    for shard in shards.iter_mut().step_by(2) {
        shard.rests = false;
    }
    assert_eq!(stream(&shards, 0).decide(), Decision::Nothing);
}

proptest! {
    /// Whatever is known of a stream: no shard is in two changes, the bounds hold, what is merged does not have to be
    /// split, and what is split was hot or is needed.
    #[test]
    fn every_decision_keeps_the_bounds(
        loads in prop::collection::vec(0u64..1_200 * KB, 1..40),
        middles in prop::collection::vec(0u8..3, 40),
        peak in 0u64..60_000 * KB,
        shards_max in 1usize..50,
        reshards_max in 0usize..50,
    ) {
        let mut shards = shards(&loads);
        for (shard, middle) in shards.iter_mut().zip(middles) {
            shard.middle = match middle {
                0 => Middle::Unknown,
                1 => Middle::Nowhere,
                _ => shard.middle,
            };
        }
        let now = StreamNow { shards_max, reshards_max, ..stream(&shards, peak) };
        let load = |id: ShardId| shards[id.index() as usize].load;
        match now.decide() {
            Decision::Nothing => {}
            Decision::Split(splits) => {
                let mut ids: Vec<_> = splits.iter().map(|(id, _)| *id).collect();
                ids.sort_unstable();
                ids.dedup();
                prop_assert_eq!(ids.len(), splits.len());
                prop_assert!(splits.len() <= reshards_max);
                prop_assert!(shards.len() + splits.len() <= shards_max);
                let hot = splits.iter().filter(|(id, _)| load(*id) > HOT).count();
                let needed = now.wanted().saturating_sub(shards.len());
                prop_assert!(splits.len() <= hot.max(needed));
                for (id, key) in &splits {
                    prop_assert!(can_be_cut(shards[id.index() as usize].range, *key));
                }
            }
            Decision::Merge(merges) => {
                prop_assert!(merges.len() <= reshards_max);
                prop_assert!(shards.len() - merges.len() >= now.wanted().max(SHARDS_MIN));
                for pair in merges.windows(2) {
                    prop_assert!(pair[0].1 < pair[1].0);
                }
                for (low, high) in &merges {
                    prop_assert_eq!(low.index() + 1, high.index());
                    prop_assert!(load(*low).0 + load(*high).0 <= HOT.0 / 4);
                }
            }
        }
    }
}
