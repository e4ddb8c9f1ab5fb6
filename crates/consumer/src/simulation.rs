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

mod audit;
mod faults;
mod processor;

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

use futures::FutureExt;
use millstream_aggregation::{Aggregator, UserRecord};
use rand::rngs::StdRng;
use rand::seq::IteratorRandom;
use rand::{Rng, SeedableRng};
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;

use self::audit::{Audit, key_of};
use self::faults::Faulty;
use self::processor::AuditedProcessor;
use crate::testing::{MemoryLeaseTable, MemoryStream};
use crate::{
    Checkpoint, CheckpointPolicy, Conditional, Consumer, ConsumerError, FailurePolicy,
    InitialPosition, Lease, LeaseTable, Settings, Source,
};

const FAILOVER: Duration = Duration::from_secs(10);
const SEEDS: u64 = 300;
const LARGE_EVERY: u64 = 50;
/// A chain of shards past retention takes a minute for each.
const SETTLED_WITHIN: Duration = Duration::from_secs(900);

struct WorkerTask {
    task: JoinHandle<Result<(), ConsumerError>>,
    stop: CancellationToken,
    faulty: Faulty,
}

struct Simulation {
    stream: MemoryStream,
    table: MemoryLeaseTable,
    audit: Audit,
    polled: Arc<dyn Source>,
    /// All workers are one registered consumer.
    subscribed_to: Arc<dyn Source>,
    workers: BTreeMap<String, WorkerTask>,
    workers_started: u64,
    application: Application,
    rng: StdRng,
    seed: u64,
}

/// What the workers of a simulation have in common.
#[derive(Debug, Clone, Copy)]
struct Application {
    initial: InitialPosition,
    checkpoints: CheckpointPolicy,
    /// Some records cannot be processed, and are parked.
    has_poison: bool,
    reads: Reads,
    workers_max: usize,
    open_shards_max: usize,
}

/// How workers read the stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Reads {
    Polling,
    FanOut,
    /// Each worker as chance has it.
    Either,
}

impl Application {
    fn of_seed(seed: u64) -> Self {
        let moment = SystemTime::UNIX_EPOCH + Duration::from_millis(25);
        Self {
            initial: match seed / 5 % 3 {
                0 => InitialPosition::TrimHorizon,
                1 => InitialPosition::AtTimestamp(moment),
                _ => InitialPosition::Latest,
            },
            checkpoints: match seed / 2 % 4 {
                0 => CheckpointPolicy::Manual,
                1 => CheckpointPolicy::AfterBatch,
                2 => CheckpointPolicy::Every(Duration::from_secs(3)),
                _ => CheckpointPolicy::EveryRecords(20),
            },
            has_poison: seed.is_multiple_of(2),
            reads: match seed % 7 {
                1 | 4 => Reads::FanOut,
                2 | 5 => Reads::Either,
                _ => Reads::Polling,
            },
            workers_max: if is_large(seed) { 20 } else { 5 },
            open_shards_max: if is_large(seed) { 200 } else { 8 },
        }
    }

    fn plain() -> Self {
        Self {
            initial: InitialPosition::TrimHorizon,
            checkpoints: CheckpointPolicy::default(),
            has_poison: false,
            reads: Reads::Polling,
            workers_max: 5,
            open_shards_max: 8,
        }
    }

    fn settings(&self, worker_id: &str) -> Settings {
        let policy = if self.has_poison {
            FailurePolicy::park_after(3)
        } else {
            FailurePolicy::retry()
        };
        Settings::new()
            .initial_position(self.initial)
            .failover_time(FAILOVER)
            .shard_sync_interval(Duration::from_secs(10))
            .records_max(7)
            .worker_id(worker_id)
            .shutdown_grace(Duration::from_secs(20))
            .checkpoints(self.checkpoints)
            .on_failure(policy.pauses(Duration::from_millis(50), Duration::from_secs(1)))
    }
}

/// Few, because they take long.
fn is_large(seed: u64) -> bool {
    seed % LARGE_EVERY == LARGE_EVERY - 1
}

/// A run that fails tells what happened.
impl Drop for Simulation {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let rows: Vec<String> = self
                .table
                .rows()
                .iter()
                .map(|row| format!("{row:?}"))
                .collect();
            let text = self.audit.text();
            eprintln!("seed {}\n{text}\n{}", self.seed, rows.join("\n"));
        }
    }
}

impl Simulation {
    fn new(seed: u64, shards: u32, application: Application) -> Self {
        let stream = MemoryStream::new(shards);
        Self {
            audit: Audit::new(stream.clone(), application.initial),
            polled: Arc::new(stream.clone()),
            subscribed_to: Arc::new(stream.fan_out()),
            application,
            stream,
            table: MemoryLeaseTable::default(),
            workers: BTreeMap::new(),
            workers_started: 0,
            rng: StdRng::seed_from_u64(seed),
            seed,
        }
    }

