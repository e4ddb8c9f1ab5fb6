//! A worker of the consumer library that tells a ledger what it has seen, for the fleet.
//!
//! What it needs stands in the environment, under the names that the worker of the KCL in `compat/programs/kcl` reads:
//! `STREAM`, `APPLICATION`, `WORKER`, `LEDGER`, `AWS_ENDPOINT_URL`; `RETRIEVAL`, which is `polling` or enhanced fan-out;
//! `LEDGER_ONLY_COUNTS`, with which a closure counts the records and the ledger has their number; and, of this worker's own,
//! `FAILOVER_MS`. Everything else is as by default. It stops in good order on SIGTERM.

use std::env;
use std::fs::{File, OpenOptions};
use std::io::Write;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use anyhow::Context;
use aws_credential_types::Credentials;
use millstream_bench::keys::{ACCESS_KEY, SECRET};
use millstream_consumer::{
    Checkpointer, Consumer, Failure, RecordBatch, RecordProcessor, Settings,
};
use millstream_types::{SystemClock, WallClock};
use tokio::signal::unix::{SignalKind, signal};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Between two words of progress.
const TELLING_INTERVAL: Duration = Duration::from_millis(50);

/// A line for each record, in one write for each batch: what was told survives kill -9, and no line is cut short.
struct Telling {
    ledger: Arc<File>,
}

impl RecordProcessor for Telling {
    async fn process(&mut self, batch: &RecordBatch, _: &Checkpointer) -> Result<(), Failure> {
        let (now, shard_id) = (SystemClock.now().0, batch.shard_id());
        let mut lines = Vec::new();
        for record in batch.records() {
            write!(lines, "{now} record {shard_id} ")?;
            lines.extend_from_slice(&record.data);
            lines.push(b'\n');
        }
        (&*self.ledger).write_all(&lines)?;
        Ok(())
    }
}

fn told(name: &str) -> anyhow::Result<String> {
    env::var(name).with_context(|| format!("{name} is not in the environment"))
}

#[tokio::main(worker_threads = 2)]
async fn main() -> anyhow::Result<()> {
    let (endpoint, stream, application) = (
        told("AWS_ENDPOINT_URL")?,
        told("STREAM")?,
        told("APPLICATION")?,
    );
    let mut ledger = OpenOptions::new();
    let ledger = Arc::new(ledger.create(true).append(true).open(told("LEDGER")?)?);
    let mut settings = Settings::new().worker_id(told("WORKER")?);
    if let Ok(failover_ms) = env::var("FAILOVER_MS") {
        settings = settings.failover_time(Duration::from_millis(failover_ms.parse()?));
    }
    let (kinesis, dynamodb) = clients(&endpoint);
    let mut builder = Consumer::builder(&application, &stream)
        .clients(kinesis, dynamodb)
        .settings(settings);
    if told("RETRIEVAL")? != "polling" {
        builder = builder.fan_out(&application);
    }
    let mut terminate = signal(SignalKind::terminate())?;
    let told_to_stop = async move {
        terminate.recv().await;
    };
    let consumer = builder.build()?;
    if env::var_os("LEDGER_ONLY_COUNTS").is_some() {
        return count(consumer, &ledger, told_to_stop).await;
    }
    let telling = move |_: &str| Telling {
        ledger: Arc::clone(&ledger),
    };
    consumer.process(telling).until(told_to_stop).await?;
    Ok(())
}

/// The simplest application there is.
async fn count(
    consumer: Consumer,
    ledger: &File,
    told_to_stop: impl Future<Output = ()> + Send + 'static,
) -> anyhow::Result<()> {
    let records = Arc::<AtomicU64>::default();
    let counted = Arc::clone(&records);
    let reading = consumer.for_each(move |_| {
        counted.fetch_add(1, Ordering::Relaxed);
        std::future::ready(Ok(()))
    });
    let telling = async {
        let mut ticks = tokio::time::interval(TELLING_INTERVAL);
        loop {
            ticks.tick().await;
            let (now, new) = (SystemClock.now().0, records.swap(0, Ordering::Relaxed));
            (&*ledger).write_all(format!("{now} count all {new}\n").as_bytes())?;
        }
    };
    tokio::select! {
        read = reading.until(told_to_stop) => Ok(read?),
        told = telling => told,
    }
}

fn clients(endpoint: &str) -> (aws_sdk_kinesis::Client, aws_sdk_dynamodb::Client) {
    let region = "us-east-1";
    let credentials = || Credentials::from_keys(ACCESS_KEY, SECRET, None);
    let http = aws_smithy_http_client::Builder::new().build_http();
    let kinesis = aws_sdk_kinesis::Config::builder()
        .behavior_version(aws_sdk_kinesis::config::BehaviorVersion::latest())
        .region(aws_sdk_kinesis::config::Region::new(region))
        .credentials_provider(credentials())
        .endpoint_url(endpoint)
        .http_client(http.clone());
    let dynamodb = aws_sdk_dynamodb::Config::builder()
        .behavior_version(aws_sdk_dynamodb::config::BehaviorVersion::latest())
        .region(aws_sdk_dynamodb::config::Region::new(region))
        .credentials_provider(credentials())
        .endpoint_url(endpoint)
        .http_client(http);
    (
        aws_sdk_kinesis::Client::from_conf(kinesis.build()),
        aws_sdk_dynamodb::Client::from_conf(dynamodb.build()),
    )
}
