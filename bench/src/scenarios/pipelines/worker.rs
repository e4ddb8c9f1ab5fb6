//! Workers in processes of their own, watched until they have done everything.

use std::path::Path;
use std::process::Stdio;
use std::time::{Duration, Instant};

use anyhow::Context;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};

use super::{Figures, STREAM};
use crate::keys::{ACCESS_KEY, SECRET};
use crate::object_store::{BUCKET, ObjectStore};
use crate::process::{Server, ask_to_end, cpu_of, program};

const DEADLINE: Duration = Duration::from_secs(300);

/// When a worker has done everything.
#[derive(Debug, Clone, Copy)]
pub(super) enum Done {
    /// So many records are read.
    Read(u64),
    /// So many values are delivered, of so many records. Once these are read the worker is told to stop, and delivers what
    /// it has in hand: left alone it would first wait for more, up to the time of its flush.
    Delivered { records: u64, values: u64 },
}

/// The consumer library alone, as an application of its own.
pub(super) fn reader(server: &Server, name: &str) -> anyhow::Result<Command> {
    let mut command = Command::new(program("consume")?);
    command.arg(server.address.to_string()).args([name, STREAM]);
    Ok(command)
}

/// A pipeline: what its file says behind the source, with `SINK` for the beginning of a sink, which puts objects into the
/// store or, without one, files into the folder.
pub(super) fn pipeline(
    server: &Server,
    name: &str,
    declared: &str,
    store: Option<&ObjectStore>,
    folder: &Path,
) -> anyhow::Result<Command> {
    let sink = match store {
        Some(store) => format!(
            "s3 = {{ bucket = \"{BUCKET}\", endpoint = \"{}\"",
            store.endpoint()
        ),
        None => format!("files = {{ folder = \"{}\"", folder.join("out").display()),
    };
    let declared = declared.replace("SINK", &sink);
    let text = format!("name = \"{name}\"\n[source]\nstream = \"{STREAM}\"\n{declared}");
    let file = folder.join("pipeline.toml");
    std::fs::write(&file, text)?;
    let mut command = Command::new(program("millstream")?);
    command
        .args(["pipeline", "run", "--report", "50ms", "--poll", "50ms"])
        .args(["--endpoint-url", &format!("http://{}", server.address)])
        .arg(&file)
        .env("AWS_ACCESS_KEY_ID", ACCESS_KEY)
        .env("AWS_SECRET_ACCESS_KEY", SECRET)
        .env("AWS_REGION", "us-east-1");
    Ok(command)
}

/// Runs a worker until it is done, and ends it. Records a second are those behind its first word of progress: what comes
/// before that is its start.
pub(super) async fn watch(mut command: Command, count: u64, done: Done) -> anyhow::Result<Figures> {
    let mut worker = command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .context("start a worker")?;
    let watched = tokio::time::timeout(DEADLINE, until_done(&mut worker, count, done)).await;
    let figures = watched.context("the worker does not come to the end")??;
    worker.kill().await?;
    Ok(figures)
}

async fn until_done(worker: &mut Child, count: u64, done: Done) -> anyhow::Result<Figures> {
    let pid = worker.id().context("the worker is running")?;
    let mut lines = BufReader::new(worker.stderr.take().context("its output")?).lines();
    let mut said = String::new();
    let mut first = None;
    let mut is_told = false;
    while let Some(line) = lines.next_line().await? {
        let Some(read) = number_behind(&line, "records in ").filter(|read| *read > 0) else {
            said = line;
            continue;
        };
        let (began, had_read): (Instant, u64) =
            *first.get_or_insert_with(|| (Instant::now(), read));
        let is_done = match done {
            Done::Read(records) => read >= records,
            Done::Delivered { records, values } => {
                if read >= records && !is_told {
                    ask_to_end(worker)?;
                    is_told = true;
                }
                number_behind(&line, "delivered ").is_some_and(|delivered| delivered >= values)
            }
        };
        if is_done {
            return Ok(Figures {
                rate: count.saturating_sub(had_read) as f64 / began.elapsed().as_secs_f64(),
                worker_cpu: cpu_of(pid)?,
                ..Figures::default()
            });
        }
    }
    anyhow::bail!("the worker ended: {said}")
}

fn number_behind(line: &str, words: &str) -> Option<u64> {
    let (_, rest) = line.split_once(words)?;
    let end = rest.find(|one: char| !one.is_ascii_digit());
    rest[..end.unwrap_or(rest.len())].parse().ok()
}
