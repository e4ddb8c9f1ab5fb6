//! `millstream multilang`: record processors in other languages, as the MultiLangDaemon of the KCL runs them.
//!
//! One program for each shard, spoken to line by line; all that the KCL does is done by the consumer library.

mod daemon;
mod messages;
mod processor;
mod program;
mod properties;
mod without_effect;

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::{env, fs, io};

use millstream_consumer::{Consumer, ConsumerError, DynamoDbLeaseTable};
use millstream_server::{LogFormat, log_to_standard_error};
use tokio::runtime::Builder;

use self::daemon::Daemon;
use self::processor::ProgramProcessor;
use crate::client::report;
use crate::connection::Connection;
use crate::failure::{EXIT_CODES, Failure, in_one_line};
use crate::stop_signals::StopSignals;

const ABOUT: &str = "\
The file has the keys of the Java daemon; executableName, streamName (or streamArn) and applicationName have to be there:
  executableName = python3 app.py
  streamName = orders
  applicationName = till             # also the name of the lease table, which Java and Rust workers may share
  initialPositionInStream = TRIM_HORIZON
  regionName = eu-west-1             # kinesisEndpoint and dynamoDBEndpoint, or --endpoint-url, name another service
Credentials are found as by every AWS tool. Keys that have no effect here, and unknown ones, are named at the start.

A program that dies, answers what was not asked, or does not answer within timeoutInSeconds, is killed and started again
at the last checkpoint; the other shards go on. SIGTERM or Ctrl-C stops in good order (shutdownGraceMillis).

";

/// Arguments of `millstream multilang`.
#[derive(Debug, clap::Args)]
#[command(after_help = format!("{ABOUT}{EXIT_CODES}"))]
pub(crate) struct Arguments {
    /// The `.properties` file of a MultiLangDaemon
    #[arg(
        long,
        short = 'p',
        visible_alias = "properties-file",
        value_name = "FILE"
    )]
    properties: PathBuf,
    #[command(flatten)]
    connection: Connection,
}

/// Runs until a signal stops it.
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
    let mut stop = StopSignals::new()?;
    let daemon = read(&arguments.properties)?;
    find_program(&daemon.command[0])?;
    tell(&daemon);
    let region = daemon.region.as_deref();
    let connection =
        |endpoint: &Option<String>| arguments.connection.or(endpoint.as_deref(), region);
    let kinesis = connection(&daemon.kinesis_endpoint).client().await?;
    let dynamodb = connection(&daemon.dynamodb_endpoint)
        .dynamodb_client()
        .await?;
    let builder = Consumer::builder(&daemon.application, &daemon.stream)
        .kinesis(kinesis)
        .lease_table(DynamoDbLeaseTable::new(dynamodb, &daemon.table))
        .settings(daemon.settings.clone());
    let builder = match &daemon.fan_out {
        Some(consumer) => builder.fan_out(consumer),
        None => builder,
    };
    let consumer = builder
        .build()
        .map_err(|error| Failure::Usage(error.to_string()))?;
    tracing::info!(
        stream = daemon.stream,
        application = daemon.application,
        worker = consumer.worker_id(),
        "worker starts"
    );
    let daemon = Arc::new(daemon);
    let run = consumer
        .process(move |shard_id| ProgramProcessor::new(Arc::clone(&daemon), shard_id))
        .until(async move { stop.received().await });
    run.await.map_err(failure)
}

fn read(path: &Path) -> Result<Daemon, Failure> {
    let invalid =
        |error: &dyn std::error::Error| Failure::Usage(format!("{}: {error}", path.display()));
    let bytes =
        fs::read(path).map_err(|error| Failure::local(path.display().to_string(), error))?;
    let properties = properties::parse(&bytes).map_err(|error| invalid(&error))?;
    Daemon::of(properties).map_err(|error| invalid(&error))
}

/// A program that is not there would fail shard by shard, for ever.
fn find_program(program: &str) -> Result<(), Failure> {
    let folders = if program.contains('/') {
        vec![PathBuf::new()]
    } else {
        env::var_os("PATH").map_or(Vec::new(), |path| env::split_paths(&path).collect())
    };
    if folders.iter().any(|folder| folder.join(program).is_file()) {
        return Ok(());
    }
    let missing = io::Error::new(io::ErrorKind::NotFound, "no such program (executableName)");
    Err(Failure::local(program, missing))
}

/// Says what of the file is not done as the Java daemon does it.
fn tell(daemon: &Daemon) {
    if daemon.names_credentials {
        tracing::info!(
            "credentials are found as by every AWS tool, not by the file's AwsCredentialsProvider"
        );
    }
    if !daemon.rest.without_effect.is_empty() {
        tracing::info!(keys = ?daemon.rest.without_effect, "keys without effect here");
    }
    if !daemon.rest.unknown.is_empty() {
        tracing::warn!(keys = ?daemon.rest.unknown, "keys that nobody knows; are they misspelt?");
    }
}

fn failure(error: ConsumerError) -> Failure {
    match error {
        ConsumerError::WorkerIdInUse(_) => Failure::Usage(error.to_string()),
        ConsumerError::StopTimedOut(_) => Failure::Late(error.to_string()),
        other => Failure::local("the worker", io::Error::other(in_one_line(&other))),
    }
}
