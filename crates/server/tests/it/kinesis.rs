//! Streams through the port: one life of a stream, accounts and regions, both encodings.

use serde_json::json;

use crate::client::Client;
use crate::test_server::TestServer;

async fn iterator(client: &mut Client, stream: &str) -> String {
    let request = json!({
        "StreamName": stream, "ShardId": "shardId-000000000000", "ShardIteratorType": "TRIM_HORIZON",
    });
    let answer = client.call("GetShardIterator", &request.to_string()).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    answer.json()["ShardIterator"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn what_is_put_is_got() {
    let server = TestServer::start().await;
    let mut client = server.client().await;
    let created = client
        .call("CreateStream", r#"{"StreamName":"meters","ShardCount":1}"#)
        .await;
    assert_eq!((created.status, created.body.len()), (200, 0));
    assert_eq!(created.header("content-type"), "application/x-amz-json-1.1");
    let put = client
        .call(
            "PutRecord",
            r#"{"StreamName":"meters","PartitionKey":"a","Data":"aGVsbG8="}"#,
        )
        .await;
    assert_eq!(put.status, 200, "{put:?}");
    assert_eq!(put.json()["ShardId"], "shardId-000000000000");
    let records = json!({"StreamName": "meters", "Records": [
        {"PartitionKey": "b", "Data": "d29ybGQ="}, {"PartitionKey": "c", "Data": ""},
    ]});
    let put = client.call("PutRecords", &records.to_string()).await;
    assert_eq!(put.json()["FailedRecordCount"], 0, "{put:?}");
    let mut read = Vec::new();
    let mut next = iterator(&mut client, "meters").await;
    while read.len() < 3 {
        let request = json!({"ShardIterator": next}).to_string();
        let got = client.call("GetRecords", &request).await;
        assert_eq!(got.status, 200, "{got:?}");
        let got = got.json();
        for record in got["Records"].as_array().unwrap() {
            read.push(record["Data"].as_str().unwrap().to_owned());
        }
        next = got["NextShardIterator"].as_str().unwrap().to_owned();
    }
    assert_eq!(read, ["aGVsbG8=", "d29ybGQ=", ""]);
    let summary = client
        .call("DescribeStreamSummary", r#"{"StreamName":"meters"}"#)
        .await
        .json();
    assert_eq!(
        summary["StreamDescriptionSummary"]["StreamARN"],
        "arn:aws:kinesis:eu-west-1:000000000000:stream/meters"
    );
    let deleted = client
        .call("DeleteStream", r#"{"StreamName":"meters"}"#)
        .await;
    assert_eq!(deleted.status, 200, "{deleted:?}");
    let gone = client
        .call("DescribeStream", r#"{"StreamName":"meters"}"#)
        .await;
    assert_eq!(gone.error(), "ResourceNotFoundException");
    server.stop_cleanly().await;
}

#[tokio::test]
async fn the_credential_names_the_account_and_the_region() {
    let server = TestServer::start().await;
    let mut client = server.client().await;
    let mut list = async |credential: &str, operation: &str, body: &str| {
        let authorization = format!(
            "AWS4-HMAC-SHA256 Credential={credential}/kinesis/aws4_request, SignedHeaders=host, Signature=0"
        );
        let headers = [
            ("x-amz-target", format!("Kinesis_20131202.{operation}")),
            ("content-type", "application/x-amz-json-1.1".to_owned()),
            ("authorization", authorization),
            ("x-amz-date", "20261123T120000Z".to_owned()),
        ];
        let headers: Vec<_> = headers
            .iter()
            .map(|(name, value)| (*name, value.as_str()))
            .collect();
        client.post(&headers, body.as_bytes()).await
    };
    let own = "123456789012/20261123/us-east-2";
    let created = list(
        own,
        "CreateStream",
        r#"{"StreamName":"mine","ShardCount":1}"#,
    )
    .await;
    assert_eq!(created.status, 200, "{created:?}");
    assert_eq!(
        list(own, "ListStreams", "{}").await.json()["StreamNames"],
        json!(["mine"])
    );
    for other in [
        "123456789012/20261123/us-east-1",
        "210987654321/20261123/us-east-2",
        "AKIDEXAMPLE/20261123/us-east-2",
    ] {
        assert_eq!(
            list(other, "ListStreams", "{}").await.json()["StreamNames"],
            json!([]),
            "{other}"
        );
    }
    server.stop_cleanly().await;
}

#[tokio::test]
async fn an_answer_is_written_as_its_request_was() {
    let server = TestServer::start().await;
    let mut client = server.client().await;
    let headers = [
        ("x-amz-target", "Kinesis_20131202.ListStreams"),
        ("content-type", "application/x-amz-cbor-1.1"),
        ("authorization", crate::client::AUTHORIZATION),
        ("x-amz-date", "20261123T120000Z"),
    ];
    let answer = client.post(&headers, b"\xa0").await;
    assert_eq!(answer.status, 200, "{answer:?}");
    assert_eq!(answer.header("content-type"), "application/x-amz-cbor-1.1");
    assert_eq!(
        answer.body.first(),
        Some(&0xbf),
        "a map of indefinite length"
    );
    let answer = client.post(&headers, b"\xa1\x65Limit\x61x").await;
    assert_eq!(
        (answer.status, answer.header("x-amzn-errortype")),
        (400, "SerializationException")
    );
    server.stop_cleanly().await;
}
