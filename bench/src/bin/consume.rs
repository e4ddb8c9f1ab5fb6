//! A process with a consumer that counts: `consume ADDRESS APPLICATION STREAM`.
//!
//! Reads the stream from its start and says on standard error how many records it has, until it is ended.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use aws_credential_types::Credentials;
use aws_credential_types::provider::SharedCredentialsProvider;
use millstream_bench::keys::{ACCESS_KEY, SECRET};
use millstream_consumer::{
    CheckpointPolicy, Checkpointer, Consumer, Failure, RecordBatch, RecordProcessor, Settings,
};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const REPORT_INTERVAL: Duration = Duration::from_millis(50);

struct Counter(Arc<AtomicU64>);

impl RecordProcessor for Counter {
    async fn process(&mut self, batch: &RecordBatch, _: &Checkpointer) -> Result<(), Failure> {
        let records = batch.records().len() as u64;
        self.0.fetch_add(records, Ordering::Relaxed);
        Ok(())
    }
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [address, application, stream] = &arguments[..] else {
        anyhow::bail!("consume ADDRESS APPLICATION STREAM");
    };
    let endpoint = format!("http://{address}");
    let credentials =
        SharedCredentialsProvider::new(Credentials::from_keys(ACCESS_KEY, SECRET, None));
    let http = || aws_smithy_http_client::Builder::new().build_http();
    let kinesis = aws_sdk_kinesis::Config::builder()
        .behavior_version(aws_sdk_kinesis::config::BehaviorVersion::latest())
        .region(aws_sdk_kinesis::config::Region::new("us-east-1"))
        .credentials_provider(credentials.clone())
        .endpoint_url(&endpoint)
        .http_client(http())
        .build();
    let dynamodb = aws_sdk_dynamodb::Config::builder()
        .behavior_version(aws_sdk_dynamodb::config::BehaviorVersion::latest())
        .region(aws_sdk_dynamodb::config::Region::new("us-east-1"))
        .credentials_provider(credentials)
        .endpoint_url(&endpoint)
        .http_client(http())
        .build();
    let records = Arc::<AtomicU64>::default();
    let consumer = Consumer::builder(application, stream)
        .clients(
            aws_sdk_kinesis::Client::from_conf(kinesis),
            aws_sdk_dynamodb::Client::from_conf(dynamodb),
        )
        .settings(
            Settings::new()
                .poll_interval(REPORT_INTERVAL)
                .checkpoints(CheckpointPolicy::Every(Duration::from_secs(1))),
        )
        .build()?;
    let counted = Arc::clone(&records);
    let reading = consumer.process(move |_| Counter(Arc::clone(&counted)));
    let reporting = async move {
        let mut ticks = tokio::time::interval(REPORT_INTERVAL);
        loop {
            ticks.tick().await;
            eprintln!("records in {}", records.load(Ordering::Relaxed));
        }
    };
    tokio::select! {
        read = reading.until(std::future::pending::<()>()) => read?,
        () = reporting => {}
    }
    Ok(())
}
