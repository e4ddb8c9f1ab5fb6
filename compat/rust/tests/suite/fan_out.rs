//! SubscribeToShard.

use aws_sdk_kinesis::operation::subscribe_to_shard::SubscribeToShardOutput;
use aws_sdk_kinesis::types::{
    ShardIteratorType, StartingPosition, SubscribeToShardEvent, SubscribeToShardEventStream,
};

use crate::{DEADLINE, FIRST, HALF, SECOND, Stream, THIRD, refused};

fn position(kind: ShardIteratorType) -> StartingPosition {
    StartingPosition::builder().r#type(kind).build().unwrap()
}

/// The next event, or `None` when the subscription is over.
async fn next(answer: &mut SubscribeToShardOutput) -> Option<SubscribeToShardEvent> {
    let event = tokio::time::timeout(DEADLINE, answer.event_stream.recv())
        .await
        .expect("an event comes within a minute");
    match event.unwrap()? {
        SubscribeToShardEventStream::SubscribeToShardEvent(event) => Some(event),
        other => panic!("{other:?}"),
    }
}

/// The data of the next record.
async fn record(answer: &mut SubscribeToShardOutput) -> String {
    loop {
        let event = next(answer).await.expect("the subscription goes on");
        if let [record] = &event.records[..] {
            return String::from_utf8(record.data.as_ref().to_vec()).unwrap();
        }
        assert!(event.records.is_empty(), "{event:?}");
    }
}

#[tokio::test]
async fn records_are_pushed_as_they_are_put() {
    let stream = Stream::new(1).await;
    let consumer = stream.consumer("billing").await;
    stream.put("before", "0").await;
    let subscribe = |arn: &str, shard: &str| {
        let call = stream.client.subscribe_to_shard().consumer_arn(arn);
        let from = position(ShardIteratorType::TrimHorizon);
        call.shard_id(shard).starting_position(from).send()
    };
    let mut answer = subscribe(&consumer.consumer_arn, FIRST).await.unwrap();
    assert_eq!(record(&mut answer).await, "before");
    for data in ["one", "two"] {
        stream.put(data, "0").await;
        assert_eq!(record(&mut answer).await, data);
    }
    let missing = subscribe(&consumer.consumer_arn, "shardId-000000000009").await;
    assert_eq!(
        refused(missing),
        (
            "ResourceNotFoundException".to_owned(),
            format!(
                "Shard shardId-000000000009 in stream {} under account {} does not exist",
                stream.name, stream.account
            ),
        )
    );
    drop(answer);
    stream.delete().await;
}

#[tokio::test]
async fn the_end_of_a_shard_names_its_children() {
    let stream = Stream::new(1).await;
    let consumer = stream.consumer("billing").await;
    let split = stream.client.split_shard().stream_name(&stream.name);
    let split = split.shard_to_split(FIRST).new_starting_hash_key(HALF);
    split.send().await.unwrap();
    stream.until_active().await;
    let call = stream.client.subscribe_to_shard();
    let from = position(ShardIteratorType::TrimHorizon);
    let call = call.consumer_arn(&consumer.consumer_arn).shard_id(FIRST);
    let mut answer = call.starting_position(from).send().await.unwrap();
    let mut last = None;
    while let Some(event) = next(&mut answer).await {
        last = Some(event);
    }
    let last = last.expect("the end is an event");
    let children: Vec<&str> = last
        .child_shards()
        .iter()
        .map(|child| child.shard_id())
        .collect();
    assert_eq!(children, [SECOND, THIRD]);
    stream.delete().await;
}
