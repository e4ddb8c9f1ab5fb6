//! `aggregate`: the second stage. Statistics over all shards.
//!
//! The totals are rebuilt from the statistics stream whenever a worker takes it: it starts at the oldest sample and
//! never checkpoints. So totals and stream cannot disagree, and nothing limits how many ticker symbols there are; what
//! limits the totals is the stream's retention (24 hours unless raised), and the line says so when samples are missing.

use std::num::NonZeroU32;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::bail;
use millstream_consumer::{
    BoxError, Checkpointer, Consumer, FailurePolicy, RecordBatch, RecordProcessor, Settings,
    ShardStart,
};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::connection::Connection;
use crate::names::{AGGREGATOR_APPLICATION, STATS_STREAM};
use crate::sample::Sample;
use crate::totals::{Added, Totals};
use crate::{stopping, streams, worker_options::WorkerOptions};

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
            until_total: self.until_total,
            json: self.json,
            interval: self.interval,
            done: CancellationToken::new(),
        });
        let for_processors = Arc::clone(&shared);
        let consumer = Consumer::builder(&self.application, STATS_STREAM)
            .clients(clients.kinesis, clients.dynamodb)
            .settings(Settings {
                // A sample that cannot be counted stops everything: going on would print wrong totals.
                failure_policy: FailurePolicy::Halt {
                    attempts: NonZeroU32::MIN,
                    pause_min: Duration::from_secs(1),
                    pause_max: Duration::from_secs(1),
                },
                ..self.worker.settings()
            })
            .build(move |_shard| StatsProcessor {
                shared: Arc::clone(&for_processors),
                next_line: Instant::now() + for_processors.interval,
            })?;
        eprintln!("worker {} started", consumer.worker_id());
        let told =
            stopping::after_catching_up(stop, consumer.status(), self.worker.catch_up_on_stop);
        let done = shared.done.clone();
        tokio::spawn(async move {
            told.cancelled().await;
            done.cancel();
        });
        consumer.run(shared.done.clone()).await?;
        shared.print();
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
    totals: Mutex<Totals>,
    until_total: Option<u64>,
    json: bool,
    interval: Duration,
    done: CancellationToken,
}

impl Shared {
    fn with<T>(&self, act: impl FnOnce(&mut Totals) -> T) -> T {
        act(&mut self.totals.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn print(&self) {
        let line = self.with(|totals| {
            if self.json {
                totals.json()
            } else {
                totals.line()
            }
        });
        println!("{line}");
    }
}

struct StatsProcessor {
    shared: Arc<Shared>,
    next_line: Instant,
}

impl RecordProcessor for StatsProcessor {
    async fn started(&mut self, _: &ShardStart, _: &Checkpointer) -> Result<(), BoxError> {
        // Another worker may have had the shard meanwhile.
        self.shared.with(|totals| *totals = Totals::default());
        Ok(())
    }

    async fn process(&mut self, batch: &RecordBatch, _: &Checkpointer) -> Result<(), BoxError> {
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
                Added::CountedAfterGap => {
                    eprintln!(
                        "samples of {} before {:?} are missing",
                        sample.shard_id, sample.after
                    );
                }
            }
        }
        // Only at the tip: before it, a total that fits may still grow.
        let at_tip = batch.millis_behind_latest() == 0;
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
        self.shared.print();
        self.next_line += self.shared.interval;
        Ok(())
    }
}
