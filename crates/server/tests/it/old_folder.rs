//! A data folder that an earlier version wrote: every later version opens it, and reads everything.
//!
//! `MILLSTREAM_WRITE_FROZEN=<folder>` writes such a folder anew, `data`, and beside it `everything.json`, what it answers
//! to every question. Those in `tests/frozen` are never changed; a version that writes another form adds its own:
//! `tar --sort=name --exclude=./room --exclude=./lock -czf vX.tar.gz -C <folder>/data .`

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;

use millstream_log::contract::ManualClock;
use millstream_server::EngineKind;
use millstream_types::TimestampMs;
use serde_json::{Map, Value, json};

use crate::client::Client;
use crate::test_server::TestServer;

/// 2026-11-28 22:00:00 UTC.
const WRITTEN: TimestampMs = TimestampMs(1_795_903_200_000);
const HOUR_MS: i64 = 3_600_000;

async fn serve(data: &Path, clock: &Arc<ManualClock>) -> TestServer {
    let data = data.to_owned();
    TestServer::at(Arc::clone(clock) as _, |settings| {
        settings.engine = EngineKind::Local;
        settings.data_dir = data;
    })
    .await
}

async fn ok(client: &mut Client, operation: &str, request: Value) -> Value {
    let answer = client.call(operation, &request.to_string()).await;
    assert_eq!(answer.status, 200, "{operation} {answer:?}");
    match answer.body.is_empty() {
        true => Value::Null,
        false => answer.json(),
    }
}

async fn table(client: &mut Client, operation: &str, request: Value) -> Value {
    let answer = client.tables(operation, &request).await;
    assert_eq!(answer.status, 200, "{operation} {answer:?}");
    answer.json()
}

/// A text that is base64 as it stands.
fn data(name: &str, number: u64) -> String {
    let mut text = format!("{name}{number}").replace(' ', "+");
    while !text.len().is_multiple_of(4) {
        text.push('A');
    }
    text
}

async fn put(client: &mut Client, stream: &str, name: &str) {
    let records: Vec<Value> = (0..12)
        .map(|number| json!({"PartitionKey": format!("key-{number}"), "Data": data(name, number)}))
        .collect();
    let put = json!({"StreamName": stream, "Records": records});
    let answer = ok(client, "PutRecords", put).await;
    assert_eq!(answer["FailedRecordCount"], 0);
}

async fn open_shards(client: &mut Client, stream: &str) -> Vec<Value> {
    let shards = ok(client, "ListShards", json!({"StreamName": stream})).await;
    let shards = shards["Shards"].as_array().unwrap().iter();
    let is_open = |shard: &&Value| shard["SequenceNumberRange"]["EndingSequenceNumber"].is_null();
    shards.filter(is_open).cloned().collect()
}

