//! `millstream storm-spout`: a stream's records as tuples of a Storm topology, by Storm's multi-lang protocol.
//!
//! Storm starts one of these for each task of the spout, and all of them share the shards as workers do. All that the KCL
//! does is done by the consumer library.

mod conversation;
mod message;
mod processor;
mod tuple;

use std::io::{self, BufWriter};
use std::process::ExitCode;
use std::thread;
use std::time::Duration;

use millstream_consumer::{
    Consumer, ConsumerError, DynamoDbLeaseTable, FailurePolicy, InitialPosition, Settings,
};
use millstream_server::{LogFormat, log_to_standard_error};
use tokio::runtime::Builder;
use tokio::sync::{mpsc, oneshot};

use self::conversation::Conversation;
use self::processor::{Tuple, TupleProcessor};
use self::tuple::{DataForm, Field, Layout};
use crate::client::report;
use crate::connection::Connection;
use crate::failure::{EXIT_CODES, Failure, in_one_line};
use crate::stop_signals::StopSignals;

/// Tuples that wait for Storm to ask for them. They are of records in hand, a batch of each shard, and that is bounded in
/// bytes by the library.
const WAITING_MAX: usize = 1000;

const ABOUT: &str = "\
In Java, with the absolute path of this program:
  new ShellSpout(\"/usr/local/bin/millstream\", \"storm-spout\", \"--stream\", \"orders\", \"--application\", \"till\")
and, as its declareOutputFields, the names of --fields in their order. A tuple's id is SHARD:SEQUENCE, and :SUBSEQUENCE
behind it for further records that travelled in one. Every tuple must be acked or failed by the topology; what Storm fails,
by a bolt or because topology.message.timeout.secs are over, is emitted again, and after --attempts in all goes to
--dead-letter-stream. What Storm acks is checkpointed up to the first record that is not acked. At least once.

";

/// Arguments of `millstream storm-spout`.
#[derive(Debug, clap::Args)]
#[command(after_help = format!("{ABOUT}{EXIT_CODES}"))]
pub(crate) struct Arguments {
    /// The stream to read
    #[arg(long)]
    stream: String,
    /// The application: the name of the lease table, which all tasks of the spout share
    #[arg(long)]
    application: String,
    /// Where to start where nothing is checkpointed
    #[arg(long, value_enum, default_value = "trim-horizon")]
    start: Start,
    /// What a tuple has, in this order
    #[arg(
        long,
        value_enum,
        value_delimiter = ',',
        default_value = "id,partition-key,data"
    )]
    fields: Vec<Field>,
    /// How the data is written; a record that is not of this form goes to the dead letters
    #[arg(long, value_enum, default_value = "text")]
    data: DataForm,
    /// Where records go that failed too often; it must exist. Without it they are emitted again for ever
    #[arg(long, value_name = "STREAM")]
    dead_letter_stream: Option<String>,
    /// How often a record is emitted in all, with a dead-letter stream
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..))]
    attempts: u32,
    /// A task that is silent for so long is replaced; the same for all tasks
    #[arg(long, value_name = "DURATION", default_value = "10s", value_parser = humantime::parse_duration)]
    failover: Duration,
    #[command(flatten)]
    connection: Connection,
}

#[derive(Debug, Clone, Copy, clap::ValueEnum)]
enum Start {
    TrimHorizon,
    Latest,
}

/// Runs until Storm closes standard input, or a signal stops it.
pub(crate) fn run(arguments: Arguments) -> ExitCode {
    log_to_standard_error(LogFormat::Text);
    let runtime = match Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return report(&Failure::local("the operating system", error)),
    };
    match runtime.block_on(work(arguments)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => report(&failure),
    }
}

async fn work(arguments: Arguments) -> Result<(), Failure> {
    let mut stop = StopSignals::new()?;
    let (to_storm, waiting) = mpsc::channel(WAITING_MAX);
    // Storm waits for the answer to its handshake, however long finding credentials takes.
    let mut conversation = converse(waiting)?;
    let consumer = consumer(&arguments).await?;
    let layout = Layout {
        fields: arguments.fields,
        data: arguments.data,
    };
    tracing::info!(
        stream = arguments.stream,
        application = arguments.application,
        worker = consumer.worker_id(),
        "spout starts"
    );
    let (ended, how) = oneshot::channel();
    let run = consumer
        .process(move |_| TupleProcessor::new(layout.clone(), to_storm.clone()))
        .until(async move {
            let storm = tokio::select! {
                biased;
                storm = &mut conversation => storm.unwrap_or_else(|_| Err(io::Error::other("a defect"))),
                () = stop.received() => Ok(()),
            };
            // What is acked while the shards are given back still counts: the conversation goes on.
            ended.send(storm).ok();
        });
    run.await.map_err(failure)?;
    match how.await {
        Ok(Err(error)) => Err(Failure::local("Storm", error)),
        _ => Ok(()),
    }
}

/// Speaks with Storm on a thread of its own, which a read of standard input holds until Storm closes it; how it ended.
fn converse(waiting: mpsc::Receiver<Tuple>) -> Result<oneshot::Receiver<io::Result<()>>, Failure> {
    let (ended, how) = oneshot::channel();
    let speak = move || {
        let output = BufWriter::new(io::stdout());
        let begun = Conversation::begin(io::stdin().lock(), output, waiting);
        // Nobody waits if a signal came first.
        ended.send(begun.and_then(Conversation::run)).ok();
    };
    let thread = thread::Builder::new().name("storm".to_owned()).spawn(speak);
    thread.map_err(|error| Failure::local("the operating system", error))?;
    Ok(how)
}

async fn consumer(arguments: &Arguments) -> Result<Consumer, Failure> {
    let kinesis = arguments.connection.client().await?;
    let dynamodb = arguments.connection.dynamodb_client().await?;
    let position = match arguments.start {
        Start::TrimHorizon => InitialPosition::TrimHorizon,
        Start::Latest => InitialPosition::Latest,
    };
    let settings = Settings::new()
        .initial_position(position)
        .failover_time(arguments.failover);
    let builder = Consumer::builder(&arguments.application, &arguments.stream)
        .kinesis(kinesis)
        .lease_table(DynamoDbLeaseTable::new(dynamodb, &arguments.application));
    let builder = match &arguments.dead_letter_stream {
        Some(stream) => builder
            .dead_letter_stream(stream)
            .settings(settings.on_failure(FailurePolicy::park_after(arguments.attempts))),
        None => builder.settings(settings),
    };
    builder
        .build()
        .map_err(|error| Failure::Usage(error.to_string()))
}

fn failure(error: ConsumerError) -> Failure {
    match error {
        ConsumerError::WorkerIdInUse(_) => Failure::Usage(error.to_string()),
        ConsumerError::StopTimedOut(_) => Failure::Late(error.to_string()),
        other => Failure::local("the spout", io::Error::other(in_one_line(&other))),
    }
}
