//! ARNs: one that differs from a resource's own in any part names another resource.

use serde_json::{Value, json};

use crate::client::Client;
use crate::test_server::TestServer;

const ARN: &str = "arn:aws:kinesis:eu-west-1:000000000000:stream/meters";

/// The ARN, with one part of it changed.
fn others(arn: &str) -> Vec<String> {
    [
        ("arn:aws:", "arn:aws-cn:"),
        ("arn:aws:", "arn:aws-us-gov:"),
        ("eu-west-1", "eu-west-2"),
        ("000000000000", "000000000001"),
        ("stream/meters", "stream/meter"),
    ]
    .map(|(part, other)| arn.replacen(part, other, 1))
    .to_vec()
}

/// Operations that name a stream by its ARN, with what else they need.
fn on_streams() -> Vec<(&'static str, &'static str, Value)> {
    let hash_key = "170141183460469231731687303715884105728";
    vec![
        ("AddTagsToStream", "StreamARN", json!({"Tags": {"a": "b"}})),
        (
            "DecreaseStreamRetentionPeriod",
            "StreamARN",
            json!({"RetentionPeriodHours": 24}),
        ),
        ("DeleteResourcePolicy", "ResourceARN", json!({})),
        ("DescribeStream", "StreamARN", json!({})),
        (
            "DescribeStreamConsumer",
            "StreamARN",
            json!({"ConsumerName": "billing"}),
        ),
        ("DescribeStreamSummary", "StreamARN", json!({})),
        (
            "DisableEnhancedMonitoring",
            "StreamARN",
            json!({"ShardLevelMetrics": ["ALL"]}),
        ),
        (
            "EnableEnhancedMonitoring",
            "StreamARN",
            json!({"ShardLevelMetrics": ["ALL"]}),
        ),
        ("GetResourcePolicy", "ResourceARN", json!({})),
        (
            "GetShardIterator",
            "StreamARN",
            json!({"ShardId": "0", "ShardIteratorType": "LATEST"}),
        ),
        (
            "IncreaseStreamRetentionPeriod",
            "StreamARN",
            json!({"RetentionPeriodHours": 48}),
        ),
        ("ListShards", "StreamARN", json!({})),
        ("ListStreamConsumers", "StreamARN", json!({})),
        ("ListTagsForResource", "ResourceARN", json!({})),
        ("ListTagsForStream", "StreamARN", json!({})),
        (
            "PutRecord",
            "StreamARN",
            json!({"PartitionKey": "k", "Data": ""}),
        ),
        (
            "PutRecords",
            "StreamARN",
            json!({"Records": [{"PartitionKey": "k", "Data": ""}]}),
        ),
        (
            "RegisterStreamConsumer",
            "StreamARN",
            json!({"ConsumerName": "other"}),
        ),
        (
            "RemoveTagsFromStream",
            "StreamARN",
            json!({"TagKeys": ["a"]}),
        ),
        (
            "SplitShard",
            "StreamARN",
            json!({"ShardToSplit": "0", "NewStartingHashKey": hash_key}),
        ),
        ("TagResource", "ResourceARN", json!({"Tags": {"a": "b"}})),
        ("UntagResource", "ResourceARN", json!({"TagKeys": ["a"]})),
        (
            "DeregisterStreamConsumer",
            "StreamARN",
            json!({"ConsumerName": "billing"}),
        ),
        (
            "DeleteStream",
            "StreamARN",
            json!({"EnforceConsumerDeletion": true}),
        ),
    ]
}

async fn refusal(client: &mut Client, operation: &str, body: &Value) -> (u16, String) {
    let answer = client.call(operation, &body.to_string()).await;
    (answer.status, answer.error())
}

#[tokio::test]
async fn an_arn_that_differs_in_any_part_names_no_stream_and_no_consumer() {
    let server = TestServer::start().await;
    let mut client = server.client().await;
    let create = r#"{"StreamName":"meters","ShardCount":1}"#;
    assert_eq!(client.call("CreateStream", create).await.status, 200);
    let register = json!({"StreamARN": ARN, "ConsumerName": "billing"}).to_string();
    let registered = client.call("RegisterStreamConsumer", &register).await;
    let registered = registered.json()["Consumer"]["ConsumerARN"].clone();
    let consumer = registered.as_str().unwrap();

    let not_found = (400, "ResourceNotFoundException".to_owned());
    for (operation, member, mut body) in on_streams() {
        for other in others(ARN) {
            body[member] = json!(other);
            let refused = refusal(&mut client, operation, &body).await;
            assert_eq!(refused, not_found, "{operation} {other}");
        }
    }
    for (operation, member) in [
        ("DescribeStreamConsumer", "ConsumerARN"),
        ("ListTagsForResource", "ResourceARN"),
        ("GetResourcePolicy", "ResourceARN"),
        ("DeregisterStreamConsumer", "ConsumerARN"),
    ] {
        for other in others(consumer) {
            let refused = refusal(&mut client, operation, &json!({ member: other })).await;
            assert_eq!(refused, not_found, "{operation} {other}");
        }
    }
    // Where the ARN comes beside what it has to agree with, it does not agree.
    let start = json!({"StreamARN": ARN, "ShardId": "0", "ShardIteratorType": "LATEST"});
    let iterator = client.call("GetShardIterator", &start.to_string()).await;
    let iterator = iterator.json()["ShardIterator"].clone();
    let differs = (400, "InvalidArgumentException".to_owned());
    for other in others(ARN) {
        let body = json!({"StreamARN": other, "ShardIterator": iterator});
        let refused = refusal(&mut client, "GetRecords", &body).await;
        assert_eq!(refused, differs, "{other}");
        let body = json!({"StreamARN": other, "ConsumerARN": consumer});
        let refused = refusal(&mut client, "DescribeStreamConsumer", &body).await;
        assert_eq!(refused, differs, "{other}");
    }
    // Nothing was done meanwhile, and the true ARN still means the stream.
    let summary = client
        .call(
            "DescribeStreamSummary",
            &json!({ "StreamARN": ARN }).to_string(),
        )
        .await
        .json();
    let summary = &summary["StreamDescriptionSummary"];
    assert_eq!(summary["StreamARN"], ARN);
    assert_eq!(summary["ConsumerCount"], 1);
    assert_eq!(summary["OpenShardCount"], 1);
    assert_eq!(summary["RecordDistributionStrategy"], "USER_PARTITION_KEY");
    server.stop_cleanly().await;
}
