//! From the start of a put to the moment a reader holds the record: one that polls, and one that is pushed to.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use base64::prelude::{BASE64_STANDARD, Engine as _};
use tokio::task::JoinHandle;
use tokio::time::MissedTickBehavior;

use super::{Plan, create_stream, iterator};
use crate::connection::Connection;
use crate::load::Outcome;
use crate::process::Server;
use crate::report::{Line, print};
use crate::requests::{get_records, request};
use crate::subscription::Subscription;

/// Writers that take turns, so that a put that waits for its fsync does not hold up the clock.
const LANES: u64 = 4;

pub(super) async fn run(plan: &Plan) -> anyhow::Result<()> {
    polling(plan).await?;
    pushed(plan).await
}

async fn polling(plan: &Plan) -> anyhow::Result<()> {
    let data_dir = plan.data_dir()?;
    let server = plan.millstream(&data_dir).await?;
    create_stream(&server, "bench", 1).await?;
    let mut next = iterator(&server, "bench", 0, "LATEST").await?;
    let mut seen = Seen::new(plan);
    let writer = write(server.address, seen.epoch, seen.expected);
    let mut connection = Connection::open(server.address).await?;
    let mut tick = tokio::time::interval(Duration::from_millis(1));
    tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
    while seen.is_waiting()? {
        tick.tick().await;
        let (_, body) = connection.call(&get_records(&next, 10_000)).await?;
        let answer = seen.take(body)?;
        next = answer["NextShardIterator"]
            .as_str()
            .context("an iterator")?
            .to_owned();
    }
    writer.await??;
    server.terminate().await?;
    let what = "put to reader, 1,000 records/s, polling each ms";
    seen.print(what, 2.5, 5.0);
    Ok(())
}

async fn pushed(plan: &Plan) -> anyhow::Result<()> {
    let data_dir = plan.data_dir()?;
    let server = plan.millstream(&data_dir).await?;
    create_stream(&server, "bench", 1).await?;
    let subscribe = subscribe_request(&server).await?;
    let mut subscription = Subscription::open(server.address, &subscribe).await?;
    let mut seen = Seen::new(plan);
    let writer = write(server.address, seen.epoch, seen.expected);
    while seen.is_waiting()? {
        let frame = subscription.next().await?;
        ensure!(
            frame.header(":event-type") == Some("SubscribeToShardEvent"),
            "{frame:?}"
        );
        seen.take(&frame.payload)?;
    }
    writer.await??;
    drop(subscription);
    server.terminate().await?;
    let what = "put to subscriber (SubscribeToShard), 1,000 records/s";
    seen.print(what, 1.5, 3.0);
    Ok(())
}

async fn subscribe_request(server: &Server) -> anyhow::Result<Vec<u8>> {
    let summary = r#"{"StreamName":"bench"}"#;
    let summary = server.call("DescribeStreamSummary", summary).await?;
    let arn = summary["StreamDescriptionSummary"]["StreamARN"]
        .as_str()
        .context("the stream's ARN")?;
    let register = format!(r#"{{"StreamARN":"{arn}","ConsumerName":"bench"}}"#);
    let consumer = server.call("RegisterStreamConsumer", &register).await?;
    let arn = consumer["Consumer"]["ConsumerARN"]
        .as_str()
        .context("the consumer's ARN")?;
    let body = format!(
        r#"{{"ConsumerARN":"{arn}","ShardId":"shardId-000000000000","StartingPosition":{{"Type":"LATEST"}}}}"#
    );
    Ok(request("SubscribeToShard", &body))
}

/// Puts a record each millisecond; each carries the time at which its put began.
fn write(address: SocketAddr, epoch: Instant, count: u64) -> JoinHandle<anyhow::Result<()>> {
    tokio::spawn(async move {
        let lanes = (0..LANES).map(|lane| tokio::spawn(write_lane(address, epoch, lane, count)));
        for lane in lanes.collect::<Vec<_>>() {
            lane.await??;
        }
        Ok(())
    })
}

async fn write_lane(
    address: SocketAddr,
    epoch: Instant,
    lane: u64,
    count: u64,
) -> anyhow::Result<()> {
    let mut connection = Connection::open(address).await?;
    let start = tokio::time::Instant::now() + Duration::from_millis(lane);
    let mut tick = tokio::time::interval_at(start, Duration::from_millis(LANES));
    for _ in 0..count / LANES {
        tick.tick().await;
        let sent_us = u64::try_from(epoch.elapsed().as_micros())?;
        let data = BASE64_STANDARD.encode(sent_us.to_le_bytes());
        let body = format!(r#"{{"StreamName":"bench","PartitionKey":"k","Data":"{data}"}}"#);
        let (status, _) = connection.call(&request("PutRecord", &body)).await?;
        ensure!(status == 200, "PutRecord: {status}");
    }
    Ok(())
}

/// What a reader has seen.
struct Seen {
    epoch: Instant,
    deadline: Instant,
    expected: u64,
    outcome: Outcome,
}

impl Seen {
    fn new(plan: &Plan) -> Self {
        let epoch = Instant::now();
        let count = (plan.run.as_millis() as u64).max(100);
        Self {
            epoch,
            deadline: epoch + plan.run * 3 + Duration::from_secs(10),
            expected: count / LANES * LANES,
            outcome: Outcome::default(),
        }
    }

    fn is_waiting(&self) -> anyhow::Result<bool> {
        let (came, expected) = (self.outcome.requests, self.expected);
        ensure!(
            Instant::now() < self.deadline,
            "only {came} of {expected} records came"
        );
        Ok(came < expected)
    }

    /// Notes the records of an answer or event.
    fn take(&mut self, body: &[u8]) -> anyhow::Result<serde_json::Value> {
        let seen_us = u64::try_from(self.epoch.elapsed().as_micros())?;
        let answer: serde_json::Value = serde_json::from_slice(body)?;
        for record in answer["Records"].as_array().context("records")? {
            let data = BASE64_STANDARD.decode(record["Data"].as_str().context("data")?)?;
            let sent_us =
                u64::from_le_bytes(data.try_into().map_err(|_| anyhow::anyhow!("8 bytes"))?);
            let latency_us = u32::try_from(seen_us.saturating_sub(sent_us))?;
            self.outcome.latencies_us.push(latency_us);
            self.outcome.requests += 1;
        }
        Ok(answer)
    }

    fn print(mut self, what: &str, p50_target_ms: f64, p99_target_ms: f64) {
        self.outcome.latencies_us.sort_unstable();
        let p50 = self.outcome.percentile_ms(0.5);
        let p99 = self.outcome.percentile_ms(0.99);
        print(&Line {
            what: what.into(),
            measured: format!(
                "p50 {p50:.2} ms, p99 {p99:.2} ms of {} records",
                self.expected
            ),
            beside: String::new(),
            target: format!("p50 ≤ {p50_target_ms} ms, p99 ≤ {p99_target_ms} ms"),
            is_met: Some(p50 <= p50_target_ms && p99 <= p99_target_ms),
        });
    }
}
