//! Streams, shards, retention.

use std::time::Instant;

use aws_sdk_kinesis::types::{ShardFilter, ShardFilterType, StreamMode};

use crate::{DEADLINE, FIRST, HALF, SECOND, Stream, THIRD, refused};

#[tokio::test]
async fn a_stream_is_created_once() {
    let stream = Stream::new(2).await;
    let summary = stream.until_active().await;
    assert_eq!(summary.open_shard_count, 2);
    assert_eq!(
        summary.stream_mode_details.unwrap().stream_mode,
        StreamMode::Provisioned
    );
    let again = stream
        .client
        .create_stream()
        .stream_name(&stream.name)
        .shard_count(1);
    assert_eq!(
        refused(again.send().await),
        (
            "ResourceInUseException".to_owned(),
            format!(
                "Stream {} under account {} already exists.",
                stream.name, stream.account
            ),
        )
    );
    stream.delete().await;
}

#[tokio::test]
async fn a_stream_is_described() {
    let stream = Stream::new(2).await;
    let answer = stream
        .client
        .describe_stream()
        .stream_name(&stream.name)
        .limit(1);
    let description = answer.send().await.unwrap().stream_description.unwrap();
    assert_eq!(description.shards.len(), 1);
    assert!(description.has_more_shards);
    assert_eq!(description.retention_period_hours, 24);
    let client = &stream.client;
    let missing = client.describe_stream().stream_name("nowhere").send().await;
    assert_eq!(refused(missing), stream.not_found("nowhere"));
    let missing = client
        .describe_stream_summary()
        .stream_name("nowhere")
        .send()
        .await;
    assert_eq!(refused(missing), stream.not_found("nowhere"));
    stream.delete().await;
}

#[tokio::test]
async fn a_deleted_stream_goes_away() {
    let stream = Stream::new(1).await;
    let delete = || {
        stream
            .client
            .delete_stream()
            .stream_name(&stream.name)
            .send()
    };
    delete().await.unwrap();
    let deadline = Instant::now() + DEADLINE;
    let gone = loop {
        match stream
            .client
            .describe_stream()
            .stream_name(&stream.name)
            .send()
            .await
        {
            Ok(_) => assert!(Instant::now() < deadline),
            refusal => break refused(refusal),
        }
    };
    assert_eq!(gone, stream.not_found(&stream.name));
    assert_eq!(refused(delete().await), stream.not_found(&stream.name));
}

#[tokio::test]
async fn streams_are_listed() {
    let stream = Stream::new(1).await;
    let before = &stream.name[..stream.name.len() - 1];
    let list = stream
        .client
        .list_streams()
        .exclusive_start_stream_name(before);
    let page = list.limit(1).send().await.unwrap();
    assert_eq!(page.stream_names, std::slice::from_ref(&stream.name));
    assert_eq!(page.stream_summaries()[0].stream_name, stream.name);
    let (code, message) = refused(stream.client.list_streams().limit(0).send().await);
    assert_eq!(code, "ValidationException");
    assert!(message.contains("Value '0' at 'limit'"), "{message}");
    stream.delete().await;
}

#[tokio::test]
async fn shards_are_listed_page_by_page() {
    let stream = Stream::new(3).await;
    let first = stream
        .client
        .list_shards()
        .stream_name(&stream.name)
        .max_results(2);
    let first = first.send().await.unwrap();
    let token = first.next_token.clone().unwrap();
    let second = stream
        .client
        .list_shards()
        .next_token(&token)
        .send()
        .await
        .unwrap();
    let pages = [first, second];
    let ids: Vec<&str> = pages
        .iter()
        .flat_map(|page| page.shards())
        .map(|shard| shard.shard_id())
        .collect();
    assert_eq!(ids, [FIRST, SECOND, THIRD]);
    let both = stream
        .client
        .list_shards()
        .stream_name(&stream.name)
        .next_token(token);
    assert_eq!(
        refused(both.send().await),
        (
            "InvalidArgumentException".to_owned(),
            "NextToken and StreamName cannot be provided together.".to_owned(),
        )
    );
    stream.delete().await;
}

#[tokio::test]
async fn shards_are_split_and_merged() {
    let stream = Stream::new(1).await;
    let split = |key: &str| {
        let call = stream.client.split_shard().stream_name(&stream.name);
        call.shard_to_split(FIRST).new_starting_hash_key(key).send()
    };
    let (code, message) = refused(split("1").await);
    assert_eq!(code, "InvalidArgumentException");
    assert!(
        message.starts_with("NewStartingHashKey 1 used in SplitShard()"),
        "{message}"
    );
    split(HALF).await.unwrap();
    stream.until_active().await;
    let merge = |one: &str, other: &str| {
        let call = stream.client.merge_shards().stream_name(&stream.name);
        call.shard_to_merge(one)
            .adjacent_shard_to_merge(other)
            .send()
    };
    assert_eq!(
        refused(merge(THIRD, SECOND).await),
        (
            "InvalidArgumentException".to_owned(),
            format!(
                "Shards {THIRD} and {SECOND} in stream {} under account {} are not an adjacent pair of shards \
                 eligible for merging",
                stream.name, stream.account
            ),
        )
    );
    merge(SECOND, THIRD).await.unwrap();
    stream.until_active().await;
    let latest = ShardFilter::builder()
        .r#type(ShardFilterType::AtLatest)
        .build()
        .unwrap();
    let open = stream
        .client
        .list_shards()
        .stream_name(&stream.name)
        .shard_filter(latest);
    let open = open.send().await.unwrap();
    assert_eq!(open.shards().len(), 1);
    assert_eq!(open.shards()[0].parent_shard_id(), Some(SECOND));
    assert_eq!(open.shards()[0].adjacent_parent_shard_id(), Some(THIRD));
    stream.delete().await;
}

#[tokio::test]
async fn the_retention_period_goes_up_and_down() {
    let stream = Stream::new(1).await;
    let increase = |hours| {
        let call = stream.client.increase_stream_retention_period();
        call.stream_name(&stream.name)
            .retention_period_hours(hours)
            .send()
    };
    let decrease = |hours| {
        let call = stream.client.decrease_stream_retention_period();
        call.stream_name(&stream.name)
            .retention_period_hours(hours)
            .send()
    };
    increase(48).await.unwrap();
    assert_eq!(stream.until_active().await.retention_period_hours, 48);
    assert_eq!(
        refused(increase(30).await),
        (
            "InvalidArgumentException".to_owned(),
            format!(
                "Requested retention period (30 hours) for stream {} can not be shorter than existing retention \
                 period (48 hours). Use DecreaseRetentionPeriod API.",
                stream.name
            ),
        )
    );
    decrease(24).await.unwrap();
    assert_eq!(stream.until_active().await.retention_period_hours, 24);
    assert_eq!(
        refused(decrease(23).await),
        (
            "InvalidArgumentException".to_owned(),
            "Minimum allowed retention period is 24 hours. Requested retention period (23 hours) is too short."
                .to_owned(),
        )
    );
    stream.delete().await;
}