/// One of everything that a folder holds.
async fn write(folder: &Path) {
    let clock = Arc::new(ManualClock::new(WRITTEN));
    let server = serve(&folder.join("data"), &clock).await;
    let mut client = server.client().await;
    let client = &mut client;
    for (stream, shards) in [("orders", 2), ("clicks", 3)] {
        let create = json!({"StreamName": stream, "ShardCount": shards, "Tags": {"team": stream}});
        ok(client, "CreateStream", create).await;
        put(client, stream, "first").await;
        clock.step_ms(2000);
    }
    let demand = json!({"StreamName": "events", "StreamModeDetails": {"StreamMode": "ON_DEMAND"}});
    ok(client, "CreateStream", demand).await;
    put(client, "events", "on demand").await;
    // A child that is split again, and two that become one.
    for stream in ["orders", "orders", "clicks"] {
        let shards = open_shards(client, stream).await;
        let range = &shards[0]["HashKeyRange"];
        let key = |name: &str| range[name].as_str().unwrap().parse::<u128>().unwrap();
        let (start, end) = (key("StartingHashKey"), key("EndingHashKey"));
        let middle = (start + (end - start) / 2).to_string();
        let split = json!({"StreamName": stream, "ShardToSplit": shards[0]["ShardId"],
            "NewStartingHashKey": middle});
        ok(client, "SplitShard", split).await;
        clock.step_ms(2000);
        put(client, stream, "behind a split").await;
    }
    let mut shards = open_shards(client, "clicks").await;
    let start = |shard: &Value| -> u128 {
        let key = shard["HashKeyRange"]["StartingHashKey"].as_str();
        key.unwrap().parse().unwrap()
    };
    shards.sort_by_key(start);
    let merge = json!({"StreamName": "clicks", "ShardToMerge": shards[0]["ShardId"],
        "AdjacentShardToMerge": shards[1]["ShardId"]});
    ok(client, "MergeShards", merge).await;
    clock.step_ms(2000);
    put(client, "clicks", "behind a merge").await;

    let retention = json!({"StreamName": "orders", "RetentionPeriodHours": 48});
    ok(client, "IncreaseStreamRetentionPeriod", retention).await;
    let encryption =
        json!({"StreamName": "orders", "EncryptionType": "KMS", "KeyId": "alias/aws/kinesis"});
    ok(client, "StartStreamEncryption", encryption).await;
    put(client, "orders", "under encryption").await;
    let monitoring =
        json!({"StreamName": "orders", "ShardLevelMetrics": ["IncomingBytes", "OutgoingRecords"]});
    ok(client, "EnableEnhancedMonitoring", monitoring).await;
    let arn = "arn:aws:kinesis:eu-west-1:000000000000:stream/orders";
    for consumer in ["billing", "audit"] {
        let register = json!({"StreamARN": arn, "ConsumerName": consumer});
        ok(client, "RegisterStreamConsumer", register).await;
        clock.step_ms(2000);
    }
    let policy = json!({"Version": "2012-10-17", "Statement": [{"Effect": "Allow",
        "Principal": {"AWS": "111122223333"}, "Action": ["kinesis:PutRecord"], "Resource": arn}]});
    let policy = json!({"ResourceARN": arn, "Policy": policy.to_string()});
    ok(client, "PutResourcePolicy", policy).await;
    ok(
        client,
        "CreateStream",
        json!({"StreamName": "gone", "ShardCount": 1}),
    )
    .await;
    put(client, "gone", "gone").await;
    ok(client, "DeleteStream", json!({"StreamName": "gone"})).await;

    let leases = json!({"TableName": "leases", "BillingMode": "PAY_PER_REQUEST",
        "AttributeDefinitions": [{"AttributeName": "leaseKey", "AttributeType": "S"}],
        "KeySchema": [{"AttributeName": "leaseKey", "KeyType": "HASH"}]});
    table(client, "CreateTable", leases).await;
    for number in 0..4 {
        let item = json!({"leaseKey": {"S": format!("shardId-{number:012}")},
            "checkpoint": {"S": "TRIM_HORIZON"}, "leaseCounter": {"N": number.to_string()}});
        table(
            client,
            "PutItem",
            json!({"TableName": "leases", "Item": item}),
        )
        .await;
    }
    let found = everything(client).await;
    let text = serde_json::to_string_pretty(&found).unwrap() + "\n";
    fs::write(folder.join("everything.json"), text).unwrap();
    server.stop_cleanly().await;
}

