//! The keys that the server counts: whether `millstream streams hot` names the heaviest of a million, and what counting costs
//! each put. The keys come as often as Zipf says: the n-th as often as one in n.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use anyhow::{Context, ensure};
use tokio::process::Command;

use super::{Plan, create_stream};
use crate::connection::Connection;
use crate::keys::{ACCESS_KEY, SECRET};
use crate::load;
use crate::process::{Server, program};
use crate::report::{Line, median, print, short};
use crate::requests::{Seeded, put_records_of};

const KEYS: u32 = 1_000_000;
const TOP: usize = 10;
/// Records whose keys are counted exactly beside the server, at full size.
const RECORDS: usize = 4_000_000;
const REQUEST_RECORDS: usize = 500;
const RECORD_BYTES: usize = 100;
const CONNECTIONS: usize = 16;
const SHARDS: usize = 4;
const COUNTING: [&str; 2] = ["--hot-keys", "on"];

pub(super) async fn run(plan: &Plan) -> anyhow::Result<()> {
    recall(plan).await?;
    for case in [
        ("PutRecords, 500 × 100 B", REQUEST_RECORDS, RECORD_BYTES),
        ("PutRecords, 1 × 1 KiB", 1, 1024),
    ] {
        cost(plan, case).await?;
    }
    Ok(())
}

/// Keys by Zipf's law: the rank's logarithm is evenly distributed.
fn zipf(seeded: &mut Seeded) -> u32 {
    let share = (seeded.number() >> 11) as f64 / (1u64 << 53) as f64;
    let rank = (share * f64::from(KEYS).ln()).exp();
    (rank as u32).min(KEYS - 1)
}

fn key(rank: u32) -> String {
    // No order of the names is that of the weights.
    format!("key-{:08x}", rank.wrapping_mul(0x9e37_79b1))
}

/// A request, and the ranks of its keys.
fn request(seed: u64, count: usize, bytes: usize) -> (Vec<u8>, Vec<u32>) {
    let mut seeded = Seeded::new(seed);
    let ranks: Vec<u32> = (0..count).map(|_| zipf(&mut seeded)).collect();
    let request = put_records_of(
        "bench",
        bytes,
        &mut seeded,
        ranks.iter().map(|rank| key(*rank)),
    );
    (request, ranks)
}

async fn recall(plan: &Plan) -> anyhow::Result<()> {
    let (mut found, mut wanted, mut records) = (0, 0, 0);
    for round in 0..plan.pairs {
        let data_dir = plan.data_dir()?;
        let server = serving(plan, &data_dir, true).await?;
        create_stream(&server, "bench", SHARDS).await?;
        let requests = plan.scaled(RECORDS).div_ceil(REQUEST_RECORDS);
        let exact = put_all(&server, requests, round).await?;
        records += exact.values().sum::<u64>();
        let named = named_by_the_command(&server).await?;
        server.terminate().await?;
        // Of keys that came equally often each is as right as the other.
        let mut counts: Vec<u64> = exact.values().copied().collect();
        counts.sort_unstable_by(|one, other| other.cmp(one));
        let tenth = counts.get(TOP - 1).context("ten keys")?;
        let is_of_them = |key: &&String| exact.get(*key).is_some_and(|count| count >= tenth);
        found += named.iter().filter(is_of_them).count();
        wanted += TOP;
    }
    let share = found as f64 / wanted as f64;
    print(&Line {
        what: format!(
            "hot keys: the {TOP} heaviest of {} keys, as `millstream streams hot` names them",
            short(f64::from(KEYS))
        ),
        measured: format!(
            "{:.1} %: {found} of {wanted}, of {} records in {} rounds",
            share * 100.0,
            short(records as f64),
            plan.pairs
        ),
        beside: "exact counts of what was put".into(),
        target: "≥ 99 %".into(),
        is_met: Some(share >= 0.99),
    });
    Ok(())
}

async fn serving(
    plan: &Plan,
    data_dir: &tempfile::TempDir,
    counts: bool,
) -> anyhow::Result<Server> {
    let arguments = plan.serve.iter().map(String::as_str);
    let more = COUNTING.iter().copied().filter(|_| counts);
    let arguments: Vec<&str> = arguments.chain(more).collect();
    Server::millstream(data_dir.path(), &arguments).await
}

/// Puts so many requests, each once; what came of each key.
async fn put_all(
    server: &Server,
    requests: usize,
    round: usize,
) -> anyhow::Result<HashMap<String, u64>> {
    let next = Arc::new(AtomicUsize::new(0));
    let address = server.address;
    let mut tasks = Vec::new();
    for _ in 0..CONNECTIONS {
        let next = Arc::clone(&next);
        tasks.push(tokio::spawn(async move {
            let mut connection = Connection::open(address).await?;
            let mut counts = vec![0u32; KEYS as usize];
            loop {
                let number = next.fetch_add(1, Ordering::Relaxed);
                if number >= requests {
                    return anyhow::Ok(counts);
                }
                let seed = (round * requests + number + 1) as u64;
                let (request, ranks) = request(seed, REQUEST_RECORDS, RECORD_BYTES);
                let (status, body) = connection.call(&request).await?;
                let head = String::from_utf8_lossy(&body[..body.len().min(64)]);
                ensure!(
                    status == 200 && head.contains("\"FailedRecordCount\":0"),
                    "{status}: {head}"
                );
                for rank in ranks {
                    counts[rank as usize] += 1;
                }
            }
        }));
    }
    let mut exact: HashMap<String, u64> = HashMap::new();
    for task in tasks {
        let counts = task.await.context("a connection's task")??;
        for (rank, count) in (0..).zip(counts).filter(|(_, count)| *count > 0) {
            *exact.entry(key(rank)).or_default() += u64::from(count);
        }
    }
    Ok(exact)
}

