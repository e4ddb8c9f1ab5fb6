//! GetRecords from the start of full shards, warm page cache, against canned answers of the same size.

use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};

use super::{Plan, create_stream, iterator};
use crate::connection::Connection;
use crate::process::Server;
use crate::report::{Line, median, print, short};
use crate::requests;

const RATIO_TARGET: f64 = 0.60;
const CPU_TARGET_US: f64 = 0.4;
const CONNECTIONS: usize = 16;
const SHARDS: usize = 4;

/// Fills `stream` with at least `records` records of 100 B.
pub(super) async fn fill(server: &Server, stream: &str, records: usize) -> anyhow::Result<()> {
    let requests = Arc::new(
        (1..=32)
            .map(|seed| requests::put_records(stream, 500, 100, seed))
            .collect::<Vec<_>>(),
    );
    let tasks: Vec<_> = (0..8)
        .map(|_| {
            let (requests, address) = (Arc::clone(&requests), server.address);
            tokio::spawn(async move {
                let mut connection = Connection::open(address).await?;
                for request in requests.iter().cycle().take(records.div_ceil(500 * 8)) {
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

/// Reads every shard from its start, again and again, for `time`; gives the records read a second.
async fn read(server: &Server, first: &[String], time: Duration) -> anyhow::Result<f64> {
    let started = Instant::now();
    let tasks: Vec<_> = (0..CONNECTIONS)
        .map(|index| {
            let (first, address) = (first[index % first.len()].clone(), server.address);
            tokio::spawn(async move {
                let mut connection = Connection::open(address).await?;
                let (mut next, mut records) = (first.clone(), 0u64);
                while started.elapsed() < time {
                    let (status, body) = connection
                        .call(&requests::get_records(&next, 10_000))
                        .await?;
                    ensure!(status == 200, "{status}: {}", String::from_utf8_lossy(body));
                    let read = count(body);
                    records += read;
                    next = if read == 0 {
                        first.clone()
                    } else {
                        next_iterator(body)?
                    };
                }
                anyhow::Ok(records)
            })
        })
        .collect();
    let mut records = 0;
    for task in tasks {
        records += task.await??;
    }
    Ok(records as f64 / started.elapsed().as_secs_f64())
}

/// Records in an answer, without parsing it: the client must not be what is measured.
pub(super) fn count(body: &[u8]) -> u64 {
    memchr::memmem::find_iter(body, b"\"PartitionKey\":").count() as u64
}

pub(super) fn next_iterator(body: &[u8]) -> anyhow::Result<String> {
    const NAME: &[u8] = b"\"NextShardIterator\":\"";
    let tail = &body[body.len().saturating_sub(1024)..];
    let start = tail
        .windows(NAME.len())
        .position(|window| window == NAME)
        .context("an iterator")?
        + NAME.len();
    let end = tail[start..]
        .iter()
        .position(|byte| *byte == b'"')
        .context("its end")?
        + start;
    Ok(String::from_utf8(tail[start..end].to_vec())?)
}

pub(super) async fn run(plan: &Plan) -> anyhow::Result<()> {
    let data_dir = plan.data_dir()?;
    let server = plan.millstream(&data_dir).await?;
    create_stream(&server, "bench", SHARDS).await?;
    fill(&server, "bench", plan.scaled(4_000_000)).await?;
    let bare = Server::bare(None).await?;
    let (mut ratios, mut rates, mut bare_rates, mut cpus_us) =
        (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for _ in 0..plan.pairs {
        let bare_rate = read(&bare, &["A".repeat(224)], plan.run).await?;
        bare_rates.push(bare_rate);
        let mut first = Vec::new();
        for shard in 0..SHARDS {
            first.push(iterator(&server, "bench", shard, "TRIM_HORIZON").await?);
        }
        let cpu_before = server.cpu()?;
        let started = Instant::now();
        let rate = read(&server, &first, plan.run).await?;
        let records = rate * started.elapsed().as_secs_f64();
        cpus_us.push((server.cpu()? - cpu_before).as_secs_f64() * 1e6 / records);
        ratios.push(rate / bare_rate);
        rates.push(rate);
    }
    server.terminate().await?;
    bare.kill().await?;
    let (ratio, cpu) = (median(ratios), median(cpus_us));
    print(&Line {
        what: "GetRecords, 100 B, from the start, warm page cache".into(),
        measured: format!(
            "{} records/s, {:.0} % of bare",
            short(median(rates)),
            ratio * 100.0
        ),
        beside: format!("bare {} records/s", short(median(bare_rates))),
        target: format!("≥ {:.0} %", RATIO_TARGET * 100.0),
        is_met: Some(ratio >= RATIO_TARGET),
    });
    print(&Line {
        what: "GetRecords: server CPU per record".into(),
        measured: format!("{cpu:.2} µs"),
        beside: String::new(),
        target: format!("≤ {CPU_TARGET_US} µs"),
        is_met: Some(cpu <= CPU_TARGET_US),
    });
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_records_and_finds_the_iterator() {
        let body = br#"{"Records":[{"Data":"","PartitionKey":"a"},{"PartitionKey":"b","Data":"x"}],"NextShardIterator":"AAB","MillisBehindLatest":0}"#;
        assert_eq!(count(body), 2);
        assert_eq!(next_iterator(body).unwrap(), "AAB");
    }
}
