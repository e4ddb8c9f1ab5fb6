//! `millstream scale`: watches an application and its stream, decides, acts, explains.

mod act;
mod decision_log;
mod driver;
mod file;
mod leadership;
mod memory;
mod middle;
mod observe;

use std::path::PathBuf;
use std::process::ExitCode;

use millstream_server::{LogFormat, log_to_standard_error};
use tokio::runtime::Builder;

use crate::client::report;
use crate::connection::Connection;
use crate::failure::{EXIT_CODES, Failure};

const ABOUT: &str = "\
The file, in TOML; only the application and [workers] have to be there:
  application = \"till\"            # and the name of its lease table
  stream = \"orders\"               # needed only if its leases fit several
  goal = \"30s\"                    # what has arrived is done within this
  look = \"10s\"                    # between two looks
  settling = \"60s\"                # nothing is changed again before
  quiet = \"10m\"                   # fewer only by the peak of this
  log = \"decisions.jsonl\"         # one JSON object for each decision; stdout without it
  memory = \"till.memory\"          # what was seen, for the next run; needed by --once
  [workers]
  min = 1
  max = 10
  command = [\"./worker\", \"--worker-id\", \"{worker}\"]
  [shards]                        # without it the stream stays as it is
  min = 1
  max = 16
  [[schedule]]
  from = \"08:00\"
  to = \"18:00\"
  days = [1, 2, 3, 4, 5]
  workers-min = 4

Two of them may run for one application: one leads, the other waits. Ctrl-C or SIGTERM stops the workers in good order.

";

/// Arguments of `millstream scale`.
#[derive(Debug, clap::Args)]
#[command(after_help = format!("{ABOUT}{EXIT_CODES}"))]
pub(crate) struct Arguments {
    /// What to scale, and within which bounds
    file: PathBuf,
    /// Explain only: start, stop, split and merge nothing
    #[arg(long)]
    dry_run: bool,
    /// One look and one explanation, for cron; the file's `memory` keeps what was seen before
    #[arg(long)]
    once: bool,
    #[command(flatten)]
    connection: Connection,
}

/// Runs until a signal stops it, or once.
pub(crate) fn run(arguments: Arguments) -> ExitCode {
    log_to_standard_error(LogFormat::Text);
    let runtime = match Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return report(&Failure::local("the operating system", error)),
    };
    match runtime.block_on(work(&arguments)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => report(&failure),
    }
}

async fn work(arguments: &Arguments) -> Result<(), Failure> {
    let settings = file::read(&arguments.file)?;
    if arguments.once && !arguments.dry_run {
        return Err(Failure::Usage(
            "--once goes with --dry-run: workers of this machine end with the scaler that started them".to_owned(),
        ));
    }
    if arguments.once && settings.memory.is_none() {
        return Err(Failure::Usage(
            "--once needs a `memory` in the file: where is kept what was seen before".to_owned(),
        ));
    }
    driver::Driver::new(settings, arguments).await?.run().await
}
