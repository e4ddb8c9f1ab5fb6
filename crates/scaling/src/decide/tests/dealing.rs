//! Leases are dealt out by their number, whatever their shards take.

use super::*;

/// Six workers, of which the first has two shards that are too much for it, and the others next to nothing.
fn badly_dealt(of_first: Apart) -> Scene {
    let mut scene = scene(6, 8);
    scene.shards_stay();
    scene.records_per_s = 20.0;
    scene.read_records_per_s = SPEED / 2.0;
    scene.apart = Some(of_first);
    scene
}

/// Leases are dealt out by their number: a worker that came may be dealt shards that others did in time, and whoever is late
/// keeps all of its own. That says nothing of whether workers help.
#[test]
fn growth_that_relieved_nobody_who_is_late_is_repeated() {
    let mut scene = badly_dealt(Apart {
        is_one: |shard| shard % 6 == 0,
        records_per_s: 500.0,
        behind_ms: 60_000,
        backlog_records: 20_000,
    });
    scene.window.note(Change {
        at: TimestampMs(scene.now_ms),
        workers_before: 5,
        workers_after: 6,
        shards_before: 8,
        shards_after: 8,
        read_records_per_s: SPEED + 6.0 * 20.0,
    });
    let decision = scene.looks(8).decide();
    let change = decision.workers.as_ref();
    assert_eq!(
        change.map(|change| (change.from, change.to)),
        Some((6, 7)),
        "{}",
        said(&decision)
    );
}

#[test]
fn nobody_goes_while_one_has_more_than_it_can_do_with_several_shards() {
    let mut scene = badly_dealt(Apart {
        is_one: |shard| shard % 6 == 0,
        records_per_s: 520.0,
        behind_ms: 5_000,
        backlog_records: 1_000,
    });
    let decision = scene.knows_speed().quiet().decide();
    assert!(decision.is_nothing(), "{decision:?}");
    assert!(
        said(&decision)
            .contains("w0 could have 2 shards with 1040 records/s to do, and does 1000/s"),
        "{}",
        said(&decision)
    );
    // What it can do, however unevenly: then others may go.
    scene.apart = scene.apart.map(|apart| Apart {
        records_per_s: 400.0,
        ..apart
    });
    let decision = scene.quiet().decide();
    assert!(
        decision.workers.is_some_and(|change| change.to < 6),
        "spare"
    );
}

/// Each of two workers does a hot shard alone, and has fewest shards: what the first hands over the second would get.
#[test]
fn nobody_goes_whose_shard_would_be_too_much_for_whoever_gets_it() {
    let mut scene = scene(4, 6);
    scene.shards_stay();
    scene.records_per_s = 20.0;
    scene.apart = Some(Apart {
        is_one: |shard| (2..4).contains(&shard),
        records_per_s: 650.0,
        behind_ms: 0,
        backlog_records: 0,
    });
    let decision = scene.knows_speed().quiet().decide();
    assert!(decision.is_nothing(), "{decision:?}");
    assert!(
        said(&decision)
            .contains("w3 could have 2 shards with 1300 records/s to do, and does 1000/s"),
        "{}",
        said(&decision)
    );
}
