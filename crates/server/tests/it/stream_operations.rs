//! Every operation on a stream through the port: how the stream is named, and records of the largest size.

use millstream_wire::{OPERATIONS_NOT_SERVED, Value, cbor};
use serde_json::{Map, json};

use crate::client::{AUTHORIZATION, Answer, Client};
use crate::test_server::TestServer;

const ARN: &str = "arn:aws:kinesis:eu-west-1:000000000000:stream/meters";
const STREAM_ID: &str = "abcdefghij0123456789-abc";
/// Key and data together make the largest record that there is; in base64, the data end without padding.
const LARGEST_DATA_BYTES: usize = 10 * 1024 * 1024 - 1;

/// Operations that take a name, an ARN or both; what else they need, and the error that comes of it, if any.
const BY_NAME_OR_ARN: [(&str, &str, &str); 22] = [
    ("AddTagsToStream", r#"{"Tags":{"a":"b"}}"#, ""),
    (
        "DecreaseStreamRetentionPeriod",
        r#"{"RetentionPeriodHours":24}"#,
        "",
    ),
    ("DescribeStream", "{}", ""),
    ("DescribeStreamSummary", "{}", ""),
    (
        "DisableEnhancedMonitoring",
        r#"{"ShardLevelMetrics":["ALL"]}"#,
        "",
    ),
    (
        "EnableEnhancedMonitoring",
        r#"{"ShardLevelMetrics":["ALL"]}"#,
        "",
    ),
    (
        "GetShardIterator",
        r#"{"ShardId":"0","ShardIteratorType":"LATEST"}"#,
        "",
    ),
    (
        "IncreaseStreamRetentionPeriod",
        r#"{"RetentionPeriodHours":24}"#,
        "",
    ),
    ("ListTagsForStream", "{}", ""),
    ("PutRecord", r#"{"PartitionKey":"k","Data":""}"#, ""),
    (
        "PutRecords",
        r#"{"Records":[{"PartitionKey":"k","Data":""}]}"#,
        "",
    ),
    ("RemoveTagsFromStream", r#"{"TagKeys":["a"]}"#, ""),
    (
        "StartStreamEncryption",
        r#"{"EncryptionType":"KMS","KeyId":"alias/a"}"#,
        "",
    ),
    (
        "StopStreamEncryption",
        r#"{"EncryptionType":"KMS","KeyId":"alias/a"}"#,
        "",
    ),
    (
        "UpdateStreamWarmThroughput",
        r#"{"WarmThroughputMiBps":4}"#,
        "",
    ),
    // On-demand streams are not split, and these shards are none; both are said of a stream that was found.
    (
        "MergeShards",
        r#"{"ShardToMerge":"0","AdjacentShardToMerge":"1"}"#,
        "ValidationException",
    ),
    (
        "SplitShard",
        r#"{"ShardToSplit":"0","NewStartingHashKey":"5"}"#,
        "ValidationException",
    ),
    (
        "SplitShard",
        r#"{"ShardToSplit":"x","NewStartingHashKey":"5"}"#,
        "ResourceNotFoundException",
    ),
    (
        "GetShardIterator",
        r#"{"ShardId":"9","ShardIteratorType":"LATEST"}"#,
        "ResourceNotFoundException",
    ),
    ("PutRecord", r#"{"Data":""}"#, "ValidationException"),
    (
        "PutRecords",
        r#"{"Records":[{"Data":""}]}"#,
        "ValidationException",
    ),
    (
        "StartStreamEncryption",
        r#"{"EncryptionType":"NONE","KeyId":"alias/a"}"#,
        "InvalidArgumentException",
    ),
];

/// Operations that take an ARN only, with its member's name.
const BY_ARN: [(&str, &str, &str); 6] = [
    ("ListTagsForResource", "ResourceARN", "{}"),
    ("TagResource", "ResourceARN", r#"{"Tags":{"a":"b"}}"#),
    ("UntagResource", "ResourceARN", r#"{"TagKeys":["a"]}"#),
    (
        "UpdateMaxRecordSize",
        "StreamARN",
        r#"{"MaxRecordSizeInKiB":1024}"#,
    ),
    (
        "UpdateStreamMode",
        "StreamARN",
        r#"{"StreamModeDetails":{"StreamMode":"ON_DEMAND"}}"#,
    ),
    (
        "UpdateStreamRecordDistributionStrategy",
        "StreamARN",
        r#"{"RecordDistributionStrategy":"USER_PARTITION_KEY"}"#,
    ),
];

type Members = Map<String, serde_json::Value>;

fn members(text: &str) -> Members {
    serde_json::from_str(text).unwrap()
}

/// The members `naming`, with and without a StreamId, and those of `rest`.
fn bodies(naming: &[(&str, &str)], rest: &str) -> Vec<String> {
    let mut body = members(rest);
    body.extend(
        naming
            .iter()
            .map(|(name, value)| ((*name).to_owned(), json!(value))),
    );
    let plain = json!(body).to_string();
    body.insert("StreamId".to_owned(), json!(STREAM_ID));
    vec![plain, json!(body).to_string()]
}

fn check(answer: &Answer, error: &str, what: &str) {
    if error.is_empty() {
        assert_eq!(answer.status, 200, "{what}: {answer:?}");
    } else {
        assert_eq!(
            (answer.status, &*answer.error()),
            (400, error),
            "{what}: {answer:?}"
        );
    }
}

async fn call(client: &mut Client, operation: &str, body: &str, error: &str) -> Answer {
    let answer = client.call(operation, body).await;
    check(&answer, error, &format!("{operation} {body}"));
    answer
}

/// A server with an on-demand stream of an account that may have warm throughput.
async fn server_with_stream() -> (TestServer, Client) {
    let server = TestServer::start().await;
    let mut client = server.client().await;
    let commit = r#"{"MinimumThroughputBillingCommitment":{"Status":"ENABLED"}}"#;
    call(&mut client, "UpdateAccountSettings", commit, "").await;
    call(
        &mut client,
        "CreateStream",
        r#"{"StreamName":"meters"}"#,
        "",
    )
    .await;
    (server, client)
}

#[tokio::test]
async fn a_stream_is_named_by_name_by_arn_or_by_both_and_a_stream_id_says_nothing() {
    let (server, mut client) = server_with_stream().await;
    for (operation, rest, error) in BY_NAME_OR_ARN {
        let (name, arn) = (("StreamName", "meters"), ("StreamARN", ARN));
        for naming in [&[name][..], &[arn], &[name, arn]] {
            for body in bodies(naming, rest) {
                call(&mut client, operation, &body, error).await;
            }
        }
        for body in bodies(&[], rest) {
            let refused = call(&mut client, operation, &body, "InvalidArgumentException").await;
            let text = "Either StreamName or StreamARN should be provided.";
            assert_eq!(refused.json()["message"], text, "{operation}");
        }
        let differing = [("StreamName", "other"), arn];
        for body in bodies(&differing, rest) {
            let refused = call(&mut client, operation, &body, "InvalidArgumentException").await;
            let text =
                format!("StreamName other and StreamARN {ARN} do not refer to the same stream.");
            assert_eq!(refused.json()["message"], text, "{operation}");
        }
        let mut body = members(rest);
        body.extend(members(r#"{"StreamName":"meters","StreamId":"short"}"#));
        call(
            &mut client,
            operation,
            &json!(body).to_string(),
            "ValidationException",
        )
        .await;
    }
    // These say more than others about what is missing, or end the stream.
    for naming in [&[("StreamName", "meters")][..], &[("StreamARN", ARN)]] {
        for body in bodies(naming, "{}") {
            call(&mut client, "ListShards", &body, "").await;
        }
    }
    for body in bodies(&[("StreamName", "meters"), ("StreamARN", ARN)], "{}") {
        call(&mut client, "ListShards", &body, "").await;
        call(&mut client, "DeleteStream", &body, "").await;
        call(
            &mut client,
            "CreateStream",
            r#"{"StreamName":"meters"}"#,
            "",
        )
        .await;
    }
    server.stop_cleanly().await;
}

#[tokio::test]
async fn some_operations_take_an_arn_only() {
    let (server, mut client) = server_with_stream().await;
    for (operation, member, rest) in BY_ARN {
        for body in bodies(&[(member, ARN)], rest) {
            call(&mut client, operation, &body, "").await;
        }
        let missing = ARN.replace("meters", "nope");
        for body in bodies(&[(member, &missing)], rest) {
            let refused = call(&mut client, operation, &body, "ResourceNotFoundException").await;
            let text = "Stream nope under account 000000000000 not found.";
            assert_eq!(refused.json()["message"], text, "{operation}");
        }
        // A name is not theirs to take: unknown members are passed over.
        let error = match operation {
            "UpdateMaxRecordSize" => "InvalidArgumentException",
            _ => "ValidationException",
        };
        for body in bodies(&[("StreamName", "meters")], rest) {
            call(&mut client, operation, &body, error).await;
        }
    }
    server.stop_cleanly().await;
}

#[tokio::test]
async fn answers_have_the_members_of_the_model() {
    let (server, mut client) = server_with_stream().await;
    let by_name = r#"{"StreamName":"meters"}"#;
    let throughput = json!({"StreamName": "meters", "WarmThroughputMiBps": 9}).to_string();
    let answer = call(&mut client, "UpdateStreamWarmThroughput", &throughput, "").await;
    let warm = |current: u32| json!({"TargetMiBps": 9, "CurrentMiBps": current});
    let expected = json!({"StreamName": "meters", "StreamARN": ARN, "WarmThroughput": warm(4)});
    assert_eq!(answer.json(), expected);
    let summary = call(&mut client, "DescribeStreamSummary", by_name, "")
        .await
        .json();
    let mut summary = summary["StreamDescriptionSummary"].clone();
    assert!(summary["StreamCreationTimestamp"].take().is_number());
    let expected = json!({
        "StreamName": "meters", "StreamARN": ARN, "StreamStatus": "ACTIVE",
        "StreamModeDetails": {"StreamMode": "ON_DEMAND"}, "RetentionPeriodHours": 24,
        "StreamCreationTimestamp": null, "EnhancedMonitoring": [{"ShardLevelMetrics": []}],
        "EncryptionType": "NONE", "OpenShardCount": 9, "ConsumerCount": 0, "MaxRecordSizeInKiB": 1024,
        "WarmThroughput": warm(9), "RecordDistributionStrategy": "USER_PARTITION_KEY",
    });
    assert_eq!(summary, expected);
    let enable = r#"{"StreamName":"meters","ShardLevelMetrics":["OutgoingBytes"]}"#;
    let answer = call(&mut client, "EnableEnhancedMonitoring", enable, "").await;
    let expected = json!({
        "StreamName": "meters", "StreamARN": ARN, "CurrentShardLevelMetrics": [],
        "DesiredShardLevelMetrics": ["OutgoingBytes"],
    });
    assert_eq!(answer.json(), expected);
    let tag = r#"{"StreamName":"meters","Tags":{"team":"grid"}}"#;
    assert!(
        call(&mut client, "AddTagsToStream", tag, "")
            .await
            .body
            .is_empty()
    );
    let listed = call(&mut client, "ListTagsForStream", by_name, "").await;
    let tags = json!([{"Key": "team", "Value": "grid"}]);
    assert_eq!(listed.json(), json!({"Tags": tags, "HasMoreTags": false}));
    let by_arn = json!({"ResourceARN": ARN}).to_string();
    let listed = call(&mut client, "ListTagsForResource", &by_arn, "").await;
    assert_eq!(listed.json(), json!({"Tags": tags}));
    let limits = call(&mut client, "DescribeLimits", "{}", "").await;
    let expected = json!({
        "ShardLimit": 1_000_000, "OpenShardCount": 0, "OnDemandStreamCount": 1,
        "OnDemandStreamCountLimit": 1_000_000,
    });
    assert_eq!(limits.json(), expected);
    let settings = call(&mut client, "DescribeAccountSettings", "{}", "")
        .await
        .json();
    let commitment = settings["MinimumThroughputBillingCommitment"]
        .as_object()
        .unwrap();
    assert_eq!(commitment["Status"], "ENABLED");
    let (start, end) = (
        &commitment["StartedAt"],
        &commitment["EarliestAllowedEndAt"],
    );
    let lasts_s = end.as_f64().unwrap() - start.as_f64().unwrap();
    assert!((lasts_s - 86_400.0).abs() < 0.001, "{commitment:?}");
    assert_eq!(commitment.len(), 3);
    server.stop_cleanly().await;
}

#[tokio::test]
async fn a_record_without_a_key_has_none_when_it_is_read() {
    let (server, mut client) = server_with_stream().await;
    let auto = json!({"StreamARN": ARN, "RecordDistributionStrategy": "AUTO"}).to_string();
    call(
        &mut client,
        "UpdateStreamRecordDistributionStrategy",
        &auto,
        "",
    )
    .await;
    let put = r#"{"StreamName":"meters","Data":"aGVsbG8="}"#;
    let put = call(&mut client, "PutRecord", put, "").await.json();
    let got = read_first(&mut client, put["ShardId"].as_str().unwrap())
        .await
        .json();
    let record = got["Records"][0].as_object().unwrap();
    assert_eq!(record["Data"], "aGVsbG8=");
    assert_eq!(record.get("PartitionKey"), None);
    server.stop_cleanly().await;
}

#[tokio::test]
async fn operations_on_queues_and_channels_are_unknown() {
    let server = TestServer::start().await;
    let mut client = server.client().await;
    assert!(OPERATIONS_NOT_SERVED.contains(&"CreateQueue"));
    for operation in OPERATIONS_NOT_SERVED {
        call(&mut client, operation, "{}", "UnknownOperationException").await;
    }
    server.stop_cleanly().await;
}

async fn read_first(client: &mut Client, shard: &str) -> Answer {
    let request = json!({
        "StreamName": "meters", "ShardId": shard, "ShardIteratorType": "TRIM_HORIZON",
    });
    let answer = call(client, "GetShardIterator", &request.to_string(), "").await;
    let request = json!({"ShardIterator": answer.json()["ShardIterator"], "Limit": 1});
    call(client, "GetRecords", &request.to_string(), "").await
}

async fn create_with_large_records(client: &mut Client) {
    call(
        client,
        "CreateStream",
        r#"{"StreamName":"meters","ShardCount":1}"#,
        "",
    )
    .await;
    let larger = json!({"StreamARN": ARN, "MaxRecordSizeInKiB": 10_240}).to_string();
    call(client, "UpdateMaxRecordSize", &larger, "").await;
}

#[tokio::test]
async fn the_largest_record_goes_through_as_json() {
    let server = TestServer::start().await;
    let mut client = server.client().await;
    create_with_large_records(&mut client).await;
    let data = "A".repeat(LARGEST_DATA_BYTES / 3 * 4);
    let record = format!(r#""PartitionKey":"k","Data":"{data}""#);
    let put = format!(r#"{{"StreamName":"meters",{record}}}"#);
    let put = client.call("PutRecord", &put).await;
    assert_eq!(put.status, 200, "{}", put.text());
    let put = format!(r#"{{"StreamName":"meters","Records":[{{{record}}}]}}"#);
    let put = client.call("PutRecords", &put).await;
    assert_eq!(
        (put.status, &put.json()["FailedRecordCount"]),
        (200, &json!(0))
    );
    let got = read_first(&mut client, "0").await.json();
    assert!(
        got["Records"][0]["Data"] == data.as_str(),
        "the data are as they were put"
    );
    // One byte more is too much: in the key, and in the data.
    for record in [
        format!(r#""PartitionKey":"kk","Data":"{data}""#),
        format!(r#""PartitionKey":"k","Data":"{data}AA==""#),
    ] {
        let put = format!(r#"{{"StreamName":"meters",{record}}}"#);
        let refused = client.call("PutRecord", &put).await;
        assert_eq!(refused.error(), "ValidationException");
        let text = "1 validation error detected: Value at 'data' failed to satisfy constraint: Member must have length \
                    less than or equal to 10485760";
        assert_eq!(refused.json()["message"], text);
    }
    server.stop_cleanly().await;
}

#[tokio::test]
async fn the_largest_record_goes_through_as_cbor() {
    let server = TestServer::start().await;
    let mut client = server.client().await;
    create_with_large_records(&mut client).await;
    let data: Vec<u8> = (0..LARGEST_DATA_BYTES)
        .map(|at| at.to_le_bytes()[at % 3])
        .collect();
    let length = u32::try_from(data.len()).unwrap().to_be_bytes();
    let record = [b"\x6cPartitionKey\x61k\x64Data\x5a", &length[..], &data].concat();
    let put = [b"\xa3\x6aStreamName\x66meters", &record[..]].concat();
    let put = call_cbor(&mut client, "PutRecord", &put).await;
    assert_eq!(put.status, 200, "{}", put.text());
    let put = [
        b"\xa2\x6aStreamName\x66meters\x67Records\x81\xa2",
        &record[..],
    ]
    .concat();
    let put = call_cbor(&mut client, "PutRecords", &put).await;
    assert_eq!(put.status, 200, "{}", put.text());
    let request =
        b"\xa3\x6aStreamName\x66meters\x67ShardId\x610\x71ShardIteratorType\x6cTRIM_HORIZON";
    let answer = call_cbor(&mut client, "GetShardIterator", request).await;
    let answer = cbor::parse(&answer.body).unwrap();
    let Some(Value::Text(iterator)) = answer.get("ShardIterator") else {
        panic!("no iterator: {answer:?}");
    };
    let length = u16::try_from(iterator.len()).unwrap().to_be_bytes();
    let request = [
        b"\xa2\x6dShardIterator\x79",
        &length[..],
        iterator.as_bytes(),
        b"\x65Limit\x01",
    ];
    let got = call_cbor(&mut client, "GetRecords", &request.concat()).await;
    let got = cbor::parse(&got.body).unwrap();
    let Some(Value::List(records)) = got.get("Records") else {
        panic!("no records");
    };
    let Some(Value::Bytes(read)) = records[0].get("Data") else {
        panic!("no data");
    };
    assert!(**read == *data, "the data are as they were put");
    server.stop_cleanly().await;
}

async fn call_cbor(client: &mut Client, operation: &str, body: &[u8]) -> Answer {
    let target = format!("Kinesis_20131202.{operation}");
    let headers = [
        ("x-amz-target", &*target),
        ("content-type", "application/x-amz-cbor-1.1"),
        ("authorization", AUTHORIZATION),
        ("x-amz-date", "20261123T120000Z"),
    ];
    client.post(&headers, body).await
}
