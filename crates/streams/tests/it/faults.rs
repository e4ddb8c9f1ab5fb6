//! Every step of every change fails once, in every way: nothing is lost, and the change is finished in the end.

use std::time::Duration;

use millstream_types::HashKeyRange;
use millstream_wire::ErrorCode;
use millstream_wire::shapes::{PutRecordsResultEntry, StreamStatus};

use crate::faulty_engine::{Fault, FaultyEngine};
use crate::world::*;

/// More steps than any of the changes has.
const STEPS_MAX: usize = 40;

const MIDDLE: u128 = u128::MAX / 4;

/// A change of the stream `meters`, which has two shards and a record in each.
#[derive(Debug, Clone, Copy)]
enum Change {
    Create,
    Split,
    Merge,
    /// Two rounds: two splits, then a merge.
    Scale,
    Delete,
}

const CHANGES: [Change; 5] = [
    Change::Create,
    Change::Split,
    Change::Merge,
    Change::Scale,
    Change::Delete,
];

async fn attempt(world: &World, change: Change) {
    // The outcome does not matter here: what follows holds for a success and for a failure.
    match change {
        Change::Create => {
            let created = world
                .service()
                .await
                .create_stream(&world.caller, create("other", 3));
            drop(created.await);
        }
        Change::Split => drop(world.split("meters", "0", MIDDLE).await),
        Change::Merge => drop(world.merge("meters", "0", "1").await),
        Change::Scale => drop(world.scale("meters", 3).await),
        Change::Delete => drop(world.try_delete("meters").await),
    }
}

async fn prepared() -> World {
    let world = World::new().await;
    world.create("meters", 2).await;
    world.put("meters", "sensor-7", b"one").await;
    world.put("meters", "sensor-8", b"two").await;
    world
}

