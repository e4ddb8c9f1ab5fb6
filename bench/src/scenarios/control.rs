//! The control plane with many streams and many shards: what a call costs must not depend on how many there are.

use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use anyhow::ensure;

use super::{Plan, create_stream};
use crate::connection::Connection;
use crate::load;
use crate::process::Server;
use crate::report::{Line, print, short};
use crate::requests::{self, request};

const STREAMS: usize = 100_000;
const SHARDS: usize = 5_000;
/// UpdateShardCount to twice the shards and back, so often.
const ROUNDS: usize = 64;
const TAG_CHANGES: usize = 1_000;
const CONNECTIONS: usize = 16;
/// CPU of a call with many streams or shards, by that with few.
const FLAT_TARGET: f64 = 1.3;
/// p99 of puts beside deletes, by that without.
const BESIDE_TARGET: f64 = 2.0;
const CLOSED_SHARD_TARGET_BYTES: f64 = 400.0;

pub(super) async fn run(plan: &Plan) -> anyhow::Result<()> {
    let data_dir = plan.data_dir()?;
    let server = plan.millstream(&data_dir).await?;
    creates(plan, &server).await?;
    deletes_beside_puts(plan, &server).await?;
    server.terminate().await?;
    tags(plan).await?;
    closed_shards(plan).await
}

/// Makes a call for each number, over some connections.
async fn call_each(
    server: &Server,
    operation: &'static str,
    numbers: Range<usize>,
    body: fn(usize) -> String,
) -> anyhow::Result<()> {
    let address = server.address;
    let next = Arc::new(AtomicUsize::new(numbers.start));
    let callers: Vec<_> = (0..CONNECTIONS)
        .map(|_| {
            let (next, end) = (Arc::clone(&next), numbers.end);
            tokio::spawn(async move {
                let mut connection = Connection::open(address).await?;
                loop {
                    let number = next.fetch_add(1, Ordering::Relaxed);
                    if number >= end {
                        return anyhow::Ok(());
                    }
                    let (status, answer) =
                        connection.call(&request(operation, &body(number))).await?;
                    let answer = String::from_utf8_lossy(answer);
                    ensure!(status == 200, "{operation} {number}: {status} {answer}");
                }
            })
        })
        .collect();
    for caller in callers {
        caller.await??;
    }
    Ok(())
}

/// The server's CPU time for each of these calls, in microseconds.
async fn cpu_of_each_us(
    server: &Server,
    operation: &'static str,
    numbers: Range<usize>,
    body: fn(usize) -> String,
) -> anyhow::Result<f64> {
    let count = numbers.len();
    let before = server.cpu()?;
    call_each(server, operation, numbers, body).await?;
    Ok((server.cpu()? - before).as_secs_f64() * 1e6 / count as f64)
}

fn stream(number: usize) -> String {
    format!("stream-{number}")
}

