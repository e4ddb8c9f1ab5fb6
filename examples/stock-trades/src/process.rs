//! `process`: the first stage. Statistics per shard, one sample per shard and interval.

use std::time::{Duration, Instant};

use aws_sdk_kinesis::Client;
use millstream_consumer::{
    BoxError, Checkpoint, Checkpointer, Consumer, ExtendedSequenceNumber, Failure, Record,
    RecordBatch, RecordProcessor, ShardStart,
};

use crate::connection::Connection;
use crate::names::{PROCESSOR_APPLICATION, STATS_STREAM, TRADE_STREAM};
use crate::sample::{Cutter, Sample, Step};
use crate::trade::StockTrade;
use crate::{statistics_stream, stopping, streams, worker_options::WorkerOptions};

#[derive(Debug, Clone, clap::Args)]
pub(crate) struct Process {
    #[command(flatten)]
    worker: WorkerOptions,
    /// Time between two samples of a shard
    #[arg(long, default_value = "60s", value_parser = humantime::parse_duration)]
    interval: Duration,
    /// Name of the application and of its lease table
    #[arg(long, default_value = PROCESSOR_APPLICATION)]
    application: String,
}

impl Process {
    pub(crate) async fn run(&self, connection: &Connection) -> anyhow::Result<()> {
        let stop = stopping::requested(self.worker.stop_with_stdin)?;
        let clients = connection.clients(|said| eprintln!("{said}")).await?;
        for stream in [TRADE_STREAM, STATS_STREAM] {
            streams::wait_until_active(&clients.kinesis, stream).await?;
        }
        let (kinesis, interval) = (clients.kinesis.clone(), self.interval);
        let consumer = Consumer::builder(&self.application, TRADE_STREAM)
            .clients(clients.kinesis, clients.dynamodb)
            .settings(self.worker.settings())
            .build()?;
        println!("worker {} started", consumer.worker_id());
        let stop =
            stopping::after_catching_up(stop, consumer.status(), self.worker.catch_up_on_stop);
        consumer
            .process(move |shard_id| StockTradesProcessor::new(shard_id, kinesis.clone(), interval))
            .until(stop.cancelled_owned())
            .await?;
        println!("worker stopped: samples stored, checkpoints taken, leases given back");
        Ok(())
    }
}

/// Counts the trades of one shard.
struct StockTradesProcessor {
    shard_id: String,
    kinesis: Client,
    interval: Duration,
    next_sample: Instant,
    cutter: Cutter,
}

impl StockTradesProcessor {
    fn new(shard_id: &str, kinesis: Client, interval: Duration) -> Self {
        Self {
            shard_id: shard_id.to_owned(),
            kinesis,
            interval,
            next_sample: Instant::now() + interval,
            cutter: Cutter::new(shard_id, None, None),
        }
    }

    /// Makes a sample of what is counted, or finishes the one under way.
    async fn sample(&mut self, checkpointer: &Checkpointer) -> Result<(), BoxError> {
        self.cutter.begin();
        while let Some(step) = self.cutter.next_step() {
            match &step {
                Step::Prepare(up_to) => checkpointer.prepare(up_to, None).await?,
                Step::Put(sample) => {
                    statistics_stream::put(&self.kinesis, sample).await?;
                    self.print(sample);
                }
                Step::Checkpoint(up_to) => checkpointer.checkpoint_at(up_to).await?,
            }
            self.cutter.step_done();
        }
        self.next_sample = Instant::now() + self.interval;
        Ok(())
    }

    fn print(&self, sample: &Sample) {
        println!(
            "****** Shard {} stats for last {} ******\n{}\n{}\n",
            self.shard_id,
            spoken(self.interval),
            sample.tally.report(),
            "*".repeat(64)
        );
    }

    async fn count(
        &mut self,
        record: &Record,
        checkpointer: &Checkpointer,
    ) -> Result<(), BoxError> {
        let place: &ExtendedSequenceNumber = &record.place;
        if self.cutter.has_counted(place) {
            return Ok(());
        }
        if self.cutter.must_cut_before(place) {
            self.sample(checkpointer).await?;
        }
        let trade = serde_json::from_slice::<StockTrade>(&record.data);
        if let Err(error) = &trade {
            eprintln!(
                "a record with partition key {:?} is no trade: {error}",
                record.partition_key
            );
        }
        self.cutter.count(place, trade.ok().as_ref());
        if self.cutter.must_cut() {
            self.sample(checkpointer).await?;
        }
        Ok(())
    }
}

impl RecordProcessor for StockTradesProcessor {
    async fn started(&mut self, start: &ShardStart, _: &Checkpointer) -> Result<(), BoxError> {
        let prepared = start
            .pending_checkpoint
            .as_ref()
            .and_then(|pending| pending.checkpoint.place().cloned());
        let after = start.checkpoint.place().cloned();
        let from = match &start.checkpoint {
            Checkpoint::At(place) => format!("after {place}"),
            sentinel => format!("at {sentinel}"),
        };
        println!("shard {} starts {from}", self.shard_id);
        self.cutter = Cutter::new(&self.shard_id, after, prepared);
        Ok(())
    }

    async fn process(
        &mut self,
        batch: &RecordBatch,
        checkpointer: &Checkpointer,
    ) -> Result<(), Failure> {
        // A sample that an earlier try could not finish.
        if self.cutter.next_step().is_some() {
            self.sample(checkpointer).await?;
        }
        for record in batch.records() {
            self.count(record, checkpointer).await?;
        }
        if self.cutter.may_cut() && Instant::now() >= self.next_sample {
            self.sample(checkpointer).await?;
        }
        Ok(())
    }

    fn next_timer(&self) -> Option<Instant> {
        self.cutter.may_cut().then_some(self.next_sample)
    }

    async fn timer_fired(&mut self, checkpointer: &Checkpointer) -> Result<(), BoxError> {
        self.sample(checkpointer).await
    }

    async fn lease_lost(&mut self) {
        println!("shard {} belongs to another worker now", self.shard_id);
    }

    async fn shard_ended(&mut self, checkpointer: &Checkpointer) -> Result<(), BoxError> {
        self.sample(checkpointer).await?;
        println!("shard {} has ended", self.shard_id);
        Ok(())
    }

    async fn stop_requested(&mut self, checkpointer: &Checkpointer) -> Result<(), BoxError> {
        // Up to a predecessor's cut nothing may be sampled; whoever comes next repeats it.
        if self.cutter.may_cut() {
            self.sample(checkpointer).await?;
        }
        Ok(())
    }
}

/// The interval in words: `1 minute`, `5 minutes`, `10 seconds`.
fn spoken(interval: Duration) -> String {
    let plural = |count: u64, unit| match count {
        1 => format!("1 {unit}"),
        _ => format!("{count} {unit}s"),
    };
    match (interval.as_secs(), interval.subsec_millis()) {
        (seconds, 0) if seconds >= 60 && seconds.is_multiple_of(60) => {
            plural(seconds / 60, "minute")
        }
        (seconds, 0) => plural(seconds, "second"),
        _ => humantime::format_duration(interval).to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn intervals_are_spoken_as_in_the_tutorial() {
        for (seconds, words) in [
            (60, "1 minute"),
            (120, "2 minutes"),
            (90, "90 seconds"),
            (1, "1 second"),
        ] {
            assert_eq!(spoken(Duration::from_secs(seconds)), words);
        }
        assert_eq!(spoken(Duration::from_millis(1500)), "1s 500ms");
    }
}
