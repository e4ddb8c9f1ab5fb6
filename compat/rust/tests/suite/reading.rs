//! GetShardIterator and GetRecords.

use aws_sdk_kinesis::primitives::DateTime;
use aws_sdk_kinesis::types::{Record, ShardIteratorType};
use millstream_types::{SystemClock, WallClock};

use crate::{FIRST, HALF, SECOND, Stream, THIRD, refused};

fn data(records: &[Record]) -> Vec<&str> {
    records
        .iter()
        .map(|record| std::str::from_utf8(record.data.as_ref()).unwrap())
        .collect()
}

#[tokio::test]
async fn all_five_iterators() {
    let stream = Stream::new(1).await;
    let mut numbers = Vec::new();
    for text in ["0", "1", "2"] {
        numbers.push(stream.put(text, "0").await);
    }
    let latest = stream.iterator(FIRST, ShardIteratorType::Latest).await;
    let oldest = stream.iterator(FIRST, ShardIteratorType::TrimHorizon).await;
    assert_eq!(data(&stream.read(oldest, 3).await), ["0", "1", "2"]);
    let call = || {
        let call = stream.client.get_shard_iterator();
        call.stream_name(&stream.name).shard_id(FIRST)
    };
    let from = call()
        .shard_iterator_type(ShardIteratorType::AtSequenceNumber)
        .starting_sequence_number(&numbers[1]);
    let from = from.send().await.unwrap().shard_iterator.unwrap();
    assert_eq!(data(&stream.read(from, 2).await), ["1", "2"]);
    let from = call()
        .shard_iterator_type(ShardIteratorType::AfterSequenceNumber)
        .starting_sequence_number(&numbers[1]);
    let from = from.send().await.unwrap().shard_iterator.unwrap();
    assert_eq!(data(&stream.read(from, 1).await), ["2"]);
    let hour_ago = i64::try_from(SystemClock.now().as_secs()).unwrap() - 3_600;
    let from = call()
        .shard_iterator_type(ShardIteratorType::AtTimestamp)
        .timestamp(DateTime::from_secs(hour_ago));
    let from = from.send().await.unwrap().shard_iterator.unwrap();
    assert_eq!(data(&stream.read(from, 3).await), ["0", "1", "2"]);
    stream.put("3", "0").await;
    assert_eq!(data(&stream.read(latest, 1).await), ["3"]);
    stream.delete().await;
}

#[tokio::test]
async fn iterators_are_refused() {
    let stream = Stream::new(1).await;
    let call = |shard: &str, kind| {
        let call = stream.client.get_shard_iterator().stream_name(&stream.name);
        call.shard_id(shard).shard_iterator_type(kind).send()
    };
    assert_eq!(
        refused(call("shardId-000000000009", ShardIteratorType::Latest).await),
        (
            "ResourceNotFoundException".to_owned(),
            format!(
                "Shard shardId-000000000009 in stream {} under account {} does not exist",
                stream.name, stream.account
            ),
        )
    );
    assert_eq!(
        refused(call(FIRST, ShardIteratorType::AtTimestamp).await),
        (
            "InvalidArgumentException".to_owned(),
            "Must specify timestampInMillis parameter for iterator of type AT_TIMESTAMP. Current request has no \
             timestamp parameter."
                .to_owned(),
        )
    );
    stream.delete().await;
}

#[tokio::test]
async fn reading_goes_on_after_empty_answers() {
    let stream = Stream::new(1).await;
    let mut iterator = stream.iterator(FIRST, ShardIteratorType::Latest).await;
    for _ in 0..3 {
        let answer = stream
            .client
            .get_records()
            .shard_iterator(&iterator)
            .send()
            .await
            .unwrap();
        assert!(answer.records.is_empty());
        assert_eq!(answer.millis_behind_latest, Some(0));
        let next = answer.next_shard_iterator.unwrap();
        assert_ne!(next, iterator);
        iterator = next;
    }
    stream.put("at last", "0").await;
    assert_eq!(data(&stream.read(iterator, 1).await), ["at last"]);
    assert_eq!(
        refused(
            stream
                .client
                .get_records()
                .shard_iterator("AAAA")
                .send()
                .await
        ),
        (
            "InvalidArgumentException".to_owned(),
            "Invalid ShardIterator.".to_owned()
        )
    );
    stream.delete().await;
}

#[tokio::test]
async fn the_end_of_a_shard_names_its_children() {
    let stream = Stream::new(1).await;
    stream.put("before", "0").await;
    let split = stream.client.split_shard().stream_name(&stream.name);
    split
        .shard_to_split(FIRST)
        .new_starting_hash_key(HALF)
        .send()
        .await
        .unwrap();
    stream.until_active().await;
    let mut iterator = Some(stream.iterator(FIRST, ShardIteratorType::TrimHorizon).await);
    let mut records = Vec::new();
    let mut children = Vec::new();
    while let Some(next) = iterator {
        let answer = stream
            .client
            .get_records()
            .shard_iterator(next)
            .send()
            .await
            .unwrap();
        records.extend(answer.records);
        children = answer.child_shards.unwrap_or_default();
        iterator = answer.next_shard_iterator;
    }
    assert_eq!(data(&records), ["before"]);
    let children: Vec<(&str, &[String])> = children
        .iter()
        .map(|child| (child.shard_id(), child.parent_shards()))
        .collect();
    let parent = [FIRST.to_owned()];
    assert_eq!(children, [(SECOND, &parent[..]), (THIRD, &parent[..])]);
    stream.delete().await;
}