fn creation(number: usize) -> String {
    format!(r#"{{"StreamName":"{}","ShardCount":1}}"#, stream(number))
}

/// Creates streams, and looks at what creating one costs when there are few and when there are many.
async fn creates(plan: &Plan, server: &Server) -> anyhow::Result<()> {
    let (few, many) = (plan.scaled(STREAMS / 20), plan.scaled(STREAMS));
    let looked_at = (few / 5).max(1);
    let mut cpu_us = Vec::new();
    let mut created = 0;
    for count in [few, many] {
        call_each(server, "CreateStream", created..count - looked_at, creation).await?;
        let last = count - looked_at..count;
        cpu_us.push(cpu_of_each_us(server, "CreateStream", last, creation).await?);
        created = count;
    }
    let ratio = cpu_us[1] / cpu_us[0];
    print(&Line {
        what: format!(
            "CreateStream, CPU per call at {} streams",
            short(many as f64)
        ),
        measured: format!("{:.0} µs, {ratio:.2} ×", cpu_us[1]),
        beside: format!("{} streams {:.0} µs", short(few as f64), cpu_us[0]),
        target: format!("≤ {FLAT_TARGET} ×"),
        is_met: Some(ratio <= FLAT_TARGET),
    });
    let megabytes = server.memory_bytes()? as f64 / 1e6;
    print(&Line {
        what: format!("memory, {} streams of one shard", short(many as f64)),
        measured: format!("{megabytes:.1} MB"),
        beside: String::new(),
        target: String::new(),
        is_met: None,
    });
    Ok(())
}

/// The p99 of puts while streams are deleted one after another, beside that of puts alone.
async fn deletes_beside_puts(plan: &Plan, server: &Server) -> anyhow::Result<()> {
    create_stream(server, "bench", 4).await?;
    let puts = || {
        let requests = (1..=64).map(|seed| requests::put_record("bench", 1024, seed));
        let requests = Arc::new(requests.collect());
        load::run(
            server.address,
            CONNECTIONS,
            requests,
            b"\"SequenceNumber\"",
            plan.run,
        )
    };
    puts().await?;
    let alone_ms = puts().await?.percentile_ms(0.99);
    let is_over = Arc::new(AtomicBool::new(false));
    let deletes = {
        let (is_over, address) = (Arc::clone(&is_over), server.address);
        let streams = plan.scaled(STREAMS);
        tokio::spawn(async move {
            let mut connection = Connection::open(address).await?;
            let mut deleted = 0;
            while deleted < streams && !is_over.load(Ordering::Relaxed) {
                let body = format!(r#"{{"StreamName":"{}"}}"#, stream(deleted));
                let (status, answer) = connection.call(&request("DeleteStream", &body)).await?;
                let answer = String::from_utf8_lossy(answer);
                ensure!(status == 200, "DeleteStream: {status} {answer}");
                deleted += 1;
            }
            anyhow::Ok(deleted)
        })
    };
    let beside_ms = puts().await?.percentile_ms(0.99);
    is_over.store(true, Ordering::Relaxed);
    let deleted = deletes.await??;
    ensure!(deleted > 0, "no stream was deleted meanwhile");
    let ratio = beside_ms / alone_ms;
    print(&Line {
        what: format!(
            "PutRecord, 1 KiB, {CONNECTIONS} connections: p99 while {} of {} streams are deleted",
            short(deleted as f64),
            short(plan.scaled(STREAMS) as f64)
        ),
        measured: format!("{beside_ms:.1} ms, {ratio:.2} ×"),
        beside: format!("alone {alone_ms:.1} ms"),
        target: format!("≤ {BESIDE_TARGET} ×"),
        is_met: Some(ratio <= BESIDE_TARGET),
    });
    Ok(())
}

/// A change that does not concern a stream's shards, on a stream of one shard and on one of many.
async fn tags(plan: &Plan) -> anyhow::Result<()> {
    let shards = plan.scaled(2 * SHARDS);
    let changes = plan.scaled(TAG_CHANGES).max(100);
    let mut cpu_us = Vec::new();
    for shards in [1, shards] {
        let data_dir = plan.data_dir()?;
        let server = plan.millstream(&data_dir).await?;
        create_stream(&server, "bench", shards).await?;
        let change =
            |number: usize| format!(r#"{{"StreamName":"bench","Tags":{{"changed":"{number}"}}}}"#);
        cpu_us.push(cpu_of_each_us(&server, "AddTagsToStream", 0..changes, change).await?);
        server.terminate().await?;
    }
    let ratio = cpu_us[1] / cpu_us[0];
    print(&Line {
        what: format!(
            "AddTagsToStream, CPU per call on a stream of {} shards",
            short(shards as f64)
        ),
        measured: format!("{:.0} µs, {ratio:.2} ×", cpu_us[1]),
        beside: format!("1 shard {:.0} µs", cpu_us[0]),
        target: format!("≤ {FLAT_TARGET} ×"),
        is_met: Some(ratio <= FLAT_TARGET),
    });
    Ok(())
}

/// What a closed shard takes of the memory, after a stream was resharded again and again.
async fn closed_shards(plan: &Plan) -> anyhow::Result<()> {
    let data_dir = plan.data_dir()?;
    let server = plan.millstream(&data_dir).await?;
    let shards = plan.scaled(SHARDS).max(2);
    let rounds = plan.scaled(ROUNDS).max(2);
    create_stream(&server, "bench", shards).await?;
    let mut sizes_bytes = Vec::new();
    for round in 0..=rounds {
        for target in [2 * shards, shards] {
            let body = format!(
                r#"{{"StreamName":"bench","TargetShardCount":{target},"ScalingType":"UNIFORM_SCALING"}}"#
            );
            server.call("UpdateShardCount", &body).await?;
            active(&server, target).await?;
        }
        if round == 0 || round == rounds {
            // What the allocator holds back after the first round it holds back after the last one.
            sizes_bytes.push(server.memory_bytes()? as f64);
        }
    }
    server.terminate().await?;
    // A split of each shard, and a merge of each pair.
    let closed = rounds * 3 * shards;
    let bytes = (sizes_bytes[1] - sizes_bytes[0]) / closed as f64;
    print(&Line {
        what: format!("memory of a closed shard, of {} more", short(closed as f64)),
        measured: format!("{bytes:.0} B, {:.1} MB in all", sizes_bytes[1] / 1e6),
        beside: format!("after one round {:.1} MB", sizes_bytes[0] / 1e6),
        target: format!("≤ {CLOSED_SHARD_TARGET_BYTES} B"),
        is_met: Some(bytes <= CLOSED_SHARD_TARGET_BYTES),
    });
    Ok(())
}

/// Waits until the stream is ACTIVE with so many open shards.
async fn active(server: &Server, shards: usize) -> anyhow::Result<()> {
    loop {
        let body = r#"{"StreamName":"bench"}"#;
        let summary = server.call("DescribeStreamSummary", body).await?;
        let summary = &summary["StreamDescriptionSummary"];
        if summary["StreamStatus"] == "ACTIVE" {
            let open = &summary["OpenShardCount"];
            ensure!(*open == shards, "{open} open shards instead of {shards}");
            return Ok(());
        }
    }
}