/// The keys that the command names, which has to say that the server counted them.
async fn named_by_the_command(server: &Server) -> anyhow::Result<Vec<String>> {
    let done = Command::new(program("millstream")?)
        .args(["streams", "hot", "bench", "--json", "--top", "10"])
        .env("AWS_ENDPOINT_URL", format!("http://{}", server.address))
        .env("AWS_REGION", "us-east-1")
        .env("AWS_ACCESS_KEY_ID", ACCESS_KEY)
        .env("AWS_SECRET_ACCESS_KEY", SECRET)
        .env_remove("AWS_PROFILE")
        .env_remove("AWS_SESSION_TOKEN")
        .output()
        .await
        .context("the command")?;
    ensure!(
        done.status.success(),
        "streams hot: {}",
        String::from_utf8_lossy(&done.stderr)
    );
    let told: serde_json::Value = serde_json::from_slice(&done.stdout)?;
    let shards = told["Shards"].as_array().context("shards")?;
    let are_counted = shards.iter().all(|shard| shard["CountedSince"].is_u64());
    ensure!(are_counted, "the server did not count: {told}");
    let names = told["ByRecords"].as_array().context("keys")?.iter();
    let names = names.map(|key| key["PartitionKey"].as_str().map(str::to_owned));
    names.collect::<Option<Vec<_>>>().context("names")
}

/// What counting costs: the same traffic to a server that counts and to one that does not, in turn.
async fn cost(plan: &Plan, case: (&str, usize, usize)) -> anyhow::Result<()> {
    let (what, count, bytes) = case;
    let (mut with_us, mut without_us, mut more) = (Vec::new(), Vec::new(), Vec::new());
    for pair in 0..plan.pairs {
        // Whoever comes second may find the machine different.
        let order = if pair % 2 == 0 {
            [false, true]
        } else {
            [true, false]
        };
        let mut us = [0.0; 2];
        for counts in order {
            us[usize::from(counts)] = cpu_us(plan, count, bytes, counts).await?;
        }
        let [without, with] = us;
        more.push(100.0 * (with / without - 1.0));
        with_us.push(with);
        without_us.push(without);
    }
    let least = more.iter().copied().fold(f64::INFINITY, f64::min);
    let most = more.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let median_more = median(more);
    print(&Line {
        what: format!("hot keys counted, {what}: server CPU per record"),
        measured: format!(
            "{:.3} µs, {median_more:+.1} % (pairs {least:+.1} to {most:+.1} %)",
            median(with_us)
        ),
        beside: format!("not counted {:.3} µs", median(without_us)),
        target: "≤ 2 % more".into(),
        is_met: Some(median_more <= 2.0),
    });
    Ok(())
}

async fn cpu_us(plan: &Plan, count: usize, bytes: usize, counts: bool) -> anyhow::Result<f64> {
    let requests = (1..=256).map(|seed| request(seed, count, bytes).0);
    let requests: Arc<Vec<Vec<u8>>> = Arc::new(requests.collect());
    let data_dir = plan.data_dir()?;
    let server = serving(plan, &data_dir, counts).await?;
    create_stream(&server, "bench", SHARDS).await?;
    let time = plan.run.mul_f64(plan.scale.min(1.0));
    let run = |time| {
        let expected = b"\"FailedRecordCount\":0";
        load::run(
            server.address,
            CONNECTIONS,
            Arc::clone(&requests),
            expected,
            time,
        )
    };
    // The first records of a minute are all counted, however many more there are.
    run(time / 8).await?;
    let cpu = server.cpu()?;
    let outcome = run(time).await?;
    let cpu = server.cpu()? - cpu;
    server.terminate().await?;
    Ok(cpu.as_secs_f64() * 1e6 / (outcome.requests as f64 * count as f64))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_come_as_often_as_zipf_says() {
        let mut seeded = Seeded::new(7);
        let mut counts = vec![0u32; KEYS as usize];
        for _ in 0..1_000_000 {
            counts[zipf(&mut seeded) as usize] += 1;
        }
        // Rank 0 does not come: 1 is the first.
        assert_eq!(counts[0], 0);
        for rank in [1usize, 2, 5, 10] {
            let expected = (1.0 + 1.0 / rank as f64).ln() / f64::from(KEYS).ln() * 1e6;
            let seen = f64::from(counts[rank]);
            assert!(
                (seen / expected - 1.0).abs() < 0.05,
                "{rank}: {seen} {expected}"
            );
        }
        assert_ne!(key(1), key(2));
    }
}
