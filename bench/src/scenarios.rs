//! What is measured; one file per theme.

mod consumer;
mod control;
mod encryption;
mod fleet;
mod gets;
mod hot_keys;
mod instructions;
mod latency;
mod memory;
mod pipelines;
mod producer;
mod puts;
mod records;
mod shards;
mod start;
mod tables;

use std::path::PathBuf;
use std::time::Duration;

use anyhow::Context;
use tokio::process::Command;

use crate::process::Server;

/// How long and how often.
#[derive(Debug, Clone)]
pub struct Plan {
    /// Pairs of runs per ratio; the median counts.
    pub pairs: usize,
    /// Length of one run.
    pub run: Duration,
    /// Scale of the scenarios that fill the disk or the memory: 1 is the full size.
    pub scale: f64,
    /// Where data folders go.
    pub disk: PathBuf,
    /// The server's program, for those that measure another build; the one beside this program if there is none.
    pub server: Option<PathBuf>,
    /// More arguments for `millstream serve`.
    pub serve: Vec<String>,
    /// Of the puts and of what is counted, those whose name contains this.
    pub only: String,
    /// Of the fleet: between two kills.
    pub kill_every: Duration,
    /// Of the consumer and the fleet: the command of a worker of another library, which is measured beside ours.
    pub beside: Option<String>,
}

impl Plan {
    fn data_dir(&self) -> anyhow::Result<tempfile::TempDir> {
        tempfile::tempdir_in(&self.disk).context("a data folder")
    }

    async fn millstream(&self, data_dir: &tempfile::TempDir) -> anyhow::Result<Server> {
        let arguments: Vec<&str> = self.serve.iter().map(String::as_str).collect();
        match &self.server {
            None => Server::millstream(data_dir.path(), &arguments).await,
            Some(program) => Server::run(Command::new(program), data_dir.path(), &arguments).await,
        }
    }

    fn scaled(&self, full: usize) -> usize {
        ((full as f64 * self.scale) as usize).max(1)
    }
}

/// The scenarios by name, in the order of the table.
pub const NAMES: &[&str] = &[
    "puts",
    "gets",
    "encryption",
    "hot-keys",
    "latency",
    "producer",
    "consumer",
    "memory",
    "shards",
    "control",
    "start",
    "tables",
    "pipelines",
    "fleet",
];

/// A scenario that is in no table: it wants valgrind, and is measured for two versions.
pub const INSTRUCTIONS: &str = "instructions";

/// Runs a scenario, which prints its lines.
///
/// # Errors
/// If a server does not answer as it should: the figures would mean nothing.
pub async fn run(name: &str, plan: &Plan) -> anyhow::Result<()> {
    match name {
        "puts" => puts::run(plan).await,
        "gets" => gets::run(plan).await,
        "encryption" => encryption::run(plan).await,
        "hot-keys" => hot_keys::run(plan).await,
        "latency" => latency::run(plan).await,
        "producer" => producer::run(plan).await,
        "consumer" => consumer::run(plan).await,
        "memory" => memory::run(plan).await,
        "shards" => shards::run(plan).await,
        "control" => control::run(plan).await,
        "start" => start::run(plan).await,
        "tables" => tables::run(plan).await,
        "pipelines" => pipelines::run(plan).await,
        "fleet" => fleet::run(plan).await,
        INSTRUCTIONS => instructions::run(plan).await,
        other => anyhow::bail!("no scenario {other}; there are {}", NAMES.join(", ")),
    }
}

async fn create_stream(server: &Server, name: &str, shards: usize) -> anyhow::Result<()> {
    server
        .call(
            "CreateStream",
            &format!(r#"{{"StreamName":"{name}","ShardCount":{shards}}}"#),
        )
        .await?;
    let summary = server
        .call(
            "DescribeStreamSummary",
            &format!(r#"{{"StreamName":"{name}"}}"#),
        )
        .await?;
    anyhow::ensure!(
        summary["StreamDescriptionSummary"]["StreamStatus"] == "ACTIVE",
        "the stream is not ACTIVE"
    );
    Ok(())
}

async fn iterator(
    server: &Server,
    stream: &str,
    shard: usize,
    kind: &str,
) -> anyhow::Result<String> {
    let body = format!(
        r#"{{"StreamName":"{stream}","ShardId":"shardId-{shard:012}","ShardIteratorType":"{kind}"}}"#
    );
    let answer = server.call("GetShardIterator", &body).await?;
    Ok(answer["ShardIterator"]
        .as_str()
        .context("an iterator")?
        .to_owned())
}
