//! The lease table of a fleet of the KCL: conditional updates, each durable, with the reads of the fleet beside them.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use serde_json::{Value, json};

use super::Plan;
use crate::connection::Connection;
use crate::load::Outcome;
use crate::report::{Line, median, print, short};
use crate::requests::table_request;

const LEASES: usize = 10_000;
const WORKERS: usize = 100;
/// How often the KCL renews a lease: a third of its failover time of 10 s, less a little.
const RENEWAL_INTERVAL: Duration = Duration::from_millis(3_300);
/// How often the fleet's leader reads the whole table, and each worker its own leases by the index: the failover time.
const READ_INTERVAL: Duration = Duration::from_secs(10);
const CORES_TARGET: f64 = 0.5;
const P99_TARGET_MS: f64 = 50.0;
/// A fleet's figures are of whole rounds of renewals.
const ROUNDS_MIN: u32 = 3;

fn lease_key(lease: usize) -> String {
    format!("shardId-{lease:012}")
}

/// A renewal as the KCL sends it: the counter goes up by one if it is still what it was.
fn renewal(lease: usize, counter: u64) -> Vec<u8> {
    let body = json!({
        "TableName": "leases",
        "Key": {"leaseKey": {"S": lease_key(lease)}},
        "Expected": {"leaseCounter": {"Value": {"N": counter.to_string()}}},
        "AttributeUpdates": {
            "leaseCounter": {"Action": "PUT", "Value": {"N": (counter + 1).to_string()}},
            "throughputKBps": {"Action": "PUT", "Value": {"N": "12.5"}},
        },
    });
    table_request("UpdateItem", &body.to_string())
}

async fn call(connection: &mut Connection, operation: &str, body: &Value) -> anyhow::Result<Value> {
    let request = table_request(operation, &body.to_string());
    let (status, answer) = connection.call(&request).await?;
    let text = String::from_utf8_lossy(answer);
    ensure!(status == 200, "{operation}: {status} {text}");
    serde_json::from_slice(answer).context("an answer in JSON")
}

/// The lease table of KCL 3, with its index, full of leases that workers own.
pub(super) async fn fill(address: SocketAddr, leases: usize) -> anyhow::Result<()> {
    let mut connection = Connection::open(address).await?;
    let table = json!({
        "TableName": "leases",
        "AttributeDefinitions": [
            {"AttributeName": "leaseKey", "AttributeType": "S"},
            {"AttributeName": "leaseOwner", "AttributeType": "S"},
        ],
        "KeySchema": [{"AttributeName": "leaseKey", "KeyType": "HASH"}],
        "GlobalSecondaryIndexes": [{
            "IndexName": "LeaseOwnerToLeaseKeyIndex",
            "KeySchema": [
                {"AttributeName": "leaseOwner", "KeyType": "HASH"},
                {"AttributeName": "leaseKey", "KeyType": "RANGE"},
            ],
            "Projection": {"ProjectionType": "KEYS_ONLY"},
        }],
        "BillingMode": "PAY_PER_REQUEST",
    });
    call(&mut connection, "CreateTable", &table).await?;
    let all: Vec<usize> = (0..leases).collect();
    for some in all.chunks(25) {
        let puts: Vec<Value> = some.iter().map(|lease| put(*lease)).collect();
        let batch = json!({"RequestItems": {"leases": puts}});
        call(&mut connection, "BatchWriteItem", &batch).await?;
    }
    Ok(())
}

fn put(lease: usize) -> Value {
    json!({"PutRequest": {"Item": {
        "leaseKey": {"S": lease_key(lease)},
        "leaseOwner": {"S": format!("worker-{:04}", lease % WORKERS)},
        "leaseCounter": {"N": "0"},
        "checkpoint": {"S": "49679842606937403337125680789593519495905778520880578562"},
        "checkpointSubSequenceNumber": {"N": "0"},
        "ownerSwitchesSinceCheckpoint": {"N": "0"},
        "parentShardId": {"SS": ["shardId-000000000000"]},
        "startingHashKey": {"S": "0"},
        "endingHashKey": {"S": "340282366920938463463374607431768211455"},
        "throughputKBps": {"N": "12.5"},
    }}})
}

