//! `millstream streams`: streams and their shards.

pub(crate) mod consumers;
pub(crate) mod cost;
mod create;
mod delete;
mod describe;
mod hot;
mod list;
mod merge;
mod retention;
pub(crate) mod shards;
mod split;
pub(crate) mod wait;

use clap::Subcommand;

use crate::connection::Connection;
use crate::failure::{EXIT_CODES, Failure};
use crate::looks::Clients;
use crate::output::Format;

const EXAMPLES: &str = "\
Examples:
  export AWS_ENDPOINT_URL=http://127.0.0.1:4566   # without it the commands talk to AWS
  millstream streams create orders --shards 4
  millstream streams list --json | jq -r .StreamName
  millstream streams describe orders
  millstream streams split orders 0               # shard 0 into two halves
  millstream streams merge orders 4 5             # and back
  millstream streams retention orders 168
  millstream streams hot orders                   # the keys that take most of the last minute
  millstream streams cost orders                  # on AWS, by mode
  millstream streams delete orders

";

/// Arguments of `millstream streams`.
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
    /// Create a stream and wait until it is ACTIVE
    Create(create::Arguments),
    /// List the streams of the account and region
    List,
    /// Show a stream and its shards
    Describe(describe::Arguments),
    /// Delete a stream and all its records
    Delete(delete::Arguments),
    /// Split a shard into two
    Split(split::Arguments),
    /// Merge two neighbouring shards into one
    Merge(merge::Arguments),
    /// Show or change how long records are kept
    Retention(retention::Arguments),
    /// Show the keys that take most, and what splits would do
    Hot(hot::Arguments),
    /// Show what the stream would cost on AWS, by mode
    Cost(CostArguments),
}

/// Arguments of `millstream streams cost`.
#[derive(Debug, clap::Args)]
pub(crate) struct CostArguments {
    /// Name of the stream
    stream: String,
    #[command(flatten)]
    options: cost::Options,
}

/// Runs one of the commands.
pub(crate) async fn run(arguments: Arguments) -> Result<(), Failure> {
    let connection = arguments.connection;
    let client = connection.client().await?;
    let format = arguments.format;
    match arguments.command {
        Command::Create(arguments) => create::run(&client, format, &arguments).await,
        Command::List => list::run(&client, format).await,
        Command::Describe(arguments) => describe::run(&client, format, &arguments).await,
        Command::Delete(arguments) => delete::run(&client, format, &arguments).await,
        Command::Split(arguments) => split::run(&client, format, &arguments).await,
        Command::Merge(arguments) => merge::run(&client, format, &arguments).await,
        Command::Hot(arguments) => hot::run(&client, format, &arguments).await,
        Command::Cost(arguments) => {
            let clients = Clients {
                kinesis: client,
                dynamodb: connection.dynamodb_client().await?,
            };
            cost::of_stream(&clients, format, &arguments.stream, &arguments.options).await
        }
        Command::Retention(arguments) => retention::run(&client, format, &arguments).await,
    }
}
