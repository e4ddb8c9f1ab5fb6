//! The stock-trades application of Amazon's tutorial, on any endpoint of the Kinesis API.
//!
//! A writer puts trades on a stream of several shards. A fleet of workers counts them, one worker per shard at a time,
//! and puts one *sample* of statistics per shard and interval on a second stream; there, one worker adds up all shards.
//! Workers may join, leave and die at any time: every trade counts once (`sample.rs` says how).
//!
//! Start with `stock-trades run --endpoint-url http://127.0.0.1:4566`.

mod aggregate;
mod connection;
mod finish;
mod generator;
mod names;
mod process;
mod replay;
mod run;
mod sample;
mod statistics;
mod statistics_stream;
mod stopping;
mod streams;
mod totals;
mod trade;
mod worker_options;
mod write;

use clap::{Parser, Subcommand};
use tracing_subscriber::EnvFilter;

use connection::Connection;

/// Statistics over a stream of stock trades, in two stages.
#[derive(Debug, Parser)]
#[command(name = "stock-trades")]
struct Arguments {
    #[command(flatten)]
    connection: Connection,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Everything: creates the streams, then starts a writer, workers and an aggregator, and looks after them
    Run(run::Run),
    /// Puts trades on the stream
    Write(write::Write),
    /// One worker of the first stage: statistics per shard
    Process(process::Process),
    /// One worker of the second stage: statistics over all shards
    Aggregate(aggregate::Aggregate),
    /// Deletes both streams and both lease tables
    Finish,
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let arguments = Arguments::parse();
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("warn"));
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_ansi(std::io::IsTerminal::is_terminal(&std::io::stderr()))
        .with_writer(std::io::stderr)
        .init();
    let connection = &arguments.connection;
    match &arguments.command {
        Command::Run(run) => Box::pin(run.run(connection)).await,
        Command::Write(write) => Box::pin(write.run(connection)).await,
        Command::Process(process) => Box::pin(process.run(connection)).await,
        Command::Aggregate(aggregate) => Box::pin(aggregate.run(connection)).await,
        Command::Finish => Box::pin(finish::run(connection)).await,
    }
}
