//! `millstream records`: writing, reading, following.

mod get;
mod position;
mod put;
mod show;
mod tail;
mod user_records;

use clap::Subcommand;

use crate::connection::Connection;
use crate::failure::{EXIT_CODES, Failure};
use crate::output::Format;

const EXAMPLES: &str = "\
Examples:
  export AWS_ENDPOINT_URL=http://127.0.0.1:4566   # without it the commands talk to AWS
  millstream records put orders 'one order' --partition-key customer-7
  millstream records put orders --file picture.png
  generate-orders | millstream records put orders # every line of stdin is a record
  millstream records put trades --file trades.jsonl --input json --key .ticker --failed-to failed.jsonl
  millstream records put trades --file failed.jsonl --input records  # what failed, once more
  millstream records get orders --shard 0 --limit 10
  millstream records get orders --shard 0 --at-timestamp 15m
  millstream records tail orders --from trim-horizon --json | jq -r .Data

Records as JSON have the members ShardId, SequenceNumber, ApproximateArrivalTimestamp, PartitionKey and either
Data (text) or DataBase64 (data that is not UTF-8). `tail` shows records that a producer joined one by one, with a
SubSequenceNumber.

";

/// Arguments of `millstream records`.
#[derive(Debug, clap::Args)]
#[command(after_help = format!("{EXAMPLES}{EXIT_CODES}"))]
pub(crate) struct Arguments {
    #[command(subcommand)]
    command: Command,
    #[command(flatten)]
    connection: Connection,
    #[command(flatten)]
    format: Format,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Write one record, or the records of a file or of stdin
    Put(put::Arguments),
    /// Read records of one shard up to its newest
    Get(get::Arguments),
    /// Follow all shards of a stream, in order of arrival, until Ctrl-C
    Tail(tail::Arguments),
}

/// Runs one of the commands.
pub(crate) async fn run(arguments: Arguments) -> Result<(), Failure> {
    let client = arguments.connection.client().await?;
    let format = arguments.format;
    match arguments.command {
        Command::Put(arguments) => put::run(&client, format, &arguments).await,
        Command::Get(arguments) => get::run(&client, format, &arguments).await,
        Command::Tail(arguments) => tail::run(&client, format, &arguments).await,
    }
}
