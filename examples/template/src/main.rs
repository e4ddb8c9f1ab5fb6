//! A consumer application of one page: copy it, and write what is to be done with a record.

use std::env;

use anyhow::{Context, bail};
use aws_config::BehaviorVersion;
use aws_smithy_http_client::tls::{Provider, rustls_provider::CryptoMode};
use millstream_consumer::{Consumer, Failure, FailurePolicy, Record, Settings};
use tokio::signal::unix::{SignalKind, signal};

/// What is to be done with one record; those of a shard come in order. `Ok` means that it is done. An error means that it
/// comes again, as the policy in `main` says; `Failure` can say otherwise for this record. After a crash the records since
/// the last checkpoint come again, so doing the same twice must do no harm: `record.place` tells them apart.
async fn handle(record: Record) -> Result<(), Failure> {
    let text = String::from_utf8_lossy(&record.data);
    println!("{} {} {text}", record.place, record.partition_key);
    Ok(())
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    tracing_subscriber::fmt()
        .with_writer(std::io::stderr)
        .init();
    let arguments: Vec<String> = env::args().skip(1).collect();
    let [application, stream] = &arguments[..] else {
        bail!(
            "usage: template APPLICATION STREAM (the application's name is that of its lease table)"
        );
    };
    // Against a server of your own: AWS_ENDPOINT_URL=http://127.0.0.1:4566, and any region and access key.
    let tls = Provider::Rustls(CryptoMode::Ring);
    let http = aws_smithy_http_client::Builder::new().tls_provider(tls);
    let config = aws_config::defaults(BehaviorVersion::latest())
        .http_client(http.build_https())
        .load()
        .await;
    let (kinesis, dynamodb) = (
        aws_sdk_kinesis::Client::new(&config),
        aws_sdk_dynamodb::Client::new(&config),
    );

    let consumer = Consumer::builder(application, stream)
        .clients(kinesis, dynamodb)
        .settings(Settings::new().on_failure(FailurePolicy::retry()))
        .build()?;
    eprintln!("worker {} begins", consumer.worker_id());
    let mut terminate = signal(SignalKind::terminate()).context("cannot listen to SIGTERM")?;
    let told_to_stop = async move {
        tokio::select! {
            _ = tokio::signal::ctrl_c() => {}
            _ = terminate.recv() => {}
        }
    };
    // Finishes what is in hand, checkpoints it, and gives the shards to the other workers.
    consumer.for_each(handle).until(told_to_stop).await?;
    Ok(())
}
