//! Polling and enhanced fan-out on the real server: every record comes, over a split, over a stream that is deleted and
//! created again, and over a fan-out consumer that somebody takes away.

use std::collections::BTreeSet;
use std::time::Duration;

use aws_sdk_kinesis::Client;
use aws_sdk_kinesis::config::{BehaviorVersion, Credentials, Region};
use aws_sdk_kinesis::primitives::Blob;
use millstream_consumer::testing::MemoryLeaseTable;
use millstream_consumer::{Consumer, ConsumerBuilder, Settings};
use tokio::sync::mpsc;

use crate::start_server;

const STREAM: &str = "read";
const FAN_OUT: &str = "reader";
/// The machine may be slow; nothing here waits for it when all is well.
const DEADLINE: Duration = Duration::from_secs(90);

pub(crate) fn client(endpoint: &str) -> Client {
    let config = aws_sdk_kinesis::Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .http_client(aws_smithy_http_client::Builder::new().build_http())
        .endpoint_url(endpoint)
        .region(Region::new("us-east-1"))
        .credentials_provider(Credentials::new("test", "test", None, None, "test"))
        .build();
    Client::from_conf(config)
}

async fn create(client: &Client) {
    let create = client.create_stream().stream_name(STREAM).shard_count(2);
    create.send().await.unwrap();
}

async fn put(client: &Client, round: &str) -> BTreeSet<String> {
    let texts: BTreeSet<String> = (0..20).map(|index| format!("{round}-{index}")).collect();
    for text in &texts {
        let put = client.put_record().stream_name(STREAM).partition_key(text);
        put.data(Blob::new(text.as_bytes())).send().await.unwrap();
    }
    texts
}

/// Waits until all of these have come.
async fn expect(mut texts: BTreeSet<String>, came: &mut mpsc::Receiver<String>) {
    let all = async {
        while !texts.is_empty() {
            texts.remove(&came.recv().await.expect("the consumer runs"));
        }
    };
    let in_time = tokio::time::timeout(DEADLINE, all).await;
    assert!(in_time.is_ok(), "{texts:?} did not come");
}

async fn reads_everything(client: &Client, builder: ConsumerBuilder, fans_out: bool) {
    let (tell, mut came) = mpsc::channel(64);
    let settings = Settings::new()
        .failover_time(Duration::from_secs(3))
        .shard_sync_interval(Duration::from_millis(500))
        .poll_interval(Duration::from_millis(200));
    let consumer = builder
        .lease_table(MemoryLeaseTable::default())
        .settings(settings)
        .build()
        .unwrap();
    let run = consumer.for_each(move |record| {
        let text = String::from_utf8(record.data.to_vec()).unwrap();
        let tell = tell.clone();
        async move { Ok(tell.send(text).await?) }
    });
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let run = tokio::spawn(run.until(stopped).into_future());

    expect(put(client, "first").await, &mut came).await;
    let split = client.split_shard().stream_name(STREAM);
    split
        .shard_to_split("shardId-000000000000")
        .new_starting_hash_key((1_u128 << 126).to_string())
        .send()
        .await
        .unwrap();
    expect(put(client, "after the split").await, &mut came).await;
    if fans_out {
        deregister(client).await;
        expect(put(client, "after the consumer went").await, &mut came).await;
    }
    let delete = client.delete_stream().stream_name(STREAM);
    delete.enforce_consumer_deletion(true).send().await.unwrap();
    create(client).await;
    expect(put(client, "of the new stream").await, &mut came).await;
    stop.send(()).unwrap();
    run.await.unwrap().unwrap();
}

async fn deregister(client: &Client) {
    let summary = client.describe_stream_summary().stream_name(STREAM);
    let summary = summary.send().await.unwrap().stream_description_summary;
    let consumer = client.deregister_stream_consumer();
    let consumer = consumer.stream_arn(summary.unwrap().stream_arn);
    consumer.consumer_name(FAN_OUT).send().await.unwrap();
}

#[tokio::test]
async fn polling_reads_everything() {
    let folder = tempfile::tempdir().unwrap();
    let server = start_server(&folder);
    let client = client(&server.endpoint());
    create(&client).await;
    let builder = Consumer::builder("reading", STREAM).kinesis(client.clone());
    reads_everything(&client, builder, false).await;
}

#[tokio::test]
async fn fan_out_reads_everything() {
    let folder = tempfile::tempdir().unwrap();
    let server = start_server(&folder);
    let client = client(&server.endpoint());
    create(&client).await;
    let builder = Consumer::builder("reading", STREAM).kinesis(client.clone());
    reads_everything(&client, builder.fan_out(FAN_OUT), true).await;
}
