//! Fleets of workers on an in-memory stream and lease table, in simulated time, under faults chosen by seed.
//!
//! Applications begin at the oldest record, at a time, or at the newest record. Records and shards go past retention,
//! new shards stay unknown for a while, the stream is deleted and created again, and workers of the KCL leave
//! aggregates half processed.
//!
//! The audit fails the run at the first record that is skipped, the first shard that two workers process at once, the
//! first child that starts before its parents are done, and the first checkpoint that goes back.

mod audit;
mod faults;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use futures::FutureExt;
use millstream_types::TimestampMs;
use rand::rngs::StdRng;
use rand::seq::IteratorRandom;
use rand::{Rng, SeedableRng};
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;

use self::audit::{Audit, AuditedProcessor};
use self::faults::Faulty;
use crate::{
    Checkpoint, Conditional, Consumer, ConsumerError, FailurePolicy, InitialPosition, Lease,
    LeaseTable, MemoryLeaseTable, MemoryStream, Settings,
};

const FAILOVER: Duration = Duration::from_secs(10);

struct WorkerTask {
    task: JoinHandle<Result<(), ConsumerError>>,
    stop: CancellationToken,
    faulty: Faulty,
}

struct Simulation {
    stream: MemoryStream,
    table: MemoryLeaseTable,
    audit: Audit,
    workers: BTreeMap<String, WorkerTask>,
    workers_started: u64,
    initial: InitialPosition,
    rng: StdRng,
    seed: u64,
}

fn settings(worker_id: &str, initial_position: InitialPosition) -> Settings {
    Settings {
        initial_position,
        failover_time: FAILOVER,
        shard_sync_interval: Duration::from_secs(10),
        records_max: 7,
        worker_id: Some(worker_id.to_owned()),
        shutdown_grace: Duration::from_secs(20),
        failure_policy: FailurePolicy::Retry {
            pause_min: Duration::from_millis(50),
            pause_max: Duration::from_secs(1),
        },
        ..Settings::default()
    }
}

impl Simulation {
    fn new(seed: u64, shards: u32, initial: InitialPosition) -> Self {
        let stream = MemoryStream::new(shards);
        Self {
            audit: Audit::new(stream.clone(), initial),
            initial,
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
        let faulty = Faulty::new(
            self.table.clone(),
            self.stream.clone(),
            self.audit.clone(),
            seed,
        );
        let (audit, id) = (self.audit.clone(), worker_id.clone());
        let consumer = Consumer::builder("simulated", "stream")
            .stream_reader(Arc::new(faulty.clone()))
            .lease_table(Arc::new(faulty.clone()))
            .settings(settings(&worker_id, self.initial))
            .seed(seed)
            .build(move |shard_id| AuditedProcessor::new(audit.clone(), &id, shard_id, seed))
            .unwrap();
        let stop = CancellationToken::new();
        let task = tokio::spawn(consumer.run(stop.clone()));
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
            let key: u32 = self.rng.random_range(0..1000);
            let looks_aggregated = self.rng.random_range(0..8) == 0;
            let data = if looks_aggregated {
                vec![0xF3, 0x89, 0x9A, 0xC2, 1]
            } else {
                Vec::new()
            };
            let (_, number) = self.stream.put(&format!("key-{key}"), data);
            if looks_aggregated {
                self.audit.note_aggregate(number);
            }
        }
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
                let reshard = if open.len() < 8 && self.rng.random() {
                    self.stream.split(shard)
                } else {
                    self.stream.merge(shard)
                };
                self.audit.log(format!("reshard {shard} {reshard}"));
            }
            66..74 if self.workers.len() < 5 => {
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
                let shards = self.rng.random_range(1..5);
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
            let last: u64 = place.sequence_number().parse().unwrap();
            let numbers = self.stream.sequence_numbers(&row.lease_key);
            let next = numbers.into_iter().find(|number| *number > last);
            let next = next.filter(|number| self.audit.is_aggregate(*number));
            let (None, Some(next)) = (&row.lease_owner, next) else {
                continue;
            };
            let checkpoint = Checkpoint::parse(&next.to_string(), 1).unwrap();
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
    let shards = 1 + u32::try_from(seed % 5).unwrap();
    let initial = match seed / 5 % 3 {
        0 => InitialPosition::TrimHorizon,
        1 => InitialPosition::AtTimestamp(TimestampMs(25)),
        _ => InitialPosition::Latest,
    };
    let mut simulation = Simulation::new(seed, shards, initial);
    simulation.put(50);
    for _ in 0..=seed % 3 {
        simulation.start_worker();
    }
    for _ in 0..120 {
        let pause = simulation.rng.random_range(100..4000);
        sleep(Duration::from_millis(pause)).await;
        simulation.act().await;
    }
    // Calm: no more faults; what is left must be done in bounded time.
    while simulation.workers.len() < 2 {
        simulation.start_worker();
    }
    simulation.calm();
    // A chain of shards past retention takes a minute for each.
    sleep(Duration::from_secs(900)).await;
    simulation.audit.assert_all_processed();
    simulation.assert_balanced();
    let finished = simulation.table.rows();
    let closed = finished.iter().filter(|row| row.is_finished());
    let open = simulation.stream.open_shard_ids().len();
    assert!(finished.len() - closed.clone().count() == open);
    while let Some(worker) = simulation.some_worker() {
        simulation.stop(&worker).await;
    }
    let rows = simulation.table.list().await.unwrap();
    assert!(rows.iter().all(|row| row.lease_owner.is_none()));
    simulation.audit.into_log()
}

#[test]
fn no_record_is_lost_and_no_shard_has_two_workers_whatever_happens() {
    for seed in 0..60 {
        let run = std::panic::catch_unwind(|| simulate(chaos(seed)));
        assert!(run.is_ok(), "seed {seed} fails");
    }
}

#[test]
fn the_same_seed_gives_the_same_run() {
    for seed in [3, 17, 11] {
        let (first, second) = (simulate(chaos(seed)), simulate(chaos(seed)));
        assert!(first.len() > 100);
        assert_eq!(first, second);
    }
}

#[test]
fn the_leases_of_a_killed_worker_are_owned_again_soon() {
    simulate(async {
        let mut simulation = Simulation::new(1, 9, InitialPosition::TrimHorizon);
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
        let mut simulation = Simulation::new(2, 4, InitialPosition::TrimHorizon);
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
