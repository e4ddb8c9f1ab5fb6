//! A worker of the consumer library that counts what it reads, in a process of its own beside the server; and one of another
//! library, by the same ledger.

use std::ffi::OsString;
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::ensure;

use super::{Plan, create_stream, records};
use crate::fleet::worker_process::WorkerProcess;
use crate::process::{Server, program};
use crate::report::{Line, median, print, short};

/// A reader asks each shard five times a second, for 10,000 records at most: more than the target needs.
const SHARDS: usize = 32;
const STREAM: &str = "bench";
const RECORDS: usize = 8_000_000;
const RECORD_BYTES: usize = 100;
/// What a worker does in the beginning, when a virtual machine compiles, is its start.
const WARM_AFTER: u64 = 4;
const DEADLINE: Duration = Duration::from_secs(300);
/// Between two looks at the ledger.
const LOOK: Duration = Duration::from_millis(20);

/// What a worker came to.
#[derive(Debug)]
struct Figures {
    /// From its start to its first record.
    first: Duration,
    /// CPU time until then.
    start_cpu: Duration,
    /// Records a second, once it is warm.
    rate: f64,
    /// CPU time of each record, likewise.
    cpu_us: f64,
    memory_peak_bytes: f64,
}

pub(super) async fn run(plan: &Plan) -> anyhow::Result<()> {
    let data_dir = plan.data_dir()?;
    let server = plan.millstream(&data_dir).await?;
    create_stream(&server, STREAM, SHARDS).await?;
    let count = records::fill(&server, STREAM, plan.scaled(RECORDS), RECORD_BYTES).await?;
    let ours = vec![program("worker")?.into_os_string()];
    let beside: Option<Vec<OsString>> = plan
        .beside
        .as_ref()
        .map(|command| command.split_whitespace().map(OsString::from).collect());
    let (mut seen, mut seen_beside) = (Vec::new(), Vec::new());
    for pair in 0..plan.pairs {
        // Names of their own, so that each begins at the stream's start.
        seen.push(one(plan, &server, &ours, &format!("ours-{pair}"), count).await?);
        if let Some(beside) = &beside {
            seen_beside.push(one(plan, &server, beside, &format!("beside-{pair}"), count).await?);
        }
    }
    server.terminate().await?;
    report(&seen, &seen_beside);
    Ok(())
}

/// Runs a worker until it has read everything, and ends it.
async fn one(
    plan: &Plan,
    server: &Server,
    program: &[OsString],
    name: &str,
    count: u64,
) -> anyhow::Result<Figures> {
    let folder = plan.data_dir()?;
    let env = [
        ("AWS_ENDPOINT_URL", format!("http://{}", server.address)),
        ("STREAM", STREAM.to_owned()),
        ("APPLICATION", name.to_owned()),
        ("RETRIEVAL", "polling".to_owned()),
        ("LEDGER_ONLY_COUNTS", "1".to_owned()),
    ];
    let began = Instant::now();
    let mut worker = WorkerProcess::start(name, program, env, folder.path())?;
    let figures = tokio::time::timeout(DEADLINE, watch(&mut worker, began, count)).await;
    if figures.is_err() {
        keep_log(folder.path(), name);
    }
    let figures = figures??;
    worker.kill().await?;
    Ok(figures)
}

/// What it said goes to standard error: the folder is gone in a moment.
fn keep_log(folder: &Path, name: &str) {
    if let Ok(log) = std::fs::read_to_string(folder.join(format!("{name}.log"))) {
        eprintln!("{log}");
    }
}

async fn watch(worker: &mut WorkerProcess, began: Instant, count: u64) -> anyhow::Result<Figures> {
    let mut read = 0;
    let (mut first, mut warm) = (None, None);
    loop {
        worker.check_alive()?;
        read += worker
            .new_lines()?
            .iter()
            .filter_map(|line| counted(line))
            .sum::<u64>();
        let now = (Instant::now(), worker.cpu()?);
        if read > 0 {
            first.get_or_insert(now);
        }
        if read >= count / WARM_AFTER {
            let (since, cpu, had_read) = *warm.get_or_insert((now.0, now.1, read));
            if read >= count {
                ensure!(read == count, "{read} of {count} records were read");
                let records = (count - had_read) as f64;
                let (first, start_cpu) = first.unwrap_or(now);
                return Ok(Figures {
                    first: first - began,
                    start_cpu,
                    rate: records / since.elapsed().as_secs_f64(),
                    cpu_us: (now.1 - cpu).as_secs_f64() * 1e6 / records,
                    memory_peak_bytes: worker.memory_peak_bytes()? as f64,
                });
            }
        }
        tokio::time::sleep(LOOK).await;
    }
}

/// `TIME count SHARD NUMBER`.
fn counted(line: &str) -> Option<u64> {
    let words: Vec<&str> = line.split(' ').collect();
    match words.as_slice() {
        [_, "count", _, number] => number.parse().ok(),
        _ => None,
    }
}

fn report(seen: &[Figures], beside: &[Figures]) {
    let of =
        |figures: &[Figures], of: fn(&Figures) -> f64| median(figures.iter().map(of).collect());
    let line =
        |what: &str, figure: fn(&Figures) -> f64, text: fn(f64) -> String, target: &str, is_met| {
            print(&Line {
                what: format!("consumer, {RECORD_BYTES} B, {SHARDS} shards: {what}"),
                measured: text(of(seen, figure)),
                beside: match beside {
                    [] => String::new(),
                    _ => text(of(beside, figure)),
                },
                target: target.into(),
                is_met,
            });
        };
    let (rate, cpu_us) = (of(seen, |one| one.rate), of(seen, |one| one.cpu_us));
    line(
        "a closure counts, behind the first quarter",
        |one| one.rate,
        |rate| format!("{} records/s", short(rate)),
        "≥ 1 M/s",
        Some(rate >= 1e6),
    );
    line(
        "CPU of the worker for a record, behind the first quarter",
        |one| one.cpu_us,
        |cpu_us| format!("{cpu_us:.2} µs"),
        "≤ 1 µs",
        Some(cpu_us <= 1.0),
    );
    line(
        "most memory of the process, for a shard",
        |one| one.memory_peak_bytes / SHARDS as f64,
        |bytes| format!("{:.1} MiB", bytes / (1 << 20) as f64),
        "",
        None,
    );
    line(
        "from its start to its first record",
        |one| one.first.as_secs_f64(),
        |s| format!("{s:.1} s"),
        "≤ 3 s",
        Some(of(seen, |one| one.first.as_secs_f64()) <= 3.0),
    );
    line(
        "CPU time of its start",
        |one| one.start_cpu.as_secs_f64(),
        |s| format!("{s:.2} s"),
        "",
        None,
    );
}
