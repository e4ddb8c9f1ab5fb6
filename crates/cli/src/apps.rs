//! `millstream apps`: applications that share a stream's shards by leases in a table.

mod describe;
mod finish;
mod lag;
mod list;
mod show;

use clap::Subcommand;

use crate::connection::Connection;
use crate::failure::{EXIT_CODES, Failure};
use crate::looks::Clients;
use crate::output::Format;
use crate::streams::cost;

const EXAMPLES: &str = "\
An application is a table of leases in a layout of the KCL 1, 2 or 3: the KCL's, whatever its language, and Millstream's own.
Examples:
  millstream apps list
  millstream apps describe till
  millstream apps lag till --watch          # how far behind, how fast, and how long the rest will take
  millstream apps lag till --json | jq .DrainMs
  millstream apps cost till                 # with its stream and lease table, on AWS
  millstream finish till                    # what it made, and who uses it still

";

/// Arguments of `millstream apps`.
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
    /// List the applications of the account and region
    List,
    /// Show an application's leases: checkpoints, owners, how far behind
    Describe(describe::Arguments),
    /// Show how far an application is behind, how fast it is, and how long the rest will take
    Lag(lag::Arguments),
    /// Show what the application and its stream would cost on AWS
    Cost(CostArguments),
}

/// Arguments of `millstream apps cost`.
#[derive(Debug, clap::Args)]
pub(crate) struct CostArguments {
    #[command(flatten)]
    application: Application,
    #[command(flatten)]
    options: cost::Options,
}

/// An application, and which stream it reads.
#[derive(Debug, clap::Args)]
pub(crate) struct Application {
    /// Name of the application, and of its lease table
    application: String,
    /// The stream that it reads, if its leases fit several
    #[arg(long, value_name = "STREAM")]
    stream: Option<String>,
}

/// Runs one of the commands.
pub(crate) async fn run(arguments: Arguments) -> Result<(), Failure> {
    let clients = Clients::new(&arguments.connection).await?;
    let format = arguments.format;
    match arguments.command {
        Command::List => list::run(&clients, format).await,
        Command::Describe(arguments) => describe::run(clients, format, arguments).await,
        Command::Lag(arguments) => lag::run(clients, format, arguments).await,
        Command::Cost(arguments) => {
            let Application {
                application,
                stream,
            } = arguments.application;
            let options = &arguments.options;
            cost::of_application(&clients, format, &application, stream, options).await
        }
    }
}

pub(crate) use finish::{Arguments as FinishArguments, run as run_finish};