/// Each connection renews leases of its own, the next as soon as the last is answered.
async fn closed_loop(
    address: SocketAddr,
    connections: usize,
    counters: &mut [u64],
    time: Duration,
) -> anyhow::Result<Outcome> {
    let started = Instant::now();
    let mut tasks = Vec::new();
    let each = counters.len().div_ceil(connections);
    for (index, counters) in counters.chunks(each).enumerate() {
        let mut counters = counters.to_vec();
        let first = index * each;
        tasks.push(tokio::spawn(async move {
            let mut connection = Connection::open(address).await?;
            let mut latencies_us = Vec::new();
            'time: loop {
                for (lease, counter) in counters.iter_mut().enumerate() {
                    if started.elapsed() >= time {
                        break 'time;
                    }
                    let sent = Instant::now();
                    renew(&mut connection, first + lease, counter).await?;
                    latencies_us.push(us(sent.elapsed()));
                }
            }
            anyhow::Ok((first, counters, latencies_us))
        }));
    }
    let mut outcome = Outcome::default();
    for task in tasks {
        let (first, renewed, latencies_us) = task.await.context("a connection's task")??;
        counters[first..first + renewed.len()].copy_from_slice(&renewed);
        outcome.latencies_us.extend(latencies_us);
    }
    Ok(finished(outcome, started))
}

pub(super) async fn renew(
    connection: &mut Connection,
    lease: usize,
    counter: &mut u64,
) -> anyhow::Result<()> {
    let (status, answer) = connection.call(&renewal(lease, *counter)).await?;
    let text = String::from_utf8_lossy(answer);
    ensure!(status == 200, "a renewal: {status} {text}");
    *counter += 1;
    Ok(())
}

/// Every worker renews each of its leases once in an interval, whether or not the answers before are late; latency counts
/// from when a renewal was due.
async fn fleet(address: SocketAddr, counters: &[u64], rounds: u32) -> anyhow::Result<Outcome> {
    let started = Instant::now() + Duration::from_millis(100);
    let is_over = Arc::new(AtomicBool::new(false));
    let readers = [
        tokio::spawn(scans(address, Arc::clone(&is_over))),
        tokio::spawn(queries(address, Arc::clone(&is_over))),
    ];
    let mut tasks = Vec::new();
    let each = counters.len().div_ceil(WORKERS);
    let step = RENEWAL_INTERVAL / u32::try_from(counters.len())?;
    for (worker, counters) in counters.chunks(each).enumerate() {
        let mut counters = counters.to_vec();
        tasks.push(tokio::spawn(async move {
            let mut connection = Connection::open(address).await?;
            let mut latencies_us = Vec::new();
            for round in 0..rounds {
                for (at, counter) in counters.iter_mut().enumerate() {
                    // Workers take turns, so that the table's load is even.
                    let place = u32::try_from(at * WORKERS + worker)?;
                    let due = started + RENEWAL_INTERVAL * round + step * place;
                    tokio::time::sleep_until(due.into()).await;
                    renew(&mut connection, worker * each + at, counter).await?;
                    latencies_us.push(us(due.elapsed()));
                }
            }
            anyhow::Ok(latencies_us)
        }));
    }
    let mut outcome = Outcome::default();
    for task in tasks {
        let latencies_us = task.await.context("a worker's task")??;
        outcome.latencies_us.extend(latencies_us);
    }
    is_over.store(true, Ordering::Relaxed);
    for reader in readers {
        reader.await.context("a reader's task")??;
    }
    Ok(finished(outcome, started))
}

/// The leader reads all leases, page by page.
async fn scans(address: SocketAddr, is_over: Arc<AtomicBool>) -> anyhow::Result<()> {
    let mut connection = Connection::open(address).await?;
    while !is_over.load(Ordering::Relaxed) {
        let mut from = Value::Null;
        loop {
            let mut scan = json!({"TableName": "leases", "Limit": 1000});
            if !from.is_null() {
                scan["ExclusiveStartKey"] = from;
            }
            let mut answer = call(&mut connection, "Scan", &scan).await?;
            from = answer["LastEvaluatedKey"].take();
            if from.is_null() {
                break;
            }
        }
        pause(READ_INTERVAL, &is_over).await;
    }
    Ok(())
}

