//! The producer on the real server, which is resharded, killed and started again under it.
//!
//! The server's binary is the one named by `MILLSTREAM_BIN`, or the `millstream` in the folder of this crate's builds.

#![expect(clippy::unwrap_used, reason = "a test panics where it fails")]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use aws_sdk_kinesis::config::{BehaviorVersion, Credentials, Region};
use aws_sdk_kinesis::error::ProvideErrorMetadata;
use aws_sdk_kinesis::types::ShardIteratorType;
use millstream_aggregation::Aggregate;
use millstream_producer::{
    HashKeyRange, KinesisTransport, OpenShard, Outcome, Producer, PutAnswer, PutEntry,
    PutErrorKind, Settings, Transport, TransportFuture, UserRecord,
};
use millstream_testkit::ServerProcess;

const STREAM: &str = "produced";
const RECORDS: usize = 4000;
const KEYS: usize = 40;

fn server_binary() -> PathBuf {
    if let Some(path) = std::env::var_os("MILLSTREAM_BIN") {
        return path.into();
    }
    let this = std::env::current_exe().unwrap();
    let beside = this.ancestors().nth(2).unwrap().join("millstream");
    assert!(
        beside.exists(),
        "no server at {}: build it with `cargo build -p millstream-cli`, or set MILLSTREAM_BIN",
        beside.display()
    );
    beside
}

fn start(data_dir: &Path) -> ServerProcess {
    let mut command = ServerProcess::command(&server_binary());
    command.arg("--data-dir").arg(data_dir);
    ServerProcess::start(command)
}

fn client(endpoint: &str) -> aws_sdk_kinesis::Client {
    let config = aws_sdk_kinesis::Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .http_client(aws_smithy_http_client::Builder::new().build_http())
        .endpoint_url(endpoint)
        .region(Region::new("us-east-1"))
        .credentials_provider(Credentials::new("test", "test", None, None, "test"))
        .build();
    aws_sdk_kinesis::Client::from_conf(config)
}

/// The server, wherever it is now: one that starts again gets another port.
#[derive(Debug, Clone)]
struct Moving(Arc<Mutex<KinesisTransport>>);

impl Moving {
    fn to(endpoint: &str) -> Self {
        let transport = KinesisTransport::new(client(endpoint), STREAM);
        Self(Arc::new(Mutex::new(transport)))
    }

    fn moves_to(&self, endpoint: &str) {
        *self.0.lock().unwrap() = KinesisTransport::new(client(endpoint), STREAM);
    }
}

impl Transport for Moving {
    fn put_records(&self, entries: Vec<PutEntry>) -> TransportFuture<Vec<PutAnswer>> {
        self.0.lock().unwrap().put_records(entries)
    }

    fn list_shards(&self) -> TransportFuture<Vec<OpenShard>> {
        self.0.lock().unwrap().list_shards()
    }
}

async fn create(client: &aws_sdk_kinesis::Client, shards: i32) {
    let create = client.create_stream().stream_name(STREAM);
    create.shard_count(shards).send().await.unwrap();
}

/// What the KCL delivers, shard by shard, parents first: place, sub-sequence number, user record.
async fn delivered(client: &aws_sdk_kinesis::Client) -> Vec<((String, String, u64), UserRecord)> {
    let shards = client.list_shards().stream_name(STREAM).send().await;
    let mut delivered = Vec::new();
    for shard in shards.unwrap().shards() {
        let hash_keys = shard.hash_key_range().unwrap();
        let range = HashKeyRange {
            start: hash_keys.starting_hash_key().parse().unwrap(),
            end: hash_keys.ending_hash_key().parse().unwrap(),
        };
        let iterator = client
            .get_shard_iterator()
            .stream_name(STREAM)
            .shard_id(shard.shard_id())
            .shard_iterator_type(ShardIteratorType::TrimHorizon);
        let mut next = iterator.send().await.unwrap().shard_iterator;
        while let Some(iterator) = next {
            let answer = client.get_records().shard_iterator(iterator).send().await;
            let answer = answer.unwrap();
            for record in answer.records() {
                let data = bytes::Bytes::copy_from_slice(record.data().as_ref());
                let users = match Aggregate::parse(&data) {
                    Some(aggregate) => aggregate.user_records().map(Result::unwrap).collect(),
                    None => vec![UserRecord::new(record.partition_key().unwrap(), data)],
                };
                if users.len() > 1 && !users.iter().all(|user| range.contains(user.hash_key())) {
                    continue;
                }
                for (index, user) in (0..).zip(users) {
                    let at = (
                        shard.shard_id().to_owned(),
                        record.sequence_number().to_owned(),
                        index,
                    );
                    delivered.push((at, user));
                }
            }
            let is_at_tip = answer.millis_behind_latest() == Some(0);
            next = answer.next_shard_iterator.filter(|_| !is_at_tip);
        }
    }
    delivered
}