/// What the folder answers, whenever it is asked.
async fn everything(client: &mut Client) -> Value {
    let mut found = Map::new();
    let streams = ok(client, "ListStreams", json!({})).await;
    for name in streams["StreamNames"].as_array().unwrap() {
        let named = || json!({"StreamName": name});
        let summary = ok(client, "DescribeStreamSummary", named()).await;
        let summary = &summary["StreamDescriptionSummary"];
        let by_arn = || json!({"StreamARN": summary["StreamARN"]});
        let shards = ok(client, "ListShards", named()).await;
        let mut records = Map::new();
        for shard in shards["Shards"].as_array().unwrap() {
            let shard = shard["ShardId"].as_str().unwrap();
            records.insert(shard.to_owned(), read(client, name, shard).await);
        }
        let policy = json!({"ResourceARN": summary["StreamARN"]});
        let of_stream = json!({
            "summary": summary,
            "shards": shards["Shards"],
            "records": records,
            "tags": ok(client, "ListTagsForStream", named()).await["Tags"],
            "consumers": ok(client, "ListStreamConsumers", by_arn()).await["Consumers"],
            "policy": ok(client, "GetResourcePolicy", policy).await["Policy"],
        });
        found.insert(name.as_str().unwrap().to_owned(), of_stream);
    }
    let scan = table(client, "Scan", json!({"TableName": "leases"})).await;
    let mut items = scan["Items"].as_array().unwrap().clone();
    items.sort_by_key(|item| item["leaseKey"]["S"].to_string());
    json!({
        "streams": found,
        "tables": table(client, "ListTables", json!({})).await["TableNames"],
        "leases": items,
    })
}

async fn read(client: &mut Client, stream: &Value, shard: &str) -> Value {
    let first = json!({"StreamName": stream, "ShardId": shard,
        "ShardIteratorType": "TRIM_HORIZON"});
    let first = ok(client, "GetShardIterator", first).await;
    let mut next = first["ShardIterator"].clone();
    let mut records = Vec::new();
    while !next.is_null() {
        let answer = ok(client, "GetRecords", json!({"ShardIterator": next})).await;
        let page = answer["Records"].as_array().unwrap();
        if page.is_empty() && answer["MillisBehindLatest"] == 0 {
            break;
        }
        records.extend(page.iter().cloned());
        next = answer["NextShardIterator"].clone();
    }
    Value::Array(records)
}

#[tokio::test]
async fn a_data_folder_of_version_0_1_is_opened_and_everything_in_it_read() {
    if let Ok(folder) = std::env::var("MILLSTREAM_WRITE_FROZEN") {
        write(Path::new(&folder)).await;
    }
    let frozen = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/frozen");
    let folder = tempfile::tempdir().unwrap();
    let mut unpack = Command::new("tar");
    unpack.arg("-xzf").arg(frozen.join("v0.1.tar.gz"));
    let unpacked = unpack.arg("-C").arg(folder.path()).status().unwrap();
    assert!(unpacked.success());
    let expected = fs::read(frozen.join("v0.1.json")).unwrap();
    let mut expected: Value = serde_json::from_slice(&expected).unwrap();
    let verified =
        millstream_server::DataFolder::read(folder.path(), None, &mut |_, _| ()).unwrap();
    assert!(verified.is_sound(), "{:?}", verified.report());
    drop(verified);

    let clock = Arc::new(ManualClock::new(WRITTEN));
    clock.step_ms(HOUR_MS);
    for round in 0..2 {
        let server = serve(folder.path(), &clock).await;
        let mut client = server.client().await;
        let found = everything(&mut client).await;
        assert_eq!(found, expected, "start {round}");
        // What is new stands behind what is old.
        put(&mut client, "clicks", "of a later version").await;
        let grown = everything(&mut client).await;
        let records = |found: &Value| -> usize {
            let shards = found["streams"]["clicks"]["records"].as_object().unwrap();
            shards
                .values()
                .map(|records| records.as_array().unwrap().len())
                .sum()
        };
        assert_eq!(records(&grown), records(&expected) + 12);
        for (shard, before) in expected["streams"]["clicks"]["records"]
            .as_object()
            .unwrap()
        {
            let after = grown["streams"]["clicks"]["records"][shard]
                .as_array()
                .unwrap();
            assert!(after.starts_with(before.as_array().unwrap()), "{shard}");
        }
        expected = grown;
        server.stop_cleanly().await;
    }
}
