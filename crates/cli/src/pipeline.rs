//! `millstream pipeline`: declared pipelines.

mod check;
mod file;
mod run;
mod screen;
mod show;
mod status;
mod trial;

use std::path::PathBuf;

use clap::Subcommand;
use millstream_pipeline::runner::Clients;

use crate::connection::Connection;
use crate::failure::{EXIT_CODES, Failure};
use crate::output::Format;

const EXAMPLES: &str = "\
Examples:
  millstream pipeline check trades.toml                       # all mistakes, each with its place
  millstream pipeline try trades.toml --input sample.jsonl    # what each step makes of each record
  millstream pipeline show trades.toml                        # the stages as a drawing
  millstream pipeline run trades.toml                         # a worker: start as many as you like
  millstream pipeline status trades.toml

";

/// Arguments of `millstream pipeline`.
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
    /// Check a file: all mistakes at once, each with line, column and what would be right
    Check(FileArgument),
    /// Try a file on sample records: no stream, no sink
    Try(trial::Arguments),
    /// Show a file's stages as a drawing
    Show(FileArgument),
    /// Run a worker until Ctrl-C, which finishes what is in hand
    Run(run::Arguments),
    /// Show where the pipeline is, shard by shard
    Status(FileArgument),
}

/// The file that declares the pipeline.
#[derive(Debug, clap::Args)]
struct FileArgument {
    /// File that declares the pipeline
    file: PathBuf,
}

/// Runs one of the commands.
pub(crate) async fn run(arguments: Arguments) -> Result<(), Failure> {
    let (connection, format) = (arguments.connection, arguments.format);
    match arguments.command {
        Command::Check(FileArgument { file }) => check::run(&file, format),
        Command::Try(arguments) => trial::run(format, arguments).await,
        Command::Show(FileArgument { file }) => show::run(&file),
        Command::Run(arguments) => Box::pin(run::run(&connection, arguments)).await,
        Command::Status(FileArgument { file }) => {
            Box::pin(status::run(&connection, format, &file)).await
        }
    }
}

pub(crate) use file::read;

/// Clients of both services that a pipeline needs.
async fn clients(connection: &Connection) -> Result<Clients, Failure> {
    let (credentials, region) = connection.identity().await;
    Ok(Clients {
        kinesis: connection.client().await?,
        dynamodb: connection.dynamodb_client().await?,
        credentials,
        region,
    })
}