    fn start_worker(&mut self) -> String {
        self.workers_started += 1;
        let worker_id = format!("worker-{:03}", self.workers_started);
        let seed = self.seed.wrapping_mul(1000) + self.workers_started;
        let subscribes = match self.application.reads {
            Reads::Polling => false,
            Reads::FanOut => true,
            Reads::Either => self.rng.random(),
        };
        let source = if subscribes {
            &self.subscribed_to
        } else {
            &self.polled
        };
        let faulty = Faulty::new(
            self.table.clone(),
            Arc::clone(source),
            self.audit.clone(),
            seed,
        );
        let (audit, id) = (self.audit.clone(), worker_id.clone());
        let consumer = Consumer::builder("simulated", "stream")
            .source(faulty.clone())
            .lease_table(faulty.clone())
            .dead_letters(faulty.clone())
            .settings(self.application.settings(&worker_id))
            .seed(seed)
            .build()
            .unwrap();
        let policy = self.application.checkpoints;
        let stop = CancellationToken::new();
        let run = consumer
            .process(move |shard_id| {
                AuditedProcessor::new(audit.clone(), policy, &id, shard_id, seed)
            })
            .until(stop.clone().cancelled_owned());
        let task = tokio::spawn(run.into_future());
        self.audit.log(format!("start {worker_id}"));
        let worker = WorkerTask { task, stop, faulty };
        self.workers.insert(worker_id.clone(), worker);
        worker_id
    }

    async fn kill(&mut self, worker_id: &str) {
        self.audit.log(format!("kill {worker_id}"));
        let worker = self.workers.remove(worker_id).unwrap();
        worker.task.abort();
        assert!(worker.task.await.unwrap_err().is_cancelled());
    }

    async fn stop(&mut self, worker_id: &str) {
        self.audit.log(format!("stop {worker_id}"));
        let worker = self.workers.remove(worker_id).unwrap();
        worker.stop.cancel();
        let started = Instant::now();
        worker.task.await.unwrap().unwrap();
        assert!(
            started.elapsed() < Duration::from_secs(60),
            "a stop has a deadline"
        );
        assert!(
            !self.audit.is_active(worker_id),
            "a processor outlives its worker"
        );
    }

    fn some_worker(&mut self) -> Option<String> {
        self.workers.keys().choose(&mut self.rng).cloned()
    }

    fn put(&mut self, records: u32) {
        for _ in 0..records {
            match self.rng.random_range(0..8) {
                0 => self.put_joined(),
                // Looks joined, and is not.
                1 => self.put_plain(vec![0xF3, 0x89, 0x9A, 0xC2, 1]),
                _ => self.put_plain(Vec::new()),
            }
        }
    }

    fn put_plain(&mut self, data: Vec<u8>) {
        let key: u32 = self.rng.random_range(0..1000);
        let (_, number) = self.stream.put(&format!("key-{key}"), data);
        self.note_put(number, vec![0]);
    }

    /// Some user records in one record of the stream, placed by the first; others may belong to another shard.
    fn put_joined(&mut self) {
        let count = self.rng.random_range(2..6);
        let users: Vec<UserRecord> = (0..count)
            .map(|_| UserRecord::new(format!("key-{}", self.rng.random_range(0..1000)), ""))
            .collect();
        let mut aggregator = Aggregator::default();
        users.iter().for_each(|user| {
            aggregator.push(user);
        });
        let joined = aggregator.finish().unwrap();
        let (shard_id, number) = self.stream.put(&users[0].partition_key, joined.data);
        let range = self.stream.hash_key_range(&shard_id).unwrap();
        let of_shard = users.iter().enumerate();
        let of_shard = of_shard.filter(|(_, user)| range.contains(user.hash_key()));
        self.note_put(number, of_shard.map(|(index, _)| index as u64).collect());
    }

    fn note_put(&mut self, number: u64, indices: Vec<u64>) {
        for index in &indices {
            if self.application.has_poison && self.rng.random_range(0..40) == 0 {
                self.audit.note_poison((number, *index));
            }
        }
        self.audit.note_put(number, indices);
    }

