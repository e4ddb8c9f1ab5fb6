//! `millstream pipeline run`: a worker.

use std::io::IsTerminal;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use millstream_consumer::PutMetricData;
use millstream_pipeline::Pipeline;
use millstream_pipeline::runner::{
    ReadySink, RunError, SinkReport, StageProgress, Worker, WorkerSettings,
};
use millstream_scaling::CloudWatch;
use millstream_types::SystemClock;
use tokio::time::{MissedTickBehavior, interval};
use tokio_util::sync::CancellationToken;
use tracing_subscriber::EnvFilter;

use super::file;
use super::screen::{Screen, View};
use crate::connection::{CallSettings, Connection};
use crate::failure::Failure;
use crate::output;
use crate::stop_signals::StopSignals;

/// Time between two looks of the screen.
const SCREEN_INTERVAL: Duration = Duration::from_secs(1);

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
    /// Time between two lines on stderr that say how far the worker is, where stderr is no terminal; 0s for none
    #[arg(long, value_name = "DURATION", default_value = "10s", value_parser = humantime::parse_duration)]
    report: Duration,
}

pub(super) async fn run(connection: &Connection, arguments: Arguments) -> Result<(), Failure> {
    let pipeline = file::read(&arguments.file)?;
    let screen = screen(&pipeline, arguments.report);
    log_to_stderr(screen.as_ref());
    let mut signals = StopSignals::new()?;
    let clients = super::clients(connection).await?;
    let sinks = ReadySink::all(&pipeline, &clients).map_err(Failure::Setup)?;
    let ready = sinks.clone();
    let name = pipeline.name.clone();
    let settings = WorkerSettings {
        worker_id: arguments.worker_id,
        failover_time: arguments.failover,
        poll_interval: arguments.poll,
        shutdown_grace: arguments.grace,
        metrics: metrics(&pipeline, connection).await?,
        ..WorkerSettings::default()
    };
    let worker = Worker::new(pipeline, ready, clients, settings).map_err(failure)?;
    let worker_id = worker.worker_id().to_owned();
    output::say(&format!(
        "worker {worker_id} of {name} started; Ctrl-C finishes what is in hand"
    ));
    let progress = worker.progress();
    let stop = CancellationToken::new();
    let running = worker.run(stop.clone());
    tokio::pin!(running);
    let every = match (&screen, arguments.report.is_zero()) {
        (Some(_), _) => SCREEN_INTERVAL,
        (None, true) => Duration::from_secs(3600),
        (None, false) => arguments.report,
    };
    let mut view = View::new(&name, &worker_id);
    let mut reports = interval(every);
    reports.set_missed_tick_behavior(MissedTickBehavior::Delay);
    reports.tick().await;
    loop {
        tokio::select! {
            ended = &mut running => {
                output::say(&report(&progress, &sinks));
                ended.map_err(failure)?;
                return stopped(&name, &sinks);
            }
            () = signals.received() => {
                if stop.is_cancelled() {
                    return Err(Failure::Stopped("stopped at once: what was in hand comes again".to_owned()));
                }
                output::say("finishing what is in hand; once more to stop at once");
                stop.cancel();
            }
            _ = reports.tick() => match &screen {
                Some(screen) => {
                    let sinks = sinks.iter().map(SinkReport::of).collect();
                    screen.show(&view.lines(Instant::now(), progress.counts(), &progress.shards(), sinks));
                }
                None if arguments.report.is_zero() => {}
                None => output::say(&report(&progress, &sinks)),
            }
        }
    }
}

/// Where metrics go, if the file asks for them.
async fn metrics(
    pipeline: &Pipeline,
    connection: &Connection,
) -> Result<Option<Arc<dyn PutMetricData>>, Failure> {
    if !pipeline.has_metrics {
        return Ok(None);
    }
    let CallSettings {
        endpoint_url,
        region,
        credentials,
    } = connection.cloudwatch().await?;
    let cloudwatch = CloudWatch::new(region, endpoint_url, credentials, Arc::new(SystemClock));
    let cloudwatch = cloudwatch.map_err(|error| Failure::Setup(error.to_string()))?;
    Ok(Some(Arc::new(cloudwatch)))
}

/// How a worker ended that was told to.
fn stopped(name: &str, sinks: &[ReadySink]) -> Result<(), Failure> {
    let mut required = sinks.iter().filter(|sink| !sink.spec.is_optional);
    if required.any(|sink| sink.status.counts().last_error.is_some()) {
        return Err(Failure::Stopped(format!(
            "worker of {name} stopped while a sink failed: what the sink has not taken comes again"
        )));
    }
    output::say(&format!(
        "worker of {name} stopped: what it did not finish within --grace comes again"
    ));
    Ok(())
}

/// A screen, where somebody looks and nothing else is written to.
fn screen(pipeline: &Pipeline, report: Duration) -> Option<Screen> {
    let is_written_to = pipeline
        .sinks
        .iter()
        .any(|sink| sink.sink.describe() == "stdout")
        && std::io::stdout().is_terminal();
    let is_watched = std::io::stderr().is_terminal() && !report.is_zero();
    (is_watched && !is_written_to).then(Screen::default)
}

fn failure(error: RunError) -> Failure {
    Failure::Pipeline(error.to_string())
}

/// How far the worker is, in one line.
fn report(progress: &StageProgress, sinks: &[ReadySink]) -> String {
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
    for sink in sinks {
        let (name, counts) = (&sink.spec.name, sink.status.counts());
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

/// Warnings of the libraries, and what `RUST_LOG` asks for; above the screen, if there is one.
fn log_to_stderr(screen: Option<&Screen>) {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("warn"));
    let logging = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_ansi(std::io::stderr().is_terminal());
    // Set once: this process runs one worker.
    drop(match screen {
        Some(screen) => logging.with_writer(screen.clone()).try_init(),
        None => logging.with_writer(std::io::stderr).try_init(),
    });
}
