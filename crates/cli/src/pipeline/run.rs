//! `millstream pipeline run`: a worker.

use std::path::PathBuf;
use std::time::Duration;

use millstream_connectors::SinkStatus;
use millstream_pipeline::runner::{ReadySink, RunError, StageProgress, Worker, WorkerSettings};
use tokio::time::{MissedTickBehavior, interval};
use tokio_util::sync::CancellationToken;
use tracing_subscriber::EnvFilter;

use super::file;
use crate::connection::Connection;
use crate::failure::Failure;
use crate::output;
use crate::stop_signals::StopSignals;

/// Arguments of `millstream pipeline run`.
#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// File that declares the pipeline
    file: PathBuf,
    /// Name of this worker, unique among those of the pipeline [default: random]
    #[arg(long)]
    worker_id: Option<String>,
    /// A worker that is silent for so long is replaced; the same for all workers
    #[arg(long, value_name = "DURATION", default_value = "10s", value_parser = humantime::parse_duration)]
    failover: Duration,
    /// Time between two reads at the tip of a shard
    #[arg(long, value_name = "DURATION", default_value = "250ms", value_parser = humantime::parse_duration)]
    poll: Duration,
    /// How long shards may take to finish when the worker is told to stop
    #[arg(long, value_name = "DURATION", default_value = "30s", value_parser = humantime::parse_duration)]
    grace: Duration,
    /// Time between two lines on stderr that say how far the worker is; 0s for none
    #[arg(long, value_name = "DURATION", default_value = "10s", value_parser = humantime::parse_duration)]
    report: Duration,
}

pub(super) async fn run(connection: &Connection, arguments: Arguments) -> Result<(), Failure> {
    let pipeline = file::read(&arguments.file)?;
    log_to_stderr();
    let mut signals = StopSignals::new()?;
    let clients = super::clients(connection).await?;
    let ready = ReadySink::all(&pipeline, &clients).map_err(Failure::Setup)?;
    let statuses: Vec<(String, SinkStatus)> = ready
        .iter()
        .map(|sink| (sink.spec.name.clone(), sink.status.clone()))
        .collect();
    let required: Vec<SinkStatus> = ready
        .iter()
        .filter(|sink| !sink.spec.is_optional)
        .map(|sink| sink.status.clone())
        .collect();
    let name = pipeline.name.clone();
    let settings = WorkerSettings {
        worker_id: arguments.worker_id,
        failover_time: arguments.failover,
        poll_interval: arguments.poll,
        shutdown_grace: arguments.grace,
        ..WorkerSettings::default()
    };
    let worker = Worker::new(pipeline, ready, clients, settings).map_err(failure)?;
    output::say(&format!(
        "worker {} of {name} started; Ctrl-C finishes what is in hand",
        worker.worker_id()
    ));
    let progress = worker.progress();
    let stop = CancellationToken::new();
    let running = worker.run(stop.clone());
    tokio::pin!(running);
    let mut reports = interval(if arguments.report.is_zero() {
        Duration::from_secs(3600)
    } else {
        arguments.report
    });
    reports.set_missed_tick_behavior(MissedTickBehavior::Delay);
    reports.tick().await;
    loop {
        tokio::select! {
            ended = &mut running => {
                output::say(&report(&progress, &statuses));
                ended.map_err(failure)?;
                if required.iter().any(|sink| sink.counts().last_error.is_some()) {
                    return Err(Failure::Stopped(format!(
                        "worker of {name} stopped while a sink failed: what the sink has not taken comes again"
                    )));
                }
                output::say(&format!("worker of {name} stopped: what it did not finish within --grace comes again"));
                return Ok(());
            }
            () = signals.received() => {
                if stop.is_cancelled() {
                    return Err(Failure::Stopped("stopped at once: what was in hand comes again".to_owned()));
                }
                output::say("finishing what is in hand; once more to stop at once");
                stop.cancel();
            }
            _ = reports.tick() => {
                if !arguments.report.is_zero() {
                    output::say(&report(&progress, &statuses));
                }
            }
        }
    }
}

fn failure(error: RunError) -> Failure {
    Failure::Pipeline(error.to_string())
}

/// How far the worker is, in one line.
fn report(progress: &StageProgress, sinks: &[(String, SinkStatus)]) -> String {
    let counts = progress.counts();
    let mut line = format!(
        "records in {}, values {}, rejected {}",
        counts.records_in, counts.values_out, counts.rejected
    );
    if counts.pieces_out + counts.pieces_merged > 0 {
        line += &format!(
            ", pieces out {}, merged {}, results {}",
            counts.pieces_out, counts.pieces_merged, counts.results_out
        );
    }
    for (name, status) in sinks {
        let counts = status.counts();
        line += &format!("; {name}: delivered {}", counts.delivered);
        if counts.rejected + counts.skipped > 0 {
            line += &format!(", rejected {}, skipped {}", counts.rejected, counts.skipped);
        }
        if let Some(error) = counts.last_error {
            line += &format!(", failing: {error}");
        }
    }
    line
}

/// Warnings of the libraries, and what `RUST_LOG` asks for.
fn log_to_stderr() {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("warn"));
    let logging = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_ansi(std::io::IsTerminal::is_terminal(&std::io::stderr()))
        .with_writer(std::io::stderr);
    // Set once: this process runs one worker.
    drop(logging.try_init());
}
