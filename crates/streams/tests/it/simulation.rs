//! The whole service under simulation by seed: writers, readers, reshards, settings and streams that come and go, over an
//! engine that is slow, fails now and then and leaves callers in doubt, and kills of the service in the middle of it all.
//! The clients' history must agree with what the stream holds in the end: each acknowledged record once and under its
//! number, none that was refused, each key in the order of its writer, each reader with everything from where it began.
//!
//! Here the engine is the one in memory; in `power_cuts` it is the embedded one, on a disk that crashes.
//!
//! Time is simulated and one thread runs everything, so a seed tells the same story each time: nothing in the service leaves
//! to chance which of those that are ready at the same moment goes first. `MILLSTREAM_CASES` says how many seeds, `MILLSTREAM_SEED` which is the first.

mod clients;
mod history;
mod power_cuts;
mod settings;
mod unsteady_engine;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use millstream_log::contract::for_each_seed;
use millstream_streams::{Computing, StreamSettings};
use millstream_types::ShardId;
use millstream_wire::shapes::StreamStatus;
use parking_lot::Mutex;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

use self::clients::{Run, STREAM};
use self::history::History;
use self::unsteady_engine::UnsteadyEngine;
use crate::world::*;

const SEEDS: u64 = 150;
/// Seeds that are told twice.
const TWICE: u64 = 10;
/// Simulated; a run that needs longer is stuck.
const RUN_MAX: Duration = Duration::from_secs(600);

#[test]
fn clients_agree_with_the_stream_whatever_fails() {
    let stored = for_each_seed(SEEDS, |seed| simulate(run(seed)).stored_count());
    assert!(stored > 50, "the clients get on");
}

#[test]
fn the_same_seed_tells_the_same_story() {
    let stored = for_each_seed(TWICE, |seed| {
        assert_same_story(simulate(run(seed)), simulate(run(seed)))
    });
    assert!(stored > 50, "the clients get on");
}

/// What the clients did and were told is the same from beginning to end. How many records were acknowledged.
fn assert_same_story(one: History, other: History) -> usize {
    let stored = one.stored_count();
    let [one, other] = [one, other].map(|history| format!("{history:#?}"));
    let mut lines = one.lines().zip(other.lines()).enumerate();
    let differs = lines.find(|(_, (one, other))| one != other);
    assert_eq!(differs, None, "of {} lines", one.lines().count());
    assert_eq!(one.len(), other.len());
    stored
}

/// Runs one seed in simulated time.
fn simulate(run: impl Future<Output = History>) -> History {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build()
        .unwrap();
    runtime.block_on(async {
        let told = timeout(RUN_MAX, run).await;
        told.expect("a run ends")
    })
}

/// One seed.
async fn run(seed: u64) -> History {
    let mut dice = StdRng::seed_from_u64(seed);
    let settings = StreamSettings {
        commands_per_snapshot: dice.random_range(1..20),
        transition: Duration::from_millis([0, 0, 30][dice.random_range(0..3)]),
        computing: Computing::InPlace,
        ..StreamSettings::default()
    };
    let mut world = World::seeded(settings, seed).await;
    world.create(STREAM, dice.random_range(1..=3)).await;
    settle(&world).await;
    let history = Arc::new(Mutex::new(History::default()));
    for _ in 0..dice.random_range(1..=3) {
        restart(&mut world, &mut dice).await;
        world = live(world, &history, &mut dice, std::future::pending()).await;
    }
    let engine = restart(&mut world, &mut dice).await;
    engine.calm_down();
    settle(&world).await;
    let run = Run {
        world: Arc::new(world),
        history: history.clone(),
    };
    compare(&run).await;
    drop(run);
    told(history)
}

/// What is in the history once nobody adds to it.
fn told(history: Arc<Mutex<History>>) -> History {
    let history = Arc::into_inner(history);
    history.expect("the clients are gone").into_inner()
}

/// Kills the service and starts it again on the same logs.
async fn restart(world: &mut World, dice: &mut StdRng) -> Arc<UnsteadyEngine> {
    let mut engine = None;
    // A start that a fault ends is repeated, as by whatever supervises the process.
    loop {
        let opened = world.try_crash_onto(|below| {
            let unsteady = UnsteadyEngine::new(below, Arc::new(|| {}), dice.random());
            engine = Some(unsteady.clone());
            unsteady
        });
        if opened.await {
            return engine.expect("made");
        }
    }
}

/// Clients at work for a while, or until `events` end, all of them dropped in the middle of what they do.
async fn live(
    world: World,
    history: &Arc<Mutex<History>>,
    dice: &mut StdRng,
    events: impl Future<Output = ()>,
) -> World {
    let run = Run {
        world: Arc::new(world),
        history: history.clone(),
    };
    let mut clients = JoinSet::new();
    for writer in 0..3 {
        clients.spawn(clients::write(run.clone(), writer, dice.random()));
    }
    clients.spawn(clients::reshard(run.clone(), dice.random()));
    clients.spawn(clients::create_and_delete(run.clone(), dice.random()));
    clients.spawn(clients::read(run.clone(), dice.random()));
    clients.spawn(settings::change_settings(run.clone(), dice.random()));
    let clock = run.world.clock.clone();
    clients.spawn(async move {
        loop {
            sleep(Duration::from_millis(5)).await;
            clock.advance_ms(5);
        }
    });
    let length = Duration::from_millis(dice.random_range(50..1_500));
    let ended = tokio::select! {
        biased;
        ended = clients.join_next() => ended,
        () = events => None,
        () = sleep(length) => None,
    };
    if let Some(Err(panicked)) = ended {
        std::panic::resume_unwind(panicked.into_panic());
    }
    clients.shutdown().await;
    Arc::into_inner(run.world).expect("nobody else has it")
}

/// Waits until every stream is either there or not.
async fn settle(world: &World) {
    while !is_settled(world).await {
        sleep(Duration::from_millis(10)).await;
    }
}

async fn is_settled(world: &World) -> bool {
    for name in world.stream_names().await {
        let described = world
            .service()
            .await
            .describe_stream(&world.caller, describe(&name));
        let stream = described.await.map(|answer| answer.stream_description);
        if !stream.is_ok_and(|stream| stream.stream_status == StreamStatus::Active) {
            return false;
        }
    }
    true
}

/// Compares the whole history with what there is. What nobody learned is known from then on.
async fn compare(run: &Run) {
    let Run { world, history } = run;
    let readers = history.lock().readers.len();
    for reader in 0..readers {
        while clients::read_on(run, reader, 10_000).await {}
    }
    let mut shards = BTreeMap::new();
    let mut ranges = Vec::new();
    for shard in world.list_shards(STREAM).await {
        let id: ShardId = shard.shard_id.parse().unwrap();
        shards.insert(id, clients::read_whole(world, &shard.shard_id).await);
        if shard.sequence_number_range.ending_sequence_number.is_none() {
            let range = shard.hash_key_range;
            ranges.push((range.starting_hash_key.0, range.ending_hash_key.0));
        }
    }
    ranges.sort_unstable();
    assert_eq!(ranges.first().map(|range| range.0), Some(0));
    assert_eq!(ranges.last().map(|range| range.1), Some(u128::MAX));
    assert!(
        ranges
            .windows(2)
            .all(|pair| pair[0].1.checked_add(1) == Some(pair[1].0)),
        "the open shards take each key once: {ranges:?}"
    );
    let names = world.stream_names().await.into_iter().collect();
    settings::check_settings(run).await;
    let mut history = history.lock();
    history.check(&shards);
    history.resolve(&shards);
    history.check_brief_streams(&names);
}
