//! The whole service under simulation by seed: writers, readers, reshards and streams that come and go, over an engine
//! that is slow, fails now and then and leaves callers in doubt, and kills of the service in the middle of it all. The
//! clients' history must agree with what the stream holds in the end: each acknowledged record once and under its number,
//! none that was refused, each key in the order of its writer, each reader with everything from where it began.
//!
//! Time is simulated and one thread runs everything, so a seed always tells the same story.
//! `MILLSTREAM_CASES` says how many seeds, `MILLSTREAM_SEED` which is the first.

mod clients;
mod history;
mod unsteady_engine;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use millstream_streams::StreamSettings;
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
/// Simulated; a run that needs longer is stuck.
const RUN_MAX: Duration = Duration::from_secs(600);

#[test]
fn clients_agree_with_the_stream_whatever_fails() {
    let setting = |name: &str| std::env::var(name).ok().map(|text| text.parse().unwrap());
    let (first, count) = (
        setting("MILLSTREAM_SEED").unwrap_or(0),
        setting("MILLSTREAM_CASES").unwrap_or(SEEDS),
    );
    println!("MILLSTREAM_SEED={first} MILLSTREAM_CASES={count}");
    let mut stored = 0;
    for seed in first..first + count {
        let told = std::panic::catch_unwind(|| simulate(seed));
        stored += told
            .unwrap_or_else(|_| panic!("seed {seed}: MILLSTREAM_SEED={seed} MILLSTREAM_CASES=1"));
    }
    println!("{stored} records acknowledged");
    assert!(
        count < 50 || stored as u64 > 50 * count,
        "the clients get on"
    );
}

/// One seed; the number of records that were acknowledged.
fn simulate(seed: u64) -> usize {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build()
        .unwrap();
    runtime.block_on(async {
        let told = timeout(RUN_MAX, run(seed)).await;
        told.expect("a run ends")
    })
}

async fn run(seed: u64) -> usize {
    let mut dice = StdRng::seed_from_u64(seed);
    let settings = StreamSettings {
        commands_per_snapshot: dice.random_range(1..20),
        transition: Duration::from_millis([0, 0, 30][dice.random_range(0..3)]),
        ..StreamSettings::default()
    };
    let mut world = World::seeded(settings, seed).await;
    world.create(STREAM, dice.random_range(1..=3)).await;
    settle(&world).await;
    let history = Arc::new(Mutex::new(History::default()));
    for _ in 0..dice.random_range(1..=3) {
        restart(&mut world, &mut dice).await;
        world = live(world, &history, &mut dice).await;
    }
    let engine = restart(&mut world, &mut dice).await;
    engine.calm_down();
    settle(&world).await;
    let run = Run {
        world: Arc::new(world),
        history: history.clone(),
    };
    let readers = history.lock().readers.len();
    for reader in 0..readers {
        while clients::read_on(&run, reader, 10_000).await {}
    }
    compare(&run.world, &history).await;
    history.lock().stored_count()
}

/// Kills the service and starts it again on the same logs.
async fn restart(world: &mut World, dice: &mut StdRng) -> Arc<UnsteadyEngine> {
    let mut engine = None;
    // A start that a fault ends is repeated, as by whatever supervises the process.
    loop {
        let opened = world.try_crash_onto(|below| {
            let unsteady = UnsteadyEngine::new(below, dice.random());
            engine = Some(unsteady.clone());
            unsteady
        });
        if opened.await {
            return engine.expect("made");
        }
    }
}

/// Clients at work for a while, all of them dropped in the middle of what they do.
async fn live(world: World, history: &Arc<Mutex<History>>, dice: &mut StdRng) -> World {
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
    let clock = run.world.clock.clone();
    clients.spawn(async move {
        loop {
            sleep(Duration::from_millis(5)).await;
            clock.advance_ms(5);
        }
    });
    let length = Duration::from_millis(dice.random_range(50..1_500));
    let ended = timeout(length, clients.join_next()).await;
    if let Ok(Some(Err(panicked))) = ended {
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
            .service
            .describe_stream(&world.caller, describe(&name));
        let stream = described.await.map(|answer| answer.stream_description);
        if !stream.is_ok_and(|stream| stream.stream_status == StreamStatus::Active) {
            return false;
        }
    }
    true
}

async fn compare(world: &World, history: &Mutex<History>) {
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
    let history = history.lock();
    history.check(&shards);
    history.check_brief_streams(&names);
}
