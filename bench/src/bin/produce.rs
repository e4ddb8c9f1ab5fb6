//! A process with a producer under load: `produce ADDRESS STREAM SECONDS BYTES`.
//!
//! Puts records as fast as `put` takes them, waits for every outcome, and prints one JSON object: how many were stored,
//! how long it took, the CPU time and the peak of memory of this process, making the records included.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use aws_credential_types::Credentials;
use aws_sdk_kinesis::config::{BehaviorVersion, Region};
use bytes::Bytes;
use millstream_bench::keys::{ACCESS_KEY, SECRET};
use millstream_bench::requests::Seeded;
use millstream_producer::{Delivery, Producer, Settings, UserRecord};
use serde_json::json;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Outcomes that are not looked at yet.
const DELIVERIES_MAX: usize = 60_000;

#[tokio::main(worker_threads = 2)]
async fn main() -> anyhow::Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [address, stream, seconds, bytes] = &arguments[..] else {
        anyhow::bail!("produce ADDRESS STREAM SECONDS BYTES");
    };
    let time = Duration::from_secs_f64(seconds.parse()?);
    let bytes: usize = bytes.parse()?;
    let producer = Producer::builder(stream)
        .client(client(address))
        // The server has no limits per shard; everything else is as by default.
        .settings(Settings::default().rate_limit_percent(1_000_000))
        .build()?;
    let mut random = Seeded::new(1);
    let pool: Bytes = (0..1 << 20).map(|_| random.number() as u8).collect();

    let started = Instant::now();
    let mut deliveries: VecDeque<Delivery> = VecDeque::new();
    let (mut records, mut attempts) = (0u64, 0u64);
    while started.elapsed() < time {
        for _ in 0..1000 {
            let number = random.number();
            let at = number as usize % (pool.len() - bytes);
            let key = format!("key-{:08}", number % 100_000_000);
            let record = UserRecord::new(key, pool.slice(at..at + bytes));
            deliveries.push_back(producer.put(record).await?);
        }
        while deliveries.len() > DELIVERIES_MAX {
            attempts += settle(&mut deliveries).await?;
            records += 1;
        }
    }
    producer.flush().await;
    while !deliveries.is_empty() {
        attempts += settle(&mut deliveries).await?;
        records += 1;
    }
    let elapsed = started.elapsed();
    producer.close(Duration::from_secs(10)).await?;
    let report = json!({
        "records": records,
        "attempts": attempts,
        "elapsed_s": elapsed.as_secs_f64(),
        "cpu_s": cpu()?.as_secs_f64(),
        "memory_peak_bytes": memory_peak_bytes()?,
    });
    println!("{report}");
    Ok(())
}

async fn settle(deliveries: &mut VecDeque<Delivery>) -> anyhow::Result<u64> {
    let first = deliveries.pop_front().context("a delivery")?;
    let outcome = first.await?;
    ensure!(!outcome.sequence_number().is_empty(), "a sequence number");
    Ok(outcome.attempts().len() as u64)
}

fn client(address: &str) -> aws_sdk_kinesis::Client {
    let config = aws_sdk_kinesis::Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new("us-east-1"))
        .credentials_provider(Credentials::from_keys(ACCESS_KEY, SECRET, None))
        .endpoint_url(format!("http://{address}"))
        .http_client(aws_smithy_http_client::Builder::new().build_http())
        .build();
    aws_sdk_kinesis::Client::from_conf(config)
}

/// CPU time of this process, user and system.
fn cpu() -> anyhow::Result<Duration> {
    let stat = std::fs::read_to_string("/proc/self/stat")?;
    let after_name = stat.rsplit_once(')').context("a stat line")?.1;
    let fields: Vec<&str> = after_name.split_whitespace().collect();
    let ticks: u64 = fields[11].parse::<u64>()? + fields[12].parse::<u64>()?;
    Ok(Duration::from_millis(ticks * 10)) // 100 ticks a second on Linux
}

fn memory_peak_bytes() -> anyhow::Result<u64> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find(|line| line.starts_with("VmHWM:"));
    let kib = line.and_then(|line| line.split_whitespace().nth(1));
    Ok(kib.context("a memory line")?.parse::<u64>()? * 1024)
}
