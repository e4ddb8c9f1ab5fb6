//! Fleets of workers on an in-memory stream and lease table, in simulated time, under faults chosen by seed.
//!
//! Applications begin at the oldest record, at a time, or at the newest record, and checkpoint by each of the policies.
//! They poll, subscribe to the shards, or each worker as it likes; most have a handful of workers and shards, some up to
//! twenty workers and two hundred shards.
//! Workers die, stop, lose their connection, or stand still with all that they do and then go on as if nothing had been.
//! Records and shards go past retention, new shards stay unknown for a while, the stream is deleted and created again,
//! records are joined, some for other shards, and workers of the KCL leave aggregates half processed. Handlers finish
//! records out of order, fail whole batches and single records, panic, and meet records that cannot be processed.
//!
//! The audit fails the run at the first record that is skipped, the first shard that two workers process at once, the
//! first child that starts before its parents are done, the first checkpoint that goes back or passes an unfinished
//! record, the first record that is parked though it could be processed, and the first worker that goes on with a shard
//! which another one has begun while it stood still; once the faults have ended, at the first lease that is without a worker,
//! and the first fleet that is without a leader, for too long.

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
use crate::{CheckpointPolicy, Lease, LeaseTable};

const SEEDS: u64 = 300;
/// The failover time and two looks at the table, and some calls.
const OWNED_AGAIN: Duration = FAILOVER.saturating_add(Duration::from_secs(2));
/// A look that sees its last sign of life, three more that see none, and some calls.
const LED_AGAIN: Duration = Duration::from_secs(5);
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
    tokio::join!(
        simulation.assert_owned_again_within(OWNED_AGAIN),
        simulation.assert_led_again_within(LED_AGAIN),
    );
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

/// A worker that has just taken the lease begins with what was prepared in the former stream: the row is started again after the
/// take and before its processor.
#[test]
fn a_lease_that_is_started_again_between_take_and_start_is_no_fault() {
    simulate(chaos(1929));
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
        sleep(OWNED_AGAIN).await;
        simulation.assert_balanced();
    });
}

/// With a living worker counted whose leases have all gone but one, each of the others would have its share already.
#[test]
fn the_leases_of_a_stopped_worker_are_owned_again_within_two_seconds() {
    for seed in 0..10 {
        simulate(async move {
            let mut simulation = Simulation::new(seed, 40, Application::plain());
            let workers: Vec<String> = (0..8).map(|_| simulation.start_worker()).collect();
            sleep(FAILOVER * 6).await;
            simulation.calm();
            // What was called before has ended by then.
            sleep(FAILOVER / 2).await;
            simulation.assert_balanced();
            let stopped = &workers[usize::try_from(seed).unwrap() % workers.len()];
            simulation.stop_in_two_seconds(stopped).await;
            simulation.loads();
        });
    }
}

/// Killed one after the other, also the one that waits for a lease of the one killed before it.
#[test]
fn the_leases_of_killed_workers_are_owned_again_within_the_failover_time_and_two_seconds() {
    for seed in 0..10 {
        simulate(async move {
            let mut simulation = Simulation::new(seed, 40, Application::plain());
            for _ in 0..8 {
                simulation.start_worker();
            }
            sleep(FAILOVER * 3).await;
            for _ in 0..5 {
                let killed = simulation.some_worker().unwrap();
                simulation.kill(&killed).await;
                simulation.start_worker();
                sleep(Duration::from_secs(5)).await;
            }
            simulation.calm();
            simulation.assert_owned_again_within(OWNED_AGAIN).await;
            simulation.audit.assert_all_processed();
        });
    }
}

/// Also where the next one in line dies with it.
#[test]
fn a_dead_leader_is_replaced_within_five_seconds() {
    for seed in 0..10 {
        simulate(async move {
            let mut simulation = Simulation::new(seed, 40, Application::plain());
            let workers: Vec<String> = (0..8).map(|_| simulation.start_worker()).collect();
            sleep(FAILOVER * 3 + Duration::from_millis(seed * 100)).await;
            simulation.calm();
            sleep(FAILOVER).await;
            let leaders = simulation.leaders();
            assert_eq!(leaders, workers[..1]);
            simulation.kill(&workers[0]).await;
            if seed % 2 == 1 {
                simulation.kill(&workers[1]).await;
            }
            let killed_at = Instant::now();
            simulation.assert_led_again_within(LED_AGAIN).await;
            let leaders = simulation.leaders();
            assert_eq!(leaders.len(), 1, "{leaders:?}");
            let looked_at = simulation.workers[&leaders[0]].faulty.shards_listed_at();
            assert!(looked_at > Some(killed_at));
            simulation.audit.assert_all_processed();
        });
    }
}

