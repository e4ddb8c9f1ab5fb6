//! The AWS SDK for Rust against a Kinesis endpoint: every operation once accepted, once refused.
//!
//! `MILLSTREAM_ENDPOINT` names the server to test. Without it each test starts a fresh one: the binary that
//! `MILLSTREAM_BIN` names, or the `millstream` in the folder of this crate's builds.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod account;
mod consumers;
mod fan_out;
mod policies;
mod reading;
mod settings;
mod streams;
mod tags;
mod world;
mod writing;

use std::time::{Duration, Instant};

use aws_sdk_kinesis::Client;
use aws_sdk_kinesis::operation::create_stream::builders::CreateStreamFluentBuilder;
use aws_sdk_kinesis::primitives::Blob;
use aws_sdk_kinesis::types::{
    ConsumerDescription, ConsumerStatus, Record, ShardIteratorType, StreamDescriptionSummary,
    StreamMode, StreamModeDetails, StreamStatus,
};
use millstream_compat::{Access, client, refused};

use crate::world::World;

const DEADLINE: Duration = Duration::from_secs(60);
const FIRST: &str = "shardId-000000000000";
const SECOND: &str = "shardId-000000000001";
const THIRD: &str = "shardId-000000000002";
const HALF: &str = "170141183460469231731687303715884105728";

/// A stream of one test.
struct Stream {
    client: Client,
    name: String,
    arn: String,
    account: String,
    world: World,
}

impl Stream {
    async fn new(shards: i32) -> Self {
        Self::with(Access::Environment, |create| create.shard_count(shards)).await
    }

    /// An on-demand stream.
    async fn on_demand(access: Access) -> Self {
        Self::with(access, |create| {
            create.stream_mode_details(mode(StreamMode::OnDemand))
        })
        .await
    }

    async fn with(
        access: Access,
        settings: impl FnOnce(CreateStreamFluentBuilder) -> CreateStreamFluentBuilder,
    ) -> Self {
        let world = World::new();
        let client = client(&world.endpoint(), access);
        let name = format!("compat-{}", uuid::Uuid::new_v4());
        let create = client.create_stream().stream_name(&name);
        settings(create).send().await.unwrap();
        let mut stream = Self {
            client,
            name,
            arn: String::new(),
            account: String::new(),
            world,
        };
        stream.arn = stream.until_active().await.stream_arn;
        stream.account = stream.arn.split(':').nth(4).unwrap().to_owned();
        stream
    }

    /// The ARN of a stream that does not exist, beside this one.
    fn nowhere(&self) -> String {
        self.arn.replace(&self.name, "nowhere")
    }

    /// Registers a consumer and waits until it is ACTIVE.
    async fn consumer(&self, name: &str) -> ConsumerDescription {
        let register = self.client.register_stream_consumer();
        let answer = register.stream_arn(&self.arn).consumer_name(name).send();
        let arn = answer.await.unwrap().consumer.unwrap().consumer_arn;
        let deadline = Instant::now() + DEADLINE;
        loop {
            let describe = self.client.describe_stream_consumer().consumer_arn(&arn);
            let description = describe.send().await.unwrap().consumer_description.unwrap();
            if description.consumer_status == ConsumerStatus::Active {
                return description;
            }
            assert!(Instant::now() < deadline, "{name} is not ACTIVE");
        }
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
        if self.world.was_given() {
            let delete = self.client.delete_stream().stream_name(&self.name);
            delete.enforce_consumer_deletion(true).send().await.unwrap();
        }
    }
}

fn mode(mode: StreamMode) -> StreamModeDetails {
    StreamModeDetails::builder()
        .stream_mode(mode)
        .build()
        .unwrap()
}

/// An account that nobody used before.
fn new_account() -> Access {
    let id: u64 = rand::random_range(100_000_000_000..1_000_000_000_000);
    Access::Account(id.to_string())
}
