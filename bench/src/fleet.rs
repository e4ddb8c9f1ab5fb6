//! A fleet of workers, of which one is killed every few seconds, on the real server: is every record handled, how many come
//! twice, and how long does nobody handle a shard whose worker has gone?
//!
//! Workers are processes that tell ledgers what they handle (`bin/worker.rs`), so that workers of other libraries can be
//! judged by the same measure: `compat/programs/kcl` has one of the KCL.

mod judge;
pub(crate) mod worker_process;
mod writer;

use std::ffi::OsString;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, ensure};
use millstream_types::{SystemClock, WallClock};
use tokio::time::{Instant, sleep};

pub use self::judge::Judge;
use self::worker_process::WorkerProcess;
use self::writer::Writer;
use crate::process::Server;
use crate::requests::Seeded;

/// The stream's name, and that of the application.
const STREAM: &str = "fleet";
/// Between two looks at the ledgers.
const LOOK: Duration = Duration::from_millis(50);
/// At least so many workers are killed, however slow the machine is.
const KILLS_MIN: usize = 2;
/// What has not come by then will not come.
const DEADLINE: Duration = Duration::from_secs(180);

/// What is to be run.
#[derive(Debug, Clone)]
pub struct Fleet {
    /// The worker's program and its arguments.
    pub worker: Vec<OsString>,
    /// The shards of the stream.
    pub shards: usize,
    /// Workers at a time: one that is killed is replaced at once.
    pub workers: usize,
    /// For how long workers are killed, once all shards have one.
    pub run: Duration,
    /// Between two kills.
    pub kill_every: Duration,
    /// Records a second, over all shards in turn.
    pub records_per_second: u64,
    /// Of workers that can be told; the others have the 10 s of the KCL.
    pub failover: Option<Duration>,
    /// So many workers may end by themselves, and are replaced as those that are killed.
    pub ends_max: usize,
}

/// What was seen.
#[derive(Debug)]
pub struct Seen {
    /// Records that the stream took.
    pub records: u64,
    /// Those of them that no worker has handled.
    pub missing: Vec<u64>,
    /// How often a record was handled that had been handled before.
    pub handled_again: u64,
    /// From the start of the first worker to the first record that one handled.
    pub first_record: Duration,
    /// To the moment at which every shard had had a record handled.
    pub all_shards: Duration,
    /// Workers that were killed.
    pub kills: usize,
    /// Workers that ended by themselves.
    pub ends: usize,
    /// For each shard of a worker that was killed: until another one handled a record of it. Shortest first.
    pub after_kills: Vec<Duration>,
    /// From the last kill until no shard waited any more.
    pub after_last_kill: Duration,
    /// The same as after kills, for a worker that was told to stop, from that moment on.
    pub after_stop: Vec<Duration>,
}

/// A fleet at work.
struct Running<'a> {
    fleet: &'a Fleet,
    endpoint: String,
    folder: &'a Path,
    judge: Judge,
    workers: Vec<WorkerProcess>,
    /// Their last lines may not have been read.
    gone: Vec<WorkerProcess>,
    started: usize,
    ends: usize,
}

impl Fleet {
    /// Runs the fleet on a stream of its own; ledgers and logs of the workers go to `folder`.
    ///
    /// # Errors
    /// If the server, the writer or a worker fails that nobody killed, or if shards stay without a worker for minutes.
    pub async fn run(&self, server: &Server, folder: &Path) -> anyhow::Result<Seen> {
        let create = format!(
            r#"{{"StreamName":"{STREAM}","ShardCount":{}}}"#,
            self.shards
        );
        server.call("CreateStream", &create).await?;
        let writer = Writer::start(server.address, STREAM, self.shards, self.records_per_second);
        let mut running = Running {
            fleet: self,
            endpoint: format!("http://{}", server.address),
            folder,
            judge: Judge::default(),
            workers: Vec::new(),
            gone: Vec::new(),
            started: 0,
            ends: 0,
        };
        let began_ms = now_ms();
        for _ in 0..self.workers {
            running.start_worker()?;
        }
        let shards = self.shards;
        running
            .wait_for("every shard to have a worker", |judge| {
                judge.shards_seen() == shards
            })
            .await?;
        let since_start = |at_ms: Option<u64>| {
            Duration::from_millis(at_ms.unwrap_or_default().saturating_sub(began_ms))
        };
        let first_record = since_start(running.judge.first_ms());
        let all_shards = since_start(running.judge.last_shard_ms());

        let (kills, last_kill_ms) = running.kill_for(self.run).await?;
        let is_whole = |judge: &Judge| judge.shards_waiting() == 0;
        running
            .wait_for("the shards of killed workers", is_whole)
            .await?;
        let after_kills = running.judge.take_waits();
        let last_taken_ms = running.judge.last_taken_ms().unwrap_or(last_kill_ms);
        running.stop_one().await?;
        running
            .wait_for("the shards of a stopped worker", is_whole)
            .await?;
        let after_stop = running.judge.take_waits();

        let records = writer.stop().await?;
        running
            .wait_for("the last records", |judge| judge.distinct() >= records)
            .await
            // What is missing is the outcome, not a failure of the run.
            .unwrap_or_else(|late| eprintln!("{late:#}"));
        running.end().await?;
        Ok(Seen {
            records,
            missing: running.judge.missing(records),
            handled_again: running.judge.handled_again(),
            first_record,
            all_shards,
            kills,
            ends: running.ends,
            after_kills,
            after_last_kill: Duration::from_millis(last_taken_ms.saturating_sub(last_kill_ms)),
            after_stop,
        })
    }
}