/// What another worker does when the lease has expired must not be done again when the first one goes on.
#[test]
fn a_worker_that_stood_still_goes_on_without_the_leases_that_others_have() {
    for seed in 0..20 {
        simulate(async move {
            let mut simulation = Simulation::new(seed, 6, Application::plain());
            let workers: Vec<String> = (0..2).map(|_| simulation.start_worker()).collect();
            sleep(FAILOVER * 3).await;
            simulation.assert_balanced();
            simulation.calm();
            simulation.put(200);
            while !simulation.audit.is_active(&workers[1]) {
                sleep(Duration::from_millis(5)).await;
            }
            simulation.pause(&workers[1], FAILOVER * 2);
            sleep(OWNED_AGAIN).await;
            let owned_by_other = |row: &Lease| row.is_owned_by(&workers[0]);
            assert!(simulation.table.rows().iter().all(owned_by_other));
            sleep(FAILOVER - Duration::from_secs(3)).await;
            assert!(simulation.audit.is_everything_processed());
            sleep(FAILOVER * 3).await;
            simulation.audit.assert_all_processed();
            simulation.assert_balanced();
        });
    }
}

/// At the size that the library is measured with.
#[test]
fn a_new_fleet_reads_all_its_shards_within_three_seconds() {
    simulate(async {
        let mut simulation = Simulation::new(4, 200, Application::plain());
        simulation.put(400);
        for _ in 0..10 {
            simulation.start_worker();
        }
        simulation.calm();
        sleep(Duration::from_secs(3)).await;
        simulation.loads();
        assert!(simulation.audit.is_everything_processed());
    });
}

/// A leader with a single lease writes to it at each of its looks: the most that it costs to be seen to live. It is the
/// application's cost, not each worker's.
#[test]
fn who_leads_renews_at_most_as_often_as_it_looks_and_nobody_else_more_than_before() {
    simulate(async {
        let mut simulation = Simulation::new(6, 3, Application::plain());
        let workers: Vec<String> = (0..3).map(|_| simulation.start_worker()).collect();
        simulation.calm();
        sleep(FAILOVER * 6).await;
        simulation.assert_balanced();
        let renewals = |simulation: &Simulation| -> Vec<u64> {
            let renewals = |id: &String| simulation.workers[id].faulty.renewals();
            workers.iter().map(renewals).collect()
        };
        let before = renewals(&simulation);
        sleep(Duration::from_secs(60)).await;
        let after = renewals(&simulation);
        let in_a_minute: Vec<u64> = after.iter().zip(before).map(|(a, b)| a - b).collect();
        println!("{in_a_minute:?} renewals");
        assert!((55..=61).contains(&in_a_minute[0]), "{in_a_minute:?}");
        assert!(in_a_minute[1..].iter().all(|renewals| *renewals <= 19));
    });
}

/// What the looks cost that find all this out.
#[test]
fn a_quiet_fleet_calls_its_table_at_most_22_times_a_minute_for_each_lease() {
    simulate(async {
        let mut simulation = Simulation::new(5, 200, Application::plain());
        for _ in 0..10 {
            simulation.start_worker();
        }
        simulation.calm();
        sleep(FAILOVER * 12).await;
        simulation.assert_balanced();
        let calls = |simulation: &Simulation| -> u64 {
            let workers = simulation.workers.values();
            workers.map(|worker| worker.faulty.table_calls()).sum()
        };
        let before = calls(&simulation);
        sleep(Duration::from_secs(60)).await;
        let calls_of_a_lease = (calls(&simulation) - before) as f64 / 200.0;
        println!("{calls_of_a_lease} calls");
        // 18 renewals; the rest are looks, each of one worker at all leases.
        assert!(
            (18.0..22.0).contains(&calls_of_a_lease),
            "{calls_of_a_lease}"
        );
    });
}