    /// One random thing happens.
    async fn act(&mut self) {
        match self.rng.random_range(0..100) {
            0..60 => {
                let records = self.rng.random_range(1..40);
                self.put(records);
            }
            60..66 => {
                let open = self.stream.open_shard_ids();
                let shard = open.iter().choose(&mut self.rng).unwrap();
                let has_room = open.len() < self.application.open_shards_max;
                let reshard = if has_room && self.rng.random() {
                    self.stream.split(shard)
                } else {
                    self.stream.merge(shard)
                };
                self.audit.log(format!("reshard {shard} {reshard}"));
            }
            66..74 if self.workers.len() < self.application.workers_max => {
                self.start_worker();
            }
            74..80 => {
                if let Some(worker) = self.some_worker() {
                    self.kill(&worker).await;
                }
            }
            80..85 => {
                if let Some(worker) = self.some_worker() {
                    self.stop(&worker).await;
                    self.process_halves();
                }
            }
            85..92 => {
                let pause = Duration::from_millis(self.rng.random_range(1000..25_000));
                if let Some(worker) = self.some_worker() {
                    self.audit.log(format!("cut off {worker} for {pause:?}"));
                    self.workers[&worker].faulty.cut_off_for(pause);
                }
            }
            92..95 => {
                let from = self.stream.trimmed_before();
                let before = self.rng.random_range(from..=self.stream.last_number());
                self.audit.log(format!("trim {before}"));
                self.stream.trim(before);
            }
            95..98 => {
                let hide = self.rng.random();
                self.audit.log(format!("hide new shards: {hide}"));
                self.stream.hide_new_shards(hide);
            }
            98 if self.rng.random_range(0..3) == 0 => {
                let most = u32::try_from(self.application.open_shards_max).unwrap();
                let shards = self.rng.random_range(1..=most.div_ceil(2));
                self.audit.log(format!("create again with {shards} shards"));
                self.stream.recreate(shards);
            }
            _ => {}
        }
    }

    /// A worker of the KCL takes what nobody owns, processes the first part of an aggregate, and goes.
    fn process_halves(&mut self) {
        for row in self.table.rows() {
            let Checkpoint::At(place) = &row.checkpoint else {
                continue;
            };
            let (last, index) = key_of(place);
            if self.audit.indices(last).iter().any(|left| *left > index) {
                continue;
            }
            let numbers = self.stream.sequence_numbers(&row.lease_key);
            let next = numbers.into_iter().find(|number| *number > last);
            let (None, Some(next)) = (&row.lease_owner, next) else {
                continue;
            };
            let indices = self.audit.indices(next);
            let ([first, _, ..], true) = (&indices[..], indices != [0]) else {
                continue;
            };
            let checkpoint = Checkpoint::parse(&next.to_string(), *first).unwrap();
            self.audit
                .note_half_processed(&row.lease_key, checkpoint.clone());
            let half = Lease {
                checkpoint,
                pending_checkpoint: None,
                ..row.clone()
            };
            let restarted = self.table.restart(&row, half).now_or_never().unwrap();
            assert!(matches!(restarted, Ok(Conditional::Done(_))));
        }
    }

    /// No more faults from now on.
    fn calm(&self) {
        for worker in self.workers.values() {
            worker.faulty.calm();
        }
        self.stream.hide_new_shards(false);
        self.audit.calm();
    }

    /// Leases of each living worker; panics if one belongs to nobody living.
    fn loads(&self) -> Vec<usize> {
        let rows = self.table.rows();
        let open: Vec<_> = rows.iter().filter(|row| !row.is_finished()).collect();
        for row in &open {
            let owner = row.lease_owner.as_ref();
            let living = owner.is_some_and(|owner| self.workers.contains_key(owner));
            assert!(living, "nobody works on {row:?}");
        }
        let load = |id: &String| open.iter().filter(|row| row.is_owned_by(id)).count();
        self.workers.keys().map(load).collect()
    }

    /// Every shard has one living owner, all workers about as many, and everything is processed.
    fn is_settled(&self) -> bool {
        let rows = self.table.rows();
        let open: Vec<&Lease> = rows.iter().filter(|row| !row.is_finished()).collect();
        let is_held = |row: &&Lease| {
            let owner = row.lease_owner.as_ref();
            row.checkpoint_owner.is_none()
                && owner.is_some_and(|owner| self.workers.contains_key(owner))
        };
        let load = |id: &String| open.iter().filter(|row| row.is_owned_by(id)).count();
        let loads: Vec<usize> = self.workers.keys().map(load).collect();
        let spread = loads.iter().max().unwrap_or(&0) - loads.iter().min().unwrap_or(&0);
        let leased: BTreeSet<String> = open.iter().map(|row| row.lease_key.clone()).collect();
        leased == self.stream.open_shard_ids()
            && open.iter().all(is_held)
            && spread <= 1
            && self.audit.is_everything_processed()
    }

    fn assert_balanced(&self) {
        let loads = self.loads();
        let (min, max) = (loads.iter().min().unwrap(), loads.iter().max().unwrap());
        assert!(max - min <= 1, "unbalanced: {loads:?}");
    }
}

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