/// Every worker asks the index for its own leases.
async fn queries(address: SocketAddr, is_over: Arc<AtomicBool>) -> anyhow::Result<()> {
    let mut connection = Connection::open(address).await?;
    let step = READ_INTERVAL / u32::try_from(WORKERS)?;
    for worker in (0..WORKERS).cycle() {
        if is_over.load(Ordering::Relaxed) {
            break;
        }
        let query = json!({
            "TableName": "leases",
            "IndexName": "LeaseOwnerToLeaseKeyIndex",
            "KeyConditionExpression": "leaseOwner = :o",
            "ExpressionAttributeValues": {":o": {"S": format!("worker-{worker:04}")}},
        });
        call(&mut connection, "Query", &query).await?;
        pause(step, &is_over).await;
    }
    Ok(())
}

async fn pause(time: Duration, is_over: &AtomicBool) {
    let until = Instant::now() + time;
    while Instant::now() < until && !is_over.load(Ordering::Relaxed) {
        let left = until.saturating_duration_since(Instant::now());
        tokio::time::sleep(left.min(Duration::from_millis(50))).await;
    }
}

fn us(time: Duration) -> u32 {
    u32::try_from(time.as_micros()).unwrap_or(u32::MAX)
}

fn finished(mut outcome: Outcome, started: Instant) -> Outcome {
    outcome.elapsed = started.elapsed();
    outcome.requests = outcome.latencies_us.len() as u64;
    outcome.latencies_us.sort_unstable();
    outcome
}

pub(super) async fn run(plan: &Plan) -> anyhow::Result<()> {
    let data_dir = plan.data_dir()?;
    let server = plan.millstream(&data_dir).await?;
    let mut counters = vec![0; plan.scaled(LEASES).max(WORKERS)];
    fill(server.address, counters.len()).await?;
    for connections in [1, 16, 64] {
        let (mut rates, mut p50s, mut p99s, mut cpus_us) = (vec![], vec![], vec![], vec![]);
        for _ in 0..plan.pairs {
            let cpu_before = server.cpu()?;
            let outcome = closed_loop(server.address, connections, &mut counters, plan.run).await?;
            let cpu = server.cpu()? - cpu_before;
            cpus_us.push(cpu.as_secs_f64() * 1e6 / outcome.requests as f64);
            rates.push(outcome.rate());
            p50s.push(outcome.percentile_ms(0.5));
            p99s.push(outcome.percentile_ms(0.99));
        }
        print(&Line {
            what: format!("conditional UpdateItem of leases, {connections} connections"),
            measured: format!(
                "{}/s, p50 {:.2} ms, p99 {:.2} ms, {:.0} µs of CPU each",
                short(median(rates)),
                median(p50s),
                median(p99s),
                median(cpus_us)
            ),
            beside: String::new(),
            target: String::new(),
            is_met: None,
        });
    }
    let rounds = u32::try_from(plan.run.as_millis() / RENEWAL_INTERVAL.as_millis())?;
    let cpu_before = server.cpu()?;
    let outcome = fleet(server.address, &counters, rounds.max(ROUNDS_MIN)).await?;
    let cores = (server.cpu()? - cpu_before).as_secs_f64() / outcome.elapsed.as_secs_f64();
    let p99_ms = outcome.percentile_ms(0.99);
    print(&Line {
        what: format!(
            "a fleet of {WORKERS} workers with {} leases, renewed each {} ms, scans and index queries beside",
            counters.len(),
            RENEWAL_INTERVAL.as_millis()
        ),
        measured: format!(
            "{}/s, p50 {:.2} ms, p99 {p99_ms:.2} ms, {cores:.2} cores",
            short(outcome.rate()),
            outcome.percentile_ms(0.5)
        ),
        beside: String::new(),
        target: format!("p99 ≤ {P99_TARGET_MS} ms, ≤ {CORES_TARGET} cores"),
        is_met: Some(p99_ms <= P99_TARGET_MS && cores <= CORES_TARGET),
    });
    server.terminate().await?;
    Ok(())
}
