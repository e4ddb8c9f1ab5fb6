//! Two streams of the real server in one application: their leases stand side by side in one table, as the KCL has them.

use std::collections::{BTreeSet, HashMap};
use std::time::Duration;

use aws_sdk_kinesis::primitives::Blob;
use millstream_consumer::{Consumer, DynamoDbLeaseTable, Settings, StreamIdentifier};
use tokio::sync::mpsc;

use crate::{client, reading, start_server};

const TABLE: &str = "ledger";
/// The machine may be slow; nothing here waits for it when all is well.
const DEADLINE: Duration = Duration::from_secs(90);

#[tokio::test]
async fn two_streams_share_a_table_of_leases() {
    let folder = tempfile::tempdir().unwrap();
    let server = start_server(&folder);
    let kinesis = reading::client(&server.endpoint());
    let dynamodb = client(&server.endpoint());
    let mut streams = Vec::new();
    for (name, shards) in [("orders", 1), ("payments", 2)] {
        let create = kinesis.create_stream().stream_name(name);
        create.shard_count(shards).send().await.unwrap();
        streams.push(StreamIdentifier::look_up(&kinesis, name).await.unwrap());
    }
    assert!(
        StreamIdentifier::look_up(&kinesis, "refunds")
            .await
            .is_err()
    );
    assert_eq!(streams[0].stream_name(), "orders");
    assert_eq!(streams[0].account_id().len(), 12);

    let (tell, mut came) = mpsc::channel(64);
    let run = Consumer::builder(TABLE, streams.clone())
        .kinesis(kinesis.clone())
        .lease_table(DynamoDbLeaseTable::new(dynamodb.clone(), TABLE))
        .settings(Settings::new().failover_time(Duration::from_secs(3)))
        .build()
        .unwrap()
        .for_each(move |record| {
            let stream = record.stream.as_ref().map(|stream| stream.stream_name());
            let text = String::from_utf8(record.data.to_vec()).unwrap();
            let told = (stream.unwrap_or_default().to_owned(), text);
            let tell = tell.clone();
            async move { Ok(tell.send(told).await?) }
        });
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let run = tokio::spawn(run.until(stopped).into_future());
    let mut expected = BTreeSet::new();
    for stream in ["orders", "payments"] {
        for number in 0..20 {
            let text = format!("{stream} {number}");
            let put = kinesis.put_record().stream_name(stream);
            let put = put.partition_key(&text).data(Blob::new(text.as_bytes()));
            put.send().await.unwrap();
            expected.insert((stream.to_owned(), text));
        }
    }
    let all = async {
        while !expected.is_empty() {
            expected.remove(&came.recv().await.expect("the consumer runs"));
        }
    };
    let in_time = tokio::time::timeout(DEADLINE, all).await;
    assert!(in_time.is_ok(), "{expected:?} did not come");
    stop.send(()).unwrap();
    run.await.unwrap().unwrap();

    let rows = dynamodb.scan().table_name(TABLE).send().await.unwrap();
    let said: BTreeSet<[String; 3]> = rows
        .items()
        .iter()
        .map(|row: &HashMap<_, _>| {
            let text = |name: &str| row[name].as_s().unwrap().clone();
            [text("leaseKey"), text("streamName"), text("shardId")]
        })
        .collect();
    let row = |stream: &StreamIdentifier, shard: u32| {
        let shard_id = format!("shardId-{shard:012}");
        [format!("{stream}:{shard_id}"), stream.to_string(), shard_id]
    };
    let wanted = [(0, 0), (1, 0), (1, 1)].map(|(stream, shard)| row(&streams[stream], shard));
    assert_eq!(said, BTreeSet::from(wanted));
}