fn place(outcome: &Outcome) -> (String, String, u64) {
    (
        outcome.shard_id().to_owned(),
        outcome.sequence_number().to_owned(),
        outcome.sub_sequence_number(),
    )
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn records_are_where_their_outcomes_say_though_the_stream_splits_and_the_server_is_killed() {
    let folder = tempfile::tempdir().unwrap();
    let data_dir = folder.path().join("data");
    let mut server = start(&data_dir);
    create(&client(&server.endpoint()), 2).await;
    let transport = Moving::to(&server.endpoint());
    // The time that a busy machine takes is not what is tested.
    let settings = Settings::default()
        .keep_order_per_key(true)
        .aggregation_max_count(20)
        .record_ttl(Duration::from_secs(120))
        .request_timeout(Duration::from_secs(30));
    let producer = Producer::builder(STREAM)
        .transport(Arc::new(transport.clone()))
        .settings(settings)
        .build()
        .unwrap();
    let mut deliveries = Vec::new();
    for number in 0..RECORDS {
        let record = UserRecord::new(format!("key-{}", number % KEYS), number.to_string());
        deliveries.push((record.clone(), producer.put(record).await.unwrap()));
        if number == RECORDS / 3 {
            let split = client(&server.endpoint()).split_shard().stream_name(STREAM);
            let split = split
                .shard_to_split("shardId-000000000000")
                .new_starting_hash_key((1u128 << 126).to_string());
            split.send().await.unwrap();
        }
        if number == 2 * RECORDS / 3 {
            drop(server);
            server = start(&data_dir);
            transport.moves_to(&server.endpoint());
        }
    }
    producer.flush().await;
    let found: BTreeMap<_, _> = delivered(&client(&server.endpoint()))
        .await
        .into_iter()
        .enumerate()
        .map(|(order, (at, user))| (at, (order, user)))
        .collect();
    let mut last_of_key: BTreeMap<String, usize> = BTreeMap::new();
    let mut first_seen: BTreeMap<bytes::Bytes, usize> = BTreeMap::new();
    for (order, user) in found.values() {
        let first = first_seen.entry(user.data.clone()).or_insert(*order);
        *first = (*first).min(*order);
    }
    for (record, delivery) in deliveries {
        let outcome = delivery.await.unwrap();
        let (_, user) = &found[&place(&outcome)];
        assert_eq!(
            (&user.partition_key, &user.data),
            (&record.partition_key, &record.data)
        );
        let order = first_seen[&record.data];
        let before = last_of_key.insert(record.partition_key, order);
        assert!(
            before.is_none_or(|before| before < order),
            "{:?}",
            record.data
        );
    }
    producer.close(Duration::from_secs(60)).await.unwrap();
}

#[tokio::test]
async fn a_stream_that_is_not_there_is_told_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let server = start(&folder.path().join("data"));
    let producer = Producer::builder(STREAM)
        .client(client(&server.endpoint()))
        .build()
        .unwrap();
    let put = producer.put(UserRecord::new("k", "data")).await.unwrap();
    let error = put.await.unwrap_err();
    assert_eq!(error.kind(), PutErrorKind::Refused);
    assert!(
        error.to_string().contains("Stream produced under account"),
        "{error}"
    );
    let listed = client(&server.endpoint()).list_shards().stream_name(STREAM);
    let listed = listed.send().await.unwrap_err();
    assert_eq!(listed.code(), Some("ResourceNotFoundException"));
}

/// The data is larger than the stream takes, and nobody else's record suffers.
#[tokio::test]
async fn a_record_that_the_stream_refuses_costs_no_other() {
    let folder = tempfile::tempdir().unwrap();
    let server = start(&folder.path().join("data"));
    create(&client(&server.endpoint()), 1).await;
    let settings = Settings::default()
        .max_user_record_size_bytes(2 << 20)
        .aggregation_enabled(false);
    let producer = Producer::builder(STREAM)
        .client(client(&server.endpoint()))
        .settings(settings)
        .build()
        .unwrap();
    let small = producer.put(UserRecord::new("k", "data")).await.unwrap();
    let large = UserRecord::new("k", vec![0; (1 << 20) + 1]);
    let large = producer.put(large).await.unwrap();
    producer.flush().await;
    small.await.unwrap();
    let error = large.await.unwrap_err();
    assert_eq!(error.kind(), PutErrorKind::Refused);
    assert!(!error.may_be_stored());
}