async fn settled(world: &World) {
    for _ in 0..10_000 {
        let mut is_changing = false;
        for name in world.stream_names().await {
            let described = world
                .service()
                .await
                .describe_stream(&world.caller, describe(&name))
                .await;
            is_changing |= described.is_ok_and(|answer| {
                answer.stream_description.stream_status != StreamStatus::Active
            });
        }
        if !is_changing {
            return;
        }
        // The test's time is paused: this only lets the others run.
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("a stream stays in between");
}

/// Everything that must hold once nothing is changing any more.
async fn check(world: &World, change: Change) {
    let names = world.stream_names().await;
    for name in &names {
        let shards = world.list_shards(name).await;
        let open = shards
            .iter()
            .filter(|shard| shard.sequence_number_range.ending_sequence_number.is_none());
        let mut ranges: Vec<_> = open.map(|shard| shard.hash_key_range).collect();
        ranges.sort_by_key(|range| range.starting_hash_key);
        assert_eq!(ranges[0].starting_hash_key, HashKeyRange::ALL.start);
        assert_eq!(
            ranges[ranges.len() - 1].ending_hash_key,
            HashKeyRange::ALL.end
        );
        for pair in ranges.windows(2) {
            assert_eq!(pair[0].ending_hash_key.0 + 1, pair[1].starting_hash_key.0);
        }
        world.put(name, "sensor-7", b"after").await;
    }
    match change {
        Change::Create => assert!(names.contains(&"meters".to_owned())),
        Change::Delete if names.is_empty() => return,
        Change::Split | Change::Merge | Change::Scale | Change::Delete => {
            assert_eq!(names, ["meters"])
        }
    }
    let mut all = Vec::new();
    for shard in world.list_shards("meters").await {
        all.extend(world.read_shard("meters", &shard.shard_id).await);
    }
    let data: Vec<_> = all.iter().map(|(_, data)| &data[..]).collect();
    for expected in [&b"one"[..], b"two", b"after"] {
        let count = data.iter().filter(|data| **data == expected).count();
        assert_eq!(count, 1, "{change:?}: {data:?}");
    }
}

/// Runs the change with the fault after `steps` steps; false if there are no more steps than that.
async fn run(change: Change, steps: usize, fault: Fault, crash: bool) -> bool {
    let mut world = prepared().await;
    let mut faulty = None;
    world
        .crash_onto(|memory| {
            let engine = FaultyEngine::new(memory, steps, fault);
            faulty = Some(engine.clone());
            engine
        })
        .await;
    let faulty = faulty.expect("opened");
    let attempted = tokio::time::timeout(Duration::from_secs(120), attempt(&world, change));
    attempted.await.expect("every wait has a deadline");
    if crash {
        world.crash().await;
    }
    settled(&world).await;
    check(&world, change).await;
    let before = described(&world).await;
    world.crash().await;
    assert_eq!(described(&world).await, before, "{change:?} {steps}");
    faulty.has_failed()
}

async fn described(world: &World) -> Vec<(String, Vec<millstream_wire::shapes::Shard>)> {
    let mut all = Vec::new();
    for name in world.stream_names().await {
        let shards = world.list_shards(&name).await;
        all.push((name, shards));
    }
    all
}

async fn run_all(fault: &Fault, crash: bool) {
    for change in CHANGES {
        let mut steps = 0;
        while run(change, steps, fault.clone(), crash).await {
            steps += 1;
            assert!(steps < STEPS_MAX, "the fault comes again and again");
        }
        // Begin, the logs, finish: no change has fewer than three.
        assert!(steps >= 3, "{change:?} has only {steps} steps");
    }
}

#[tokio::test(start_paused = true)]
async fn a_crash_before_any_step_is_resumed() {
    run_all(&Fault::NoAnswer { done: false }, true).await;
}

#[tokio::test(start_paused = true)]
async fn a_crash_after_any_step_is_resumed() {
    run_all(&Fault::NoAnswer { done: true }, true).await;
}

#[tokio::test(start_paused = true)]
async fn a_step_that_fails_is_done_again() {
    run_all(&Fault::NotDone, false).await;
}

#[tokio::test(start_paused = true)]
async fn a_step_of_unknown_outcome_that_did_not_happen_is_done_again() {
    run_all(&Fault::Unknown { done: false }, false).await;
}

#[tokio::test(start_paused = true)]
async fn a_step_of_unknown_outcome_that_happened_is_not_done_twice() {
    run_all(&Fault::Unknown { done: true }, false).await;
}

#[tokio::test(start_paused = true)]
async fn a_command_without_an_answer_holds_up_no_other_and_is_looked_for() {
    let mut world = World::new().await;
    world
        .crash_onto(|memory| FaultyEngine::new(memory, 0, Fault::NoAnswer { done: false }))
        .await;
    let first = world
        .service()
        .await
        .create_stream(&world.caller, create("meters", 1));
    let second = async {
        tokio::time::sleep(Duration::from_secs(1)).await;
        let began = tokio::time::Instant::now();
        world.create("second", 1).await;
        assert!(began.elapsed() < Duration::from_secs(1));
        assert_eq!(world.stream_names().await, ["second"]);
    };
    let (first, ()) = tokio::join!(first, second);
    first.expect("it had not happened, and was done");
    assert_eq!(world.stream_names().await, ["meters", "second"]);
    world.put("meters", "k", b"v").await;
}

#[tokio::test(start_paused = true)]
async fn a_command_of_unknown_outcome_that_happened_is_found_and_not_done_twice() {
    let mut world = World::new().await;
    world
        .crash_onto(|memory| FaultyEngine::new(memory, 0, Fault::Unknown { done: true }))
        .await;
    world.create("meters", 1).await;
    assert_eq!(world.stream_names().await, ["meters"]);
    world.put("meters", "k", b"v").await;
}

#[tokio::test(start_paused = true)]
async fn a_command_whose_outcome_stays_unknown_is_an_internal_failure() {
    let mut world = World::new().await;
    world
        .crash_onto(|memory| {
            let mut engine = FaultyEngine::new(memory, 0, Fault::Unknown { done: false });
            // More than there are attempts in 30 s.
            for _ in 0..14 {
                engine = engine.and_then(Fault::Unknown { done: false });
            }
            engine
        })
        .await;
    let created = world
        .service()
        .await
        .create_stream(&world.caller, create("meters", 1));
    let failure = (
        ErrorCode::InternalFailure,
        "Internal Service Failure.".into(),
    );
    assert_eq!(on_wire(created.await), failure);
    assert!(world.stream_names().await.is_empty());
    world.create("third", 1).await;
}

#[tokio::test]
async fn a_put_of_unknown_outcome_is_an_internal_failure_and_one_that_is_not_written_a_throttle() {
    for (fault, code) in [
        (Fault::Unknown { done: true }, ErrorCode::InternalFailure),
        (Fault::NotDone, ErrorCode::ProvisionedThroughputExceeded),
    ] {
        let mut world = prepared().await;
        world
            .crash_onto(|memory| FaultyEngine::of_records(memory, 0, fault.clone()))
            .await;
        let put = world.try_put("meters", "sensor-8", b"three").await;
        assert_eq!(on_wire(put).0, code);
        world
            .crash_onto(|memory| FaultyEngine::of_records(memory, 0, fault.clone()))
            .await;
        let put = world.put_many(
            "meters",
            vec![record("sensor-7", b"x"), record("sensor-8", b"y")],
        );
        for entry in put.await.expect("answered") {
            let PutRecordsResultEntry::Failed {
                code: failed,
                message,
            } = entry
            else {
                panic!("not stored");
            };
            assert_eq!(failed, code);
            let expected = match code {
                ErrorCode::InternalFailure => "Internal Service Failure.",
                _ => "Rate exceeded for shard shardId-00000000000",
            };
            assert!(message.starts_with(expected), "{message}");
        }
    }
}
