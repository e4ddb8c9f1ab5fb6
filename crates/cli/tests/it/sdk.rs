//! The AWS SDK for Rust against the server: every operation once accepted, once refused.
//!
//! `MILLSTREAM_ENDPOINT` names another server to test instead of a fresh one.

mod reading;
mod streams;
mod writing;

use std::time::{Duration, Instant};

use aws_sdk_kinesis::Client;
use aws_sdk_kinesis::config::{BehaviorVersion, Credentials, Region};
use aws_sdk_kinesis::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_kinesis::primitives::Blob;
use aws_sdk_kinesis::types::{Record, ShardIteratorType, StreamDescriptionSummary, StreamStatus};

use crate::commands::World;

const DEADLINE: Duration = Duration::from_secs(60);

/// A stream of one test, on a server of its own.
struct Stream {
    client: Client,
    name: String,
    account: String,
    world: Option<World>,
}

impl Stream {
    async fn new(shards: i32) -> Self {
        let given = std::env::var("MILLSTREAM_ENDPOINT").ok();
        let world = given.is_none().then(World::new);
        let endpoint =
            given.unwrap_or_else(|| world.as_ref().expect("there is no other").endpoint());
        let client = client(&endpoint);
        let name = format!("compat-{}", uuid::Uuid::new_v4());
        client
            .create_stream()
            .stream_name(&name)
            .shard_count(shards)
            .send()
            .await
            .unwrap();
        let mut stream = Self {
            client,
            name,
            account: String::new(),
            world,
        };
        let summary = stream.until_active().await;
        stream.account = summary.stream_arn.split(':').nth(4).unwrap().to_owned();
        stream
    }

    async fn until_active(&self) -> StreamDescriptionSummary {
        let deadline = Instant::now() + DEADLINE;
        loop {
            let answer = self
                .client
                .describe_stream_summary()
                .stream_name(&self.name)
                .send()
                .await
                .unwrap();
            let summary = answer.stream_description_summary.unwrap();
            if summary.stream_status == StreamStatus::Active {
                return summary;
            }
            assert!(Instant::now() < deadline, "{} is not ACTIVE", self.name);
        }
    }

    async fn put(&self, data: &str, hash_key: &str) -> String {
        let answer = self
            .client
            .put_record()
            .stream_name(&self.name)
            .partition_key("k")
            .explicit_hash_key(hash_key)
            .data(Blob::new(data))
            .send()
            .await
            .unwrap();
        answer.sequence_number
    }

    async fn iterator(&self, shard: &str, kind: ShardIteratorType) -> String {
        let answer = self
            .client
            .get_shard_iterator()
            .stream_name(&self.name)
            .shard_id(shard)
            .shard_iterator_type(kind)
            .send()
            .await
            .unwrap();
        answer.shard_iterator.unwrap()
    }

    async fn read(&self, mut iterator: String, count: usize) -> Vec<Record> {
        let deadline = Instant::now() + DEADLINE;
        let mut records = Vec::new();
        loop {
            let answer = self
                .client
                .get_records()
                .shard_iterator(iterator)
                .send()
                .await
                .unwrap();
            records.extend(answer.records);
            if records.len() >= count {
                return records;
            }
            iterator = answer.next_shard_iterator.expect("the shard goes on");
            assert!(Instant::now() < deadline, "{} of {count}", records.len());
        }
    }

    fn not_found(&self, name: &str) -> (String, String) {
        (
            "ResourceNotFoundException".to_owned(),
            format!("Stream {name} under account {} not found.", self.account),
        )
    }

    /// A server that was given keeps nothing of the test.
    async fn delete(self) {
        if self.world.is_none() {
            self.client
                .delete_stream()
                .stream_name(&self.name)
                .send()
                .await
                .unwrap();
        }
    }
}

fn client(endpoint: &str) -> Client {
    let set = |name: &str, otherwise: &str| std::env::var(name).unwrap_or(otherwise.to_owned());
    let credentials = Credentials::new(
        set("AWS_ACCESS_KEY_ID", "compat"),
        set("AWS_SECRET_ACCESS_KEY", "compat"),
        std::env::var("AWS_SESSION_TOKEN").ok(),
        None,
        "compat",
    );
    let http = aws_smithy_http_client::Builder::new()
        .tls_provider(aws_smithy_http_client::tls::Provider::Rustls(
            aws_smithy_http_client::tls::rustls_provider::CryptoMode::Ring,
        ))
        .build_https();
    let config = aws_sdk_kinesis::Config::builder()
        .behavior_version(BehaviorVersion::v2026_01_12())
        .region(Region::new(set("AWS_REGION", "us-east-1")))
        .endpoint_url(endpoint)
        .credentials_provider(credentials)
        .http_client(http)
        .build();
    Client::from_conf(config)
}

/// The code and message of a refused call.
fn refused<T: std::fmt::Debug, E, R>(result: Result<T, SdkError<E, R>>) -> (String, String)
where
    E: ProvideErrorMetadata + std::error::Error + 'static,
    R: std::fmt::Debug,
{
    match result {
        Ok(answer) => panic!("accepted: {answer:?}"),
        Err(SdkError::ServiceError(error)) => {
            let error = error.into_err();
            (
                error.code().unwrap_or_default().to_owned(),
                error.message().unwrap_or_default().to_owned(),
            )
        }
        Err(error) => panic!("no answer: {error:?}"),
    }
}
