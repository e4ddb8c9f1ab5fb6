//! From the start of the process to its first useful answer.

use std::sync::Arc;
use std::time::Instant;

use anyhow::{Context, ensure};
use base64::prelude::{BASE64_STANDARD, Engine as _};

use super::{Plan, create_stream};
use crate::connection::Connection;
use crate::process::Server;
use crate::report::{Line, median, print, short};
use crate::requests::{self, get_records};

const EMPTY_TARGET_MS: f64 = 15.0;
const FULL_TARGET_MS: f64 = 150.0;
const SHARDS: usize = 1000;

pub(super) async fn run(plan: &Plan) -> anyhow::Result<()> {
    empty(plan).await?;
    full(plan).await
}

async fn empty(plan: &Plan) -> anyhow::Result<()> {
    let mut times_ms = Vec::new();
    for _ in 0..plan.pairs.max(5) {
        let data_dir = plan.data_dir()?;
        let started = Instant::now();
        let server = plan.millstream(&data_dir).await?;
        server.call("ListStreams", "{}").await?;
        times_ms.push(started.elapsed().as_secs_f64() * 1e3);
        server.terminate().await?;
    }
    let time_ms = median(times_ms);
    print(&Line {
        what: "start to the first answer, empty".into(),
        measured: format!("{time_ms:.1} ms"),
        beside: String::new(),
        target: format!("≤ {EMPTY_TARGET_MS} ms"),
        is_met: Some(time_ms <= EMPTY_TARGET_MS),
    });
    Ok(())
}

/// Fills, kills right after an acknowledged put, starts again and reads that record.
async fn full(plan: &Plan) -> anyhow::Result<()> {
    let data_dir = plan.data_dir()?;
    let mut server = plan.millstream(&data_dir).await?;
    create_stream(&server, "bench", SHARDS).await?;
    let bytes = plan.scaled(10_000_000_000);
    fill(&server, bytes).await?;
    let (mut times_ms, mut memory_mb) = (Vec::new(), Vec::new());
    for round in 0..plan.pairs.max(3) {
        let marker = BASE64_STANDARD.encode(format!("last acknowledged record of round {round}"));
        let body =
            format!(r#"{{"StreamName":"bench","PartitionKey":"last-{round}","Data":"{marker}"}}"#);
        let put = server.call("PutRecord", &body).await?;
        server.kill().await?;
        let started = Instant::now();
        server = plan.millstream(&data_dir).await?;
        let (shard, number) = (
            put["ShardId"].as_str().context("shard")?,
            put["SequenceNumber"].as_str().context("number")?,
        );
        let position = format!(
            r#"{{"StreamName":"bench","ShardId":"{shard}","ShardIteratorType":"AT_SEQUENCE_NUMBER","StartingSequenceNumber":"{number}"}}"#
        );
        let iterator = server.call("GetShardIterator", &position).await?;
        let mut connection = Connection::open(server.address).await?;
        let read = get_records(iterator["ShardIterator"].as_str().context("iterator")?, 10);
        let (_, answer) = connection.call(&read).await?;
        times_ms.push(started.elapsed().as_secs_f64() * 1e3);
        let answer: serde_json::Value = serde_json::from_slice(answer)?;
        ensure!(
            answer["Records"][0]["Data"] == marker.as_str(),
            "the last acknowledged record is not the answer"
        );
        memory_mb.push(server.memory_bytes()? as f64 / 1e6);
    }
    server.terminate().await?;
    let time_ms = median(times_ms);
    print(&Line {
        what: format!(
            "start to reading the last record, {}B in {SHARDS} shards, after kill -9",
            short(bytes as f64)
        ),
        measured: format!("{time_ms:.1} ms, {:.0} MB of memory", median(memory_mb)),
        beside: String::new(),
        target: format!("≤ {FULL_TARGET_MS} ms"),
        is_met: Some(time_ms <= FULL_TARGET_MS),
    });
    Ok(())
}

/// Spreads about `bytes` of data over the shards.
async fn fill(server: &Server, bytes: usize) -> anyhow::Result<()> {
    const RECORDS: usize = 100;
    const RECORD_BYTES: usize = 10 * 1024;
    let calls = bytes.div_ceil(RECORDS * RECORD_BYTES);
    let requests: Arc<Vec<_>> = Arc::new(
        (1..=32)
            .map(|seed| requests::put_records("bench", RECORDS, RECORD_BYTES, seed))
            .collect(),
    );
    let tasks: Vec<_> = (0..4)
        .map(|_| {
            let (requests, address) = (Arc::clone(&requests), server.address);
            tokio::spawn(async move {
                let mut connection = Connection::open(address).await?;
                for request in requests.iter().cycle().take(calls.div_ceil(4)) {
                    let (status, body) = connection.call(request).await?;
                    ensure!(status == 200, "{status}: {}", String::from_utf8_lossy(body));
                }
                anyhow::Ok(())
            })
        })
        .collect();
    for task in tasks {
        task.await??;
    }
    Ok(())
}
