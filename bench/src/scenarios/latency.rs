//! From the start of a put to the moment a polling reader holds the record.

use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use base64::prelude::{BASE64_STANDARD, Engine as _};
use tokio::time::MissedTickBehavior;

use super::{Plan, create_stream, iterator};
use crate::connection::Connection;
use crate::load::Outcome;
use crate::report::{Line, print};
use crate::requests::{get_records, request};

const P50_TARGET_MS: f64 = 2.5;
const P99_TARGET_MS: f64 = 5.0;

pub(super) async fn run(plan: &Plan) -> anyhow::Result<()> {
    let data_dir = plan.data_dir()?;
    let server = plan.millstream(&data_dir).await?;
    create_stream(&server, "bench", 1).await?;
    let mut next = iterator(&server, "bench", 0, "LATEST").await?;
    let (epoch, address) = (Instant::now(), server.address);
    let count = (plan.run.as_millis() as u64).max(100);
    let writer = tokio::spawn(async move {
        // Four connections in turn, so that a put that waits for its fsync does not hold up the clock.
        let tasks: Vec<_> = (0..4u64)
            .map(|lane| {
                tokio::spawn(async move {
                    let mut connection = Connection::open(address).await?;
                    let mut tick = tokio::time::interval_at(
                        tokio::time::Instant::now() + Duration::from_millis(lane),
                        Duration::from_millis(4),
                    );
                    for _ in 0..count / 4 {
                        tick.tick().await;
                        let sent_us = u64::try_from(epoch.elapsed().as_micros())?;
                        let data = BASE64_STANDARD.encode(sent_us.to_le_bytes());
                        let body = format!(
                            r#"{{"StreamName":"bench","PartitionKey":"k","Data":"{data}"}}"#
                        );
                        let (status, _) = connection.call(&request("PutRecord", &body)).await?;
                        ensure!(status == 200, "PutRecord: {status}");
                    }
                    anyhow::Ok(())
                })
            })
            .collect();
        for task in tasks {
            task.await??;
        }
        anyhow::Ok(())
    });
    let mut outcome = Outcome::default();
    let mut connection = Connection::open(address).await?;
    let mut tick = tokio::time::interval(Duration::from_millis(1));
    tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let expected = count / 4 * 4;
    let deadline = Instant::now() + plan.run * 3 + Duration::from_secs(10);
    while outcome.requests < expected {
        ensure!(
            Instant::now() < deadline,
            "only {} of {expected} records came",
            outcome.requests
        );
        tick.tick().await;
        let (_, body) = connection.call(&get_records(&next, 10_000)).await?;
        let seen_us = u64::try_from(epoch.elapsed().as_micros())?;
        let answer: serde_json::Value = serde_json::from_slice(body)?;
        next = answer["NextShardIterator"]
            .as_str()
            .context("an iterator")?
            .to_owned();
        for record in answer["Records"].as_array().context("records")? {
            let data = BASE64_STANDARD.decode(record["Data"].as_str().context("data")?)?;
            let sent_us =
                u64::from_le_bytes(data.try_into().map_err(|_| anyhow::anyhow!("8 bytes"))?);
            outcome
                .latencies_us
                .push(u32::try_from(seen_us.saturating_sub(sent_us))?);
            outcome.requests += 1;
        }
    }
    writer.await??;
    server.terminate().await?;
    outcome.latencies_us.sort_unstable();
    let (p50, p99) = (outcome.percentile_ms(0.5), outcome.percentile_ms(0.99));
    print(&Line {
        what: "put to reader, 1,000 records/s, polling each ms".into(),
        measured: format!("p50 {p50:.2} ms, p99 {p99:.2} ms of {expected} records"),
        beside: String::new(),
        target: format!("p50 ≤ {P50_TARGET_MS} ms, p99 ≤ {P99_TARGET_MS} ms"),
        is_met: Some(p50 <= P50_TARGET_MS && p99 <= P99_TARGET_MS),
    });
    Ok(())
}
