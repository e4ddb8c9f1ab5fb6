//! `run`: the whole application, every part a process of its own.

mod child;

use std::time::Duration;

use anyhow::Context;
use tokio::time::sleep;

use crate::connection::Connection;
use crate::names::{AGGREGATOR_APPLICATION, PROCESSOR_APPLICATION, STATS_STREAM, TRADE_STREAM};
use crate::replay::Input;
use crate::{stopping, streams};

use child::Child;

/// How often the processes are looked at.
const SUPERVISE_INTERVAL: Duration = Duration::from_millis(200);
/// Pause before a process that died is started again.
const RESTART_PAUSE: Duration = Duration::from_secs(1);
/// How long a process may take to stop before it is killed.
const STOP_GRACE: Duration = Duration::from_secs(60);
/// How long workers go on with what is on the stream when the writer has stopped.
const CATCH_UP: &str = "20s";

#[derive(Debug, Clone, clap::Args)]
pub(crate) struct Run {
    /// Shards of the trades' stream, if it has to be created
    #[arg(long, default_value_t = 4, value_parser = clap::value_parser!(u32).range(1..=1000))]
    shards: u32,
    /// Processes that share those shards
    #[arg(long, default_value_t = 2, value_parser = clap::value_parser!(u32).range(1..=100))]
    workers: u32,
    /// Time between two samples of a shard, and between two lines of totals
    #[arg(long, default_value = "60s", value_parser = humantime::parse_duration)]
    interval: Duration,
    /// Trades per second
    #[arg(long, default_value_t = 10.0)]
    rate: f64,
    /// Write so many trades, then stop everything in good order
    #[arg(long, value_name = "N")]
    count: Option<u64>,
    /// Replay trades from a file instead of inventing them, then stop everything in good order
    #[arg(long, value_name = "FILE")]
    input: Option<Input>,
    /// A worker that is silent for so long is replaced
    #[arg(long, default_value = "10s", value_parser = humantime::parse_duration)]
    failover: Duration,
}

impl Run {
    pub(crate) async fn run(&self, connection: &Connection) -> anyhow::Result<()> {
        let stop = stopping::requested(false)?;
        let clients = connection.clients(|said| println!("[run] {said}")).await?;
        let endpoint = connection.endpoint_url.as_deref().unwrap_or("AWS");
        println!("[run] endpoint: {endpoint}");
        for (stream, shards) in [(TRADE_STREAM, self.shards), (STATS_STREAM, 1)] {
            let created = streams::ensure(&clients.kinesis, stream, shards)
                .await
                .with_context(|| {
                    format!("is a server running at {endpoint}? Start one with `millstream serve`")
                })?;
            let what = if created {
                "created"
            } else {
                "is there already"
            };
            println!("[run] stream {stream} {what} ({shards} shards unless changed since)");
        }
        println!("[run] lease tables: {PROCESSOR_APPLICATION}, {AGGREGATOR_APPLICATION}");
        println!(
            "[run] look for lines with `all shards:`; one comes every {:?}",
            self.interval
        );
        println!(
            "[run] stop with Ctrl-C; afterwards `stock-trades finish` deletes streams and tables"
        );

        let mut fleet = self.start(connection)?;
        while !stop.is_cancelled() {
            tokio::select! {
                () = stop.cancelled() => {}
                () = sleep(SUPERVISE_INTERVAL) => {}
            }
            if fleet.writer.has_ended()? {
                println!("[run] the writer is done");
                break;
            }
            for worker in fleet.workers.iter_mut().chain([&mut fleet.aggregator]) {
                if !stop.is_cancelled() && worker.has_ended()? {
                    println!(
                        "[run] {} ended unexpectedly and is started again",
                        worker.name()
                    );
                    sleep(RESTART_PAUSE).await;
                    worker.restart()?;
                }
            }
        }
        fleet.stop().await
    }

    fn start(&self, connection: &Connection) -> anyhow::Result<Fleet> {
        let endpoint: Vec<String> = connection
            .endpoint_url
            .iter()
            .map(|url| format!("--endpoint-url={url}"))
            .collect();
        let interval = format!("--interval={}", humantime::format_duration(self.interval));
        let failover = format!("--failover={}", humantime::format_duration(self.failover));
        let catch_up = format!("--catch-up-on-stop={CATCH_UP}");
        let stage = |name: &str, command: &str| {
            let arguments = [
                command,
                &interval,
                &failover,
                &catch_up,
                "--stop-with-stdin",
            ];
            let arguments = arguments.into_iter().map(str::to_owned);
            Child::start(name, arguments.chain(endpoint.clone()).collect())
        };
        let workers: anyhow::Result<Vec<Child>> = (1..=self.workers)
            .map(|number| stage(&format!("worker {number}"), "process"))
            .collect();
        let aggregator = stage("aggregator", "aggregate")?;
        let mut arguments = vec!["write".to_owned(), format!("--rate={}", self.rate)];
        arguments.extend(self.count.map(|count| format!("--count={count}")));
        match &self.input {
            Some(Input::File(path)) => arguments.push(format!("--input={}", path.display())),
            Some(Input::Stdin) => anyhow::bail!("`run` replays files only; use `write --input -`"),
            None => arguments.push("--stop-with-stdin".to_owned()),
        }
        arguments.extend(endpoint.clone());
        Ok(Fleet {
            workers: workers?,
            aggregator,
            writer: Child::start("writer", arguments)?,
        })
    }
}

struct Fleet {
    writer: Child,
    workers: Vec<Child>,
    aggregator: Child,
}

impl Fleet {
    /// The writer first, then the workers, then the aggregator: what was written is counted on the way.
    async fn stop(mut self) -> anyhow::Result<()> {
        println!("[run] stopping the writer");
        self.writer.stop(STOP_GRACE).await?;
        println!(
            "[run] stopping the workers: they finish what is on the stream, checkpoint and give back their leases"
        );
        futures::future::try_join_all(
            self.workers
                .iter_mut()
                .map(|worker| worker.stop(STOP_GRACE)),
        )
        .await?;
        println!("[run] stopping the aggregator");
        self.aggregator.stop(STOP_GRACE).await?;
        println!("[run] all stopped");
        Ok(())
    }
}
