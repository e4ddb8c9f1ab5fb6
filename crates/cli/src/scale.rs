//! `millstream scale`: watches an application and its stream, decides, acts, explains.

mod act;
mod decision_log;
mod decision_stream;
mod driver;
mod explain;
mod file;
mod fleet;
mod leadership;
mod memory;
mod middle;
mod observe;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Subcommand;
use millstream_server::{LogFormat, log_to_standard_error};
use tokio::runtime::Builder;

use self::driver::{Driver, Mode};
use self::file::Actuator;
use crate::client::report;
use crate::connection::Connection;
use crate::failure::{EXIT_CODES, Failure};
use crate::output::Format;

const ABOUT: &str = "\
The file, in TOML; only the application and [workers] have to be there:
  application = \"till\"            # and the name of its lease table
  stream = \"orders\"               # needed only if its leases fit several
  goal = \"30s\"                    # what has arrived is done within this
  look = \"10s\"                    # between two looks
  settling = \"60s\"                # nothing is changed again before
  quiet = \"10m\"                   # fewer only by the peak of this
  log = \"decisions.jsonl\"         # one JSON object for each decision; stdout without it
  log-stream = \"till-decisions\"    # and each of them as a record of this stream
  memory = \"till.memory\"          # what was seen, for the next run; needed by --once
  metrics = true                  # lag in CloudWatch's API
  metrics-listen = \"0.0.0.0:9464\" # and at http://0.0.0.0:9464/metrics, for Prometheus
  [workers]
  min = 1
  max = 10
  records-per-s = 500             # what one does, until that was seen
  command = [\"./worker\", \"--worker-id\", \"{worker}\"]   # or one of the next four
  auto-scaling-group = { name = \"till\" }
  kubernetes = { stateful-set = \"till\" }
  keda = { listen = \"0.0.0.0:6000\" }
  http = { url = \"https://ops.example/till\" }
  [shards]                        # without it the stream stays as it is
  min = 1
  max = 16
  [[schedule]]
  from = \"08:00\"
  to = \"18:00\"
  days = [1, 2, 3, 4, 5]
  workers-min = 4

Two of them may run for one application: one leads, the other waits. Ctrl-C or SIGTERM stops workers of this machine in
good order, and leaves all others.

";

/// Arguments of `millstream scale`.
#[derive(Debug, clap::Args)]
#[command(after_help = format!("{ABOUT}{EXIT_CODES}"), subcommand_negates_reqs = true)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    command: Option<Command>,
    /// What to scale, and within which bounds: a file of its own, or a pipeline's that has a table `scale`
    #[arg(required = true)]
    file: Option<PathBuf>,
    /// Explain only: start, stop, split and merge nothing
    #[arg(long)]
    dry_run: bool,
    /// One look and one decision, for cron; the file's `memory` keeps what was seen before
    #[arg(long)]
    once: bool,
    #[command(flatten)]
    connection: Connection,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Say what would be done now, and what keeps it from being more; nothing is done
    Explain {
        /// What is scaled
        file: PathBuf,
        #[command(flatten)]
        format: Format,
    },
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
    let (connection, is_once) = (&arguments.connection, arguments.once);
    let mode = Mode {
        is_dry: arguments.dry_run || arguments.command.is_some(),
        is_once,
    };
    if let Some(Command::Explain { file, format }) = &arguments.command {
        let settings = file::read(file)?;
        let driver = Driver::new(settings, connection, mode).await?;
        return driver.explain(*format).await;
    }
    let Some(file) = &arguments.file else {
        return Err(Failure::Usage("a file is needed".to_owned()));
    };
    let settings = file::read(file)?;
    let why_not_once = match settings.actuator {
        Actuator::Processes { .. } | Actuator::Pipeline { .. } => {
            Some("workers of this machine end with the scaler that started them")
        }
        Actuator::Keda { .. } => Some("KEDA asks again and again"),
        _ => None,
    };
    if let Some(why) = why_not_once.filter(|_| is_once && !mode.is_dry) {
        let said = format!("--once goes with --dry-run here: {why}");
        return Err(Failure::Usage(said));
    }
    if is_once && settings.metrics_listen.is_some() {
        return Err(Failure::Usage(
            "--once is over before Prometheus asks: leave metrics-listen out, and write metrics = true".to_owned(),
        ));
    }
    if is_once && settings.memory.is_none() {
        return Err(Failure::Usage(
            "--once needs a `memory` in the file: where is kept what was seen before".to_owned(),
        ));
    }
    Driver::new(settings, connection, mode).await?.run().await
}
