//! The workers of a simulation: started, killed, stopped; and whether they share the shards.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use rand::rngs::StdRng;
use rand::seq::IteratorRandom;
use rand::{Rng, SeedableRng};
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;

use super::application::{Application, Reads, SHARD_SYNC};
use super::audit::Audit;
use super::faults::Faulty;
use super::processor::AuditedProcessor;
use crate::tasks::process::Process;
use crate::testing::{MemoryLeaseTable, MemoryStream};
use crate::{Consumer, ConsumerError, Lease, Source, StatusBoard};

/// Between two looks at the table.
const LOOK: Duration = Duration::from_millis(100);

pub(super) struct WorkerTask {
    pub(super) task: JoinHandle<Result<(), ConsumerError>>,
    pub(super) stop: CancellationToken,
    pub(super) faulty: Faulty,
    pub(super) board: StatusBoard,
    pub(super) process: Process,
}

impl WorkerTask {
    /// Whether the worker knows that it has the lease.
    fn holds(&self, row: &Lease) -> bool {
        self.board.shards().contains_key(&row.lease_key)
    }

    /// Whether it looks for shards as often as the settings say. A leader that is new has done so at once.
    fn leads(&self) -> bool {
        let shards_listed_at = self.faulty.shards_listed_at();
        let has_looked = shards_listed_at.is_some_and(|at| at.elapsed() <= SHARD_SYNC * 2);
        has_looked && self.board.leads() && !self.task.is_finished()
    }
}

pub(super) struct Simulation {
    pub(super) stream: MemoryStream,
    pub(super) table: MemoryLeaseTable,
    pub(super) audit: Audit,
    pub(super) polled: Arc<dyn Source>,
    /// All workers are one registered consumer.
    pub(super) subscribed_to: Arc<dyn Source>,
    pub(super) workers: BTreeMap<String, WorkerTask>,
    pub(super) workers_started: u64,
    pub(super) application: Application,
    pub(super) rng: StdRng,
    pub(super) seed: u64,
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
    pub(super) fn new(seed: u64, shards: u32, application: Application) -> Self {
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

    pub(super) fn start_worker(&mut self) -> String {
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
        let drift = self.application.drift_percent;
        let pace_percent = self.rng.random_range(100 - drift..=100 + drift);
        let consumer = Consumer::builder("simulated", "stream")
            .source(faulty.clone())
            .lease_table(faulty.clone())
            .dead_letters(faulty.clone())
            .settings(self.application.settings(&worker_id, pace_percent))
            .seed(seed)
            .build()
            .unwrap();
        let policy = self.application.checkpoints;
        let board = consumer.status();
        let stop = CancellationToken::new();
        let run = consumer
            .process(move |shard_id| {
                AuditedProcessor::new(audit.clone(), policy, &id, shard_id, seed)
            })
            .until(stop.clone().cancelled_owned());
        let process = Process::new(seed);
        let task = tokio::spawn(process.clone().run(run.into_future()));
        self.audit.log(format!("start {worker_id}"));
        let worker = WorkerTask {
            task,
            stop,
            faulty,
            board,
            process,
        };
        self.workers.insert(worker_id.clone(), worker);
        worker_id
    }

    pub(super) async fn kill(&mut self, worker_id: &str) {
        self.audit.log(format!("kill {worker_id}"));
        let worker = self.workers.remove(worker_id).unwrap();
        worker.task.abort();
        assert!(worker.task.await.unwrap_err().is_cancelled());
    }

    pub(super) async fn stop(&mut self, worker_id: &str) {
        self.audit.log(format!("stop {worker_id}"));
        let worker = self.workers.remove(worker_id).unwrap();
        worker.stop.cancel();
        worker.process.go_on();
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

    /// Tells the worker to stop; two seconds later it must be at an end, and all its leases with others.
    pub(super) async fn stop_in_two_seconds(&mut self, worker_id: &str) {
        let worker = self.workers.remove(worker_id).unwrap();
        worker.stop.cancel();
        sleep(Duration::from_secs(2)).await;
        assert!(worker.task.is_finished(), "{worker_id} still stops");
        worker.task.await.unwrap().unwrap();
    }

    pub(super) fn some_worker(&mut self) -> Option<String> {
        self.workers.keys().choose(&mut self.rng).cloned()
    }

    /// The worker's process stands still, and later goes on as if nothing had been; unless it is killed meanwhile.
    pub(super) fn pause(&self, worker_id: &str, pause: Duration) {
        let process = self.workers[worker_id].process.clone();
        if process.stands_still() {
            return;
        }
        self.audit.note_pause(worker_id, pause);
        process.stand_still();
        let audit = self.audit.clone();
        let worker_id = worker_id.to_owned();
        tokio::spawn(async move {
            sleep(pause).await;
            audit.log(format!("{worker_id} goes on"));
            process.go_on();
        });
    }

    /// No more faults from now on.
    pub(super) fn calm(&self) {
        for worker in self.workers.values() {
            worker.faulty.calm();
            worker.process.go_on();
        }
        self.stream.hide_new_shards(false);
        self.audit.calm();
    }

    pub(super) fn leaders(&self) -> Vec<String> {
        let leaders = self.workers.iter().filter(|(_, worker)| worker.leads());
        leaders.map(|(id, _)| id.clone()).collect()
    }

    /// Leases of each living worker; panics if one belongs to nobody living.
    pub(super) fn loads(&self) -> Vec<usize> {
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
    pub(super) fn is_settled(&self) -> bool {
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

    /// Watches for a while that no lease is without a living worker at it for longer than `bound`.
    pub(super) async fn assert_owned_again_within(&self, bound: Duration) {
        let began = Instant::now();
        let mut ownerless: BTreeMap<(String, u64), Instant> = BTreeMap::new();
        while began.elapsed() < bound * 2 {
            let now = Instant::now();
            let rows = self.table.rows();
            let is_without = |row: &&Lease| {
                let worker = row.holder().and_then(|holder| self.workers.get(holder));
                !row.is_finished() && worker.is_none_or(|worker| !worker.holds(row))
            };
            // A write that arrives late, of a worker that has died or lost the lease, is a fault of that moment.
            let row_as_it_is = |row: &Lease| (row.lease_key.clone(), row.lease_counter);
            ownerless = rows
                .iter()
                .filter(is_without)
                .map(|row| {
                    let row = row_as_it_is(row);
                    let since = ownerless.get(&row).copied().unwrap_or(now);
                    (row, since)
                })
                .collect();
            let longest = ownerless.iter().min_by_key(|(_, since)| **since);
            self.audit.require(
                longest.is_none_or(|(_, since)| now - *since <= bound),
                || format!("without a worker for longer than {bound:?}: {longest:?}"),
            );
            sleep(LOOK).await;
        }
    }

    /// Watches for a while that the application is never without a living worker that leads for longer than `bound`.
    pub(super) async fn assert_led_again_within(&self, bound: Duration) {
        let began = Instant::now();
        let mut led_at = began;
        while began.elapsed() < bound * 4 {
            if self.workers.values().any(WorkerTask::leads) {
                led_at = Instant::now();
            }
            // Without a leader for reasons that were over by then.
            let since = led_at.max(self.audit.last_fault_at());
            self.audit.require(since.elapsed() <= bound, || {
                format!("without a leader for longer than {bound:?}")
            });
            sleep(LOOK).await;
        }
    }

    pub(super) fn assert_balanced(&self) {
        let loads = self.loads();
        let (min, max) = (loads.iter().min().unwrap(), loads.iter().max().unwrap());
        assert!(max - min <= 1, "unbalanced: {loads:?}");
    }
}
