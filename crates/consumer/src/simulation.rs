//! Fleets of workers on an in-memory stream and lease table, in simulated time, under faults chosen by seed.
//!
//! Applications begin at the oldest record, at a time, or at the newest record, and checkpoint by each of the policies.
//! They poll, subscribe to the shards, or each worker as it likes; most have a handful of workers and shards, some up to
//! twenty workers and two hundred shards.
//! Records and shards go past retention, new shards stay unknown for a while, the stream is deleted and created again,
//! records are joined, some for other shards, and workers of the KCL leave aggregates half processed. Handlers finish
//! records out of order, fail whole batches and single records, panic, and meet records that cannot be processed.
//!
//! The audit fails the run at the first record that is skipped, the first shard that two workers process at once, the
//! first child that starts before its parents are done, the first checkpoint that goes back or passes an unfinished
//! record, and the first record that is parked though it could be processed.

mod application;
mod audit;
mod chance;
mod faults;
mod fleet;
mod processor;
mod records;

use std::collections::BTreeSet;
use std::ops::Range;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use rand::Rng;
use tokio::time::{Instant, sleep};

use self::application::{Application, FAILOVER, LARGE_EVERY, is_large};
use self::fleet::Simulation;
use crate::{CheckpointPolicy, LeaseTable};

const SEEDS: u64 = 300;
/// A chain of shards past retention takes a minute for each.
const SETTLED_WITHIN: Duration = Duration::from_secs(900);

fn simulate<F: Future<Output = T>, T>(run: F) -> T {
    tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build()
        .unwrap()
        .block_on(run)
}

async fn chaos(seed: u64) -> Vec<String> {
    let (shards, workers, acts) = if is_large(seed) {
        (1 + seed * 37 % 200, 1 + seed % 20, 60)
    } else {
        (1 + seed % 5, 1 + seed % 3, 120)
    };
    let shards = u32::try_from(shards).unwrap();
    let mut simulation = Simulation::new(seed, shards, Application::of_seed(seed));
    simulation.put(50);
    for _ in 0..workers {
        simulation.start_worker();
    }
    for _ in 0..acts {
        let pause = simulation.rng.random_range(100..4000);
        sleep(Duration::from_millis(pause)).await;
        simulation.act().await;
    }
    // Calm: no more faults; what is left must be done in bounded time.
    while simulation.workers.len() < 2 {
        simulation.start_worker();
    }
    simulation.calm();
    let began = Instant::now();
    while !simulation.is_settled() && began.elapsed() < SETTLED_WITHIN {
        sleep(Duration::from_secs(5)).await;
    }
    // What is settled stays so; some runs watch it for long.
    let watched = if seed.is_multiple_of(10) { 900 } else { 60 };
    sleep(Duration::from_secs(watched)).await;
    simulation.audit.assert_all_processed();
    simulation.assert_balanced();
    assert!(simulation.is_settled(), "not settled, and not named above");
    while let Some(worker) = simulation.some_worker() {
        simulation.stop(&worker).await;
    }
    let rows = simulation.table.list().await.unwrap();
    // The row of a finished shard may name whoever stored the end and died before giving the lease back: nobody takes such a
    // row, and the clean-up removes it whoever it names. The KCL never gives such a lease back.
    let mut open = rows.iter().filter(|row| !row.is_finished());
    assert!(open.all(|row| row.lease_owner.is_none()));
    if simulation.application.checkpoints != CheckpointPolicy::Manual {
        simulation.audit.assert_all_stored(&rows);
    }
    assert!(simulation.audit.parked() == 0 || simulation.application.has_poison);
    simulation.audit.clone().into_log()
}

/// `MILLSTREAM_CASES` seeds from `MILLSTREAM_SEED` on; by default the first `SEEDS`.
fn seeds() -> Range<u64> {
    let wished = |name| std::env::var(name).ok().map(|text| text.parse().unwrap());
    let first = wished("MILLSTREAM_SEED").unwrap_or(0);
    let count = wished("MILLSTREAM_CASES").unwrap_or(SEEDS);
    println!("MILLSTREAM_CASES={count} MILLSTREAM_SEED={first}");
    first..first + count
}

#[test]
fn no_record_is_lost_and_no_shard_has_two_workers_whatever_happens() {
    let seeds = seeds();
    let next = AtomicU64::new(seeds.start);
    let failing = Mutex::new(BTreeSet::new());
    let run_seeds = || {
        loop {
            let seed = next.fetch_add(1, Ordering::Relaxed);
            if seed >= seeds.end {
                return;
            }
            if std::panic::catch_unwind(|| simulate(chaos(seed))).is_err() {
                failing.lock().unwrap().insert(seed);
            }
        }
    };
    std::thread::scope(|threads| {
        for _ in 0..std::thread::available_parallelism().map_or(1, usize::from) {
            threads.spawn(run_seeds);
        }
    });
    let failing = failing.into_inner().unwrap();
    assert!(failing.is_empty(), "seeds {failing:?} fail");
}

/// Junk of a former stream would wait for ever for new shards that have the ids of its parents.
#[test]
fn the_lease_of_a_shard_past_retention_does_not_outlive_its_stream() {
    simulate(chaos(2073));
}

/// The lease that one parent has made must not speak against the listing of the other one.
#[test]
fn both_parents_of_a_shard_past_retention_end() {
    for seed in [2727, 3126] {
        simulate(chaos(seed));
    }
}

/// A worker dies, or hears no answer any more, between the end of a shard and the return of its lease.
#[test]
fn the_lease_of_a_finished_shard_that_nobody_gave_back_is_in_nobodys_way() {
    for seed in [3255, 3462] {
        simulate(chaos(seed));
    }
}

/// A worker dies that waits for a lease, and its holder cannot finish the shard, as the stream was created again.
#[test]
fn a_dead_worker_that_was_to_get_a_lease_does_not_lead_for_ever() {
    simulate(chaos(9092));
}

/// They are of the shard that had the id then: the parents of the one that has it now do not matter.
#[test]
fn records_that_were_read_before_the_stream_was_created_again_may_still_be_handled() {
    simulate(chaos(6865));
}

#[test]
fn the_same_seed_gives_the_same_run() {
    for seed in [3, 17, 11, LARGE_EVERY - 1] {
        let (first, second) = (simulate(chaos(seed)), simulate(chaos(seed)));
        assert!(first.len() > 100);
        assert_eq!(first, second);
    }
}

#[test]
fn the_leases_of_a_killed_worker_are_owned_again_soon() {
    simulate(async {
        let mut simulation = Simulation::new(1, 9, Application::plain());
        let workers: Vec<String> = (0..3).map(|_| simulation.start_worker()).collect();
        sleep(FAILOVER * 3).await;
        simulation.assert_balanced();
        assert_eq!(simulation.loads(), [3, 3, 3]);
        simulation.calm();
        simulation.kill(&workers[1]).await;
        // The failover time, one scan, and the latency of some calls.
        sleep(FAILOVER + FAILOVER / 4 + Duration::from_secs(2)).await;
        simulation.assert_balanced();
    });
}

#[test]
fn a_stopping_worker_hands_over_at_once() {
    simulate(async {
        let mut simulation = Simulation::new(2, 4, Application::plain());
        let first = simulation.start_worker();
        simulation.start_worker();
        sleep(FAILOVER * 2).await;
        simulation.calm();
        simulation.stop(&first).await;
        // One scan and the latency of some calls; far less than the failover time.
        sleep(FAILOVER / 4 + Duration::from_secs(1)).await;
        assert_eq!(simulation.loads(), [4]);
    });
}
