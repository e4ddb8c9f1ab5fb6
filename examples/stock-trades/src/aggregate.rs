//! `aggregate`: the second stage. Statistics over all shards.
//!
//! The totals are rebuilt from the statistics stream whenever a worker starts: it begins at the oldest sample and never
//! checkpoints inside a shard. So totals and stream cannot disagree, and nothing limits how many ticker symbols there
//! are; what limits the totals is the stream's retention (24 hours unless raised), and the line says so when samples are
//! missing. When a shard of the statistics stream ends, its samples are put on the stream again, joined, before its end is
//! checkpointed: they go to its children, and a worker that starts later finds them there.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use anyhow::bail;
use aws_sdk_kinesis::Client;
use millstream_consumer::{
    BoxError, Checkpointer, Consumer, Failure, FailurePolicy, RecordBatch, RecordProcessor,
    ShardStart,
};
use tokio_util::sync::CancellationToken;

use crate::connection::Connection;
use crate::names::{AGGREGATOR_APPLICATION, STATS_STREAM};
use crate::sample::Sample;
use crate::totals::{Added, Totals};
use crate::{statistics_stream, stopping, streams, worker_options::WorkerOptions};

#[derive(Debug, Clone, clap::Args)]
pub(crate) struct Aggregate {
    #[command(flatten)]
    worker: WorkerOptions,
    /// Time between two lines
    #[arg(long, default_value = "60s", value_parser = humantime::parse_duration)]
    interval: Duration,
    /// Print totals per ticker symbol as JSON instead of a line
    #[arg(long)]
    json: bool,
    /// End once the samples on the stream add up to N trades; fail if they exceed it
    #[arg(long, value_name = "N")]
    until_total: Option<u64>,
    /// Name of the application and of its lease table
    #[arg(long, default_value = AGGREGATOR_APPLICATION)]
    application: String,
}

impl Aggregate {
    pub(crate) async fn run(&self, connection: &Connection) -> anyhow::Result<()> {
        let stop = stopping::requested(self.worker.stop_with_stdin)?;
        let clients = connection.clients(|said| eprintln!("{said}")).await?;
        streams::wait_until_active(&clients.kinesis, STATS_STREAM).await?;
        let shared = Arc::new(Shared {
            totals: Mutex::default(),
            held: Mutex::default(),
            kinesis: clients.kinesis.clone(),
            until_total: self.until_total,
            json: self.json,
            interval: self.interval,
            done: CancellationToken::new(),
        });
        let for_processors = Arc::clone(&shared);
        let consumer = Consumer::builder(&self.application, STATS_STREAM)
            .clients(clients.kinesis, clients.dynamodb)
            // A sample that cannot be counted stops everything: going on would print wrong totals.
            .settings(
                self.worker
                    .settings()
                    .on_failure(FailurePolicy::halt_after(1)),
            )
            .build()?;
        eprintln!("worker {} started", consumer.worker_id());
        let told =
            stopping::after_catching_up(stop, consumer.status(), self.worker.catch_up_on_stop);
        let done = shared.done.clone();
        tokio::spawn(async move {
            told.cancelled().await;
            done.cancel();
        });
        consumer
            .process(move |shard_id| StatsProcessor {
                shard_id: shard_id.to_owned(),
                shared: Arc::clone(&for_processors),
                next_line: Instant::now() + for_processors.interval,
            })
            .until(shared.done.clone().cancelled_owned())
            .await?;
        shared.print().await;
        let trades = shared.with(|totals| totals.trades());
        match self.until_total {
            Some(wanted) if trades != wanted => {
                bail!("the samples add up to {trades} trades, not to {wanted}")
            }
            _ => Ok(()),
        }
    }
}

/// What outlives a processor.
struct Shared {
    /// A sample counts once however often it comes, so what was counted stays when a shard goes or comes back.
    totals: Mutex<Totals>,
    /// Shards of the statistics stream that this worker holds, or held to their end.
    held: Mutex<BTreeSet<String>>,
    kinesis: Client,
    until_total: Option<u64>,
    json: bool,
    interval: Duration,
    done: CancellationToken,
}

impl Shared {
    fn with<T>(&self, act: impl FnOnce(&mut Totals) -> T) -> T {
        act(&mut self.totals.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn with_held<T>(&self, act: impl FnOnce(&mut BTreeSet<String>) -> T) -> T {
        act(&mut self.held.lock().unwrap_or_else(PoisonError::into_inner))
    }

    async fn print(&self) {
        let shards_elsewhere = match statistics_stream::open_shards(&self.kinesis).await {
            Ok(open) => self.with_held(|held| open.iter().filter(|id| !held.contains(*id)).count()),
            Err(error) => {
                eprintln!(
                    "whether all shards of the statistics stream are read is not known: {error}"
                );
                0
            }
        };
        let line = self.with(|totals| {
            if self.json {
                totals.json(shards_elsewhere)
            } else {
                totals.line(shards_elsewhere)
            }
        });
        println!("{line}");
    }

    /// Puts what was counted on the statistics stream again, where it goes to shards that are open.
    async fn carry(&self) -> Result<(), BoxError> {
        let pieces: Vec<Sample> = self.with(|totals| totals.pieces().collect());
        for piece in &pieces {
            statistics_stream::put(&self.kinesis, piece).await?;
        }
        Ok(())
    }
}

struct StatsProcessor {
    shard_id: String,
    shared: Arc<Shared>,
    next_line: Instant,
}

impl RecordProcessor for StatsProcessor {
    async fn started(&mut self, _: &ShardStart, _: &Checkpointer) -> Result<(), BoxError> {
        self.shared
            .with_held(|held| held.insert(self.shard_id.clone()));
        Ok(())
    }

    async fn lease_lost(&mut self) {
        self.shared.with_held(|held| held.remove(&self.shard_id));
    }

    async fn shard_ended(&mut self, _: &Checkpointer) -> Result<(), BoxError> {
        self.shared.carry().await
    }

    async fn process(&mut self, batch: &RecordBatch, _: &Checkpointer) -> Result<(), Failure> {
        for record in batch.records() {
            let sample: Sample = match serde_json::from_slice(&record.data) {
                Ok(sample) => sample,
                Err(error) => {
                    eprintln!(
                        "a record with partition key {:?} is no sample: {error}",
                        record.partition_key
                    );
                    continue;
                }
            };
            let added = self.shared.with(|totals| totals.add(&sample));
            match added? {
                Added::Counted => {}
                Added::Repeated => {
                    eprintln!(
                        "a sample of {} came again and is counted once",
                        sample.shard_id
                    );
                }
            }
        }
        // Only at the tip: before it, a total that fits may still grow.
        let at_tip = batch.behind_latest().is_zero();
        let trades = self.shared.with(|totals| totals.trades());
        if at_tip
            && self
                .shared
                .until_total
                .is_some_and(|wanted| trades >= wanted)
        {
            self.shared.done.cancel();
        }
        Ok(())
    }

    fn next_timer(&self) -> Option<Instant> {
        Some(self.next_line)
    }

    async fn timer_fired(&mut self, _: &Checkpointer) -> Result<(), BoxError> {
        self.shared.print().await;
        self.next_line += self.shared.interval;
        Ok(())
    }
}
