//! Two applications read every shard while it is written, split and merged, beside one that does not keep up.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use millstream_server::EngineKind;
use serde_json::{Value, json};
use tokio::sync::mpsc;

use crate::client::Client;
use crate::events::{Events, create, register, subscribe_request};
use crate::http2::Http2;
use crate::test_server::{PATIENCE, TestServer};

const SHARDS: u32 = 8;
const BATCHES: usize = 200;
const BATCH_RECORDS: usize = 100;
const RECORDS: usize = BATCHES * BATCH_RECORDS;
const KEYS: usize = 64;

/// What a subscriber saw of one shard.
enum Seen {
    Records {
        shard: String,
        records: Vec<Value>,
    },
    /// The shard has ended; who follows, each with its parents.
    End {
        shard: String,
        children: Vec<(String, Vec<String>)>,
    },
}

/// How an application subscribes.
#[derive(Clone)]
enum Way {
    Http1,
    Http2(Arc<Http2>),
}

async fn read_shard(
    server: Arc<TestServer>,
    way: Way,
    consumer: String,
    shard: String,
    seen: mpsc::Sender<Seen>,
) {
    let request = subscribe_request(&consumer, &shard, &json!({"Type": "TRIM_HORIZON"}));
    let mut events = match &way {
        Way::Http1 => Events::http1(&server, &request).await,
        Way::Http2(connection) => Events::http2(connection, &request).await,
    };
    while let Some(event) = events.event().await {
        let records = event["Records"].as_array().unwrap().clone();
        let shard = shard.clone();
        let seen_now = match event["ChildShards"].as_array() {
            None => Seen::Records { shard, records },
            Some(children) => Seen::End {
                shard,
                children: children.iter().map(child).collect(),
            },
        };
        if seen.send(seen_now).await.is_err() {
            return;
        }
    }
}

fn child(child: &Value) -> (String, Vec<String>) {
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let parents = child["ParentShards"].as_array().unwrap();
    (text(&child["ShardId"]), parents.iter().map(text).collect())
}

/// Reads all shards, children after all of their parents, until every record was seen. Checks what comes: each record
/// once, numbers that rise within a shard, and the records of a key in the order in which they were written.
async fn read_all(server: Arc<TestServer>, way: Way, consumer: String) -> BTreeSet<String> {
    let (sender, mut seen) = mpsc::channel(64);
    let mut started = BTreeSet::new();
    let mut ended = BTreeSet::new();
    let mut readers = tokio::task::JoinSet::new();
    let mut start = |shard: String, readers: &mut tokio::task::JoinSet<()>| {
        if started.insert(shard.clone()) {
            let (server, way, consumer) = (Arc::clone(&server), way.clone(), consumer.clone());
            readers.spawn(read_shard(server, way, consumer, shard, sender.clone()));
        }
    };
    for shard in 0..SHARDS {
        start(format!("shardId-{shard:012}"), &mut readers);
    }
    let mut last_number: BTreeMap<String, String> = BTreeMap::new();
    let mut next_of_key = vec![0_usize; KEYS];
    let mut count = 0;
    while count < RECORDS {
        let now = tokio::time::timeout(PATIENCE, seen.recv()).await;
        match now.expect("records keep coming").expect("readers run") {
            Seen::Records { shard, records } => {
                for record in records {
                    let number = record["SequenceNumber"].as_str().unwrap().to_owned();
                    let key: usize = record["PartitionKey"].as_str().unwrap().parse().unwrap();
                    let data = record["Data"].as_str().unwrap();
                    assert_eq!(data, data_of(next_of_key[key]), "key {key} of {shard}");
                    next_of_key[key] += 1;
                    count += 1;
                    // All numbers have 56 digits, so text compares as they do.
                    let last = last_number.insert(shard.clone(), number.clone());
                    assert!(last.is_none_or(|last| last < number));
                }
            }
            Seen::End { shard, children } => {
                ended.insert(shard);
                for (child, parents) in children {
                    if parents.iter().all(|parent| ended.contains(parent)) {
                        start(child, &mut readers);
                    }
                }
            }
        }
    }
    readers.shutdown().await;
    ended
}

/// Eight base64 digits that hold a number.
fn data_of(number: usize) -> String {
    format!("{number:08}")
}

async fn write_all(client: &mut Client) {
    let mut next_of_key = vec![0_usize; KEYS];
    for batch in 0..BATCHES {
        let records: Vec<Value> = (0..BATCH_RECORDS)
            .map(|place| {
                let key = (batch * BATCH_RECORDS + place) % KEYS;
                let data = data_of(next_of_key[key]);
                next_of_key[key] += 1;
                json!({"PartitionKey": key.to_string(), "Data": data})
            })
            .collect();
        let request = json!({"StreamName": "meters", "Records": records}).to_string();
        let put = client.call("PutRecords", &request).await;
        assert_eq!(put.json()["FailedRecordCount"], 0, "{put:?}");
        if batch == BATCHES / 3 {
            let middle = u128::MAX / 16 * 7;
            let split = json!({
                "StreamName": "meters", "ShardToSplit": "3", "NewStartingHashKey": middle.to_string(),
            });
            let split = client.call("SplitShard", &split.to_string()).await;
            assert_eq!(split.status, 200, "{split:?}");
        }
        if batch == BATCHES * 2 / 3 {
            let merge = json!({
                "StreamName": "meters", "ShardToMerge": "5", "AdjacentShardToMerge": "6",
            });
            let merge = client.call("MergeShards", &merge.to_string()).await;
            assert_eq!(merge.status, 200, "{merge:?}");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_subscribers_see_every_record_once_over_a_split_and_a_merge() {
    let folder = tempfile::tempdir().unwrap();
    let server = TestServer::with(|settings| {
        settings.engine = EngineKind::Local;
        settings.data_dir = folder.path().join("data");
    })
    .await;
    let server = Arc::new(server);
    let mut client = server.client().await;
    create(&mut client, SHARDS).await;
    let mut consumers = Vec::new();
    for name in ["one", "two", "slow"] {
        consumers.push(register(&mut client, name).await);
    }
    let http2 = Arc::new(Http2::connect(&server).await);
    // The one that does not keep up has its streams on the first one's connection.
    let mut unread = Vec::new();
    for shard in 0..SHARDS {
        let latest = json!({"Type": "LATEST"});
        let request = subscribe_request(&consumers[2], &shard.to_string(), &latest);
        unread.push(Events::http2_unread(&http2, &request).await);
    }
    let one = read_all(
        Arc::clone(&server),
        Way::Http2(Arc::clone(&http2)),
        consumers[0].clone(),
    );
    let two = read_all(Arc::clone(&server), Way::Http1, consumers[1].clone());
    let readers = [tokio::spawn(one), tokio::spawn(two)];
    write_all(&mut client).await;
    for reader in readers {
        let ended = tokio::time::timeout(PATIENCE, reader)
            .await
            .unwrap()
            .unwrap();
        let expected = [3, 5, 6].map(|shard| format!("shardId-{shard:012}"));
        assert!(ended.iter().eq(&expected), "{ended:?}");
    }
    drop(unread);
    let server = Arc::into_inner(server).expect("readers are gone");
    server.stop_cleanly().await;
}