impl Running<'_> {
    fn start_worker(&mut self) -> anyhow::Result<()> {
        self.started += 1;
        let name = format!("worker-{:04}", self.started);
        let fleet = self.fleet;
        let env = [
            ("STREAM", STREAM.to_owned()),
            ("APPLICATION", STREAM.to_owned()),
            ("AWS_ENDPOINT_URL", self.endpoint.clone()),
            ("RETRIEVAL", "polling".to_owned()),
        ];
        let failover = fleet
            .failover
            .map(|time| ("FAILOVER_MS", time.as_millis().to_string()));
        let env = env.into_iter().chain(failover);
        self.workers.push(WorkerProcess::start(
            &name,
            &fleet.worker,
            env,
            self.folder,
        )?);
        Ok(())
    }

    /// Reads what the ledgers have new, also of workers that have gone.
    fn look(&mut self) -> anyhow::Result<()> {
        for worker in self.workers.iter_mut().chain(&mut self.gone) {
            for line in worker.new_lines()? {
                self.judge.hear(worker.name(), &line)?;
            }
        }
        for at in (0..self.workers.len()).rev() {
            if let Err(ended) = self.workers[at].check_alive() {
                self.replace(at, &ended)?;
            }
        }
        Ok(())
    }

    fn replace(&mut self, at: usize, ended: &anyhow::Error) -> anyhow::Result<()> {
        let worker = self.workers.swap_remove(at);
        self.judge.leaves(worker.name(), now_ms());
        eprintln!("{ended:#}; the last that it said: {}", worker.last_words());
        self.gone.push(worker);
        self.ends += 1;
        let ends_max = self.fleet.ends_max;
        ensure!(
            self.ends <= ends_max,
            "{} workers ended by themselves",
            self.ends
        );
        self.start_worker()
    }

    async fn wait_for(
        &mut self,
        what: &str,
        has_come: impl Fn(&Judge) -> bool,
    ) -> anyhow::Result<()> {
        let deadline = Instant::now() + DEADLINE;
        loop {
            self.look()?;
            if has_come(&self.judge) {
                return Ok(());
            }
            ensure!(
                Instant::now() < deadline,
                "waited for {what} in vain; logs of the workers are in {}",
                self.folder.display()
            );
            sleep(LOOK).await;
        }
    }

    /// Kills a random worker at each turn, and starts another one. How many were killed, and the last one when.
    async fn kill_for(&mut self, time: Duration) -> anyhow::Result<(usize, u64)> {
        let mut random = Seeded::new(1);
        let (end, mut kills, mut last_ms) = (Instant::now() + time, 0, now_ms());
        let mut next = Instant::now();
        while Instant::now() < end || kills < KILLS_MIN {
            if Instant::now() >= next {
                next += self.fleet.kill_every;
                let at = random.number() as usize % self.workers.len();
                let mut victim = self.workers.swap_remove(at);
                victim.kill().await?;
                let killed_ms = now_ms();
                let name = victim.name().to_owned();
                self.gone.push(victim);
                self.look()?;
                self.judge.leaves(&name, killed_ms);
                self.start_worker()?;
                (kills, last_ms) = (kills + 1, killed_ms);
            }
            self.look()?;
            sleep(LOOK).await;
        }
        Ok((kills, last_ms))
    }

    /// Tells the worker with the most shards to stop, and waits for its end.
    async fn stop_one(&mut self) -> anyhow::Result<()> {
        let load = |worker: &WorkerProcess| self.judge.shards_of(worker.name());
        let busiest = (0..self.workers.len()).max_by_key(|at| load(&self.workers[*at]));
        let mut stopped = self.workers.swap_remove(busiest.context("a worker")?);
        self.judge.leaves(stopped.name(), now_ms());
        stopped.terminate().await?;
        self.gone.push(stopped);
        Ok(())
    }

    async fn end(&mut self) -> anyhow::Result<()> {
        self.look()?;
        for mut worker in self.workers.drain(..) {
            worker.terminate().await?;
            self.gone.push(worker);
        }
        self.look()
    }
}

fn now_ms() -> u64 {
    SystemClock.now().0
}
