//! Streams are created, described, listed and deleted.

use std::time::Duration;

use millstream_streams::{Caller, StreamSettings};
use millstream_wire::ErrorCode;
use millstream_wire::shapes::{
    CreateStreamRequest, DescribeStreamRequest, DescribeStreamSummaryRequest, ListStreamsRequest,
    StreamMode, StreamModeDetails, StreamStatus,
};

use crate::world::*;

#[tokio::test]
async fn a_created_stream_is_active_and_described_as_on_aws() {
    let world = World::new().await;
    world.create("meters", 2).await;
    let stream = world.describe("meters").await;
    assert_eq!(stream.stream_status, StreamStatus::Active);
    assert_eq!(
        stream.stream_arn,
        "arn:aws:kinesis:eu-west-1:210987654321:stream/meters"
    );
    assert_eq!(stream.retention_period_hours, 24);
    assert_eq!(stream.stream_creation_timestamp.0.0, 1_793_620_837_000);
    assert_eq!(stream.enhanced_monitoring.len(), 1);
    let numbers: Vec<_> = stream
        .shards
        .iter()
        .map(|shard| &*shard.sequence_number_range.starting_sequence_number)
        .collect();
    // Numbers of no record, so that a read after them leaves none out.
    let expected = [
        "49679842606937403337125680789593519372649093345612660738",
        "49679842606959704082324211412735055090921741707118641170",
    ];
    assert_eq!(numbers, expected);
    assert_eq!(world.stream_names().await, ["meters"]);
    let again = world
        .service()
        .await
        .create_stream(&world.caller, create("meters", 1))
        .await;
    let text = "Stream meters under account 210987654321 already exists.";
    assert_eq!(on_wire(again), (ErrorCode::ResourceInUse, text.into()));
}

#[tokio::test]
async fn the_summary_counts_open_shards() {
    let world = World::new().await;
    let request = CreateStreamRequest {
        max_record_size_in_kib: Some(2_048),
        ..create("meters", 2)
    };
    world
        .service()
        .await
        .create_stream(&world.caller, request)
        .await
        .unwrap();
    world.split("meters", "1", 3 << 126).await.unwrap();
    let request = |name: &str| DescribeStreamSummaryRequest {
        stream_name: Some(name.parse().unwrap()),
        stream_arn: None,
    };
    let answer = world
        .service()
        .await
        .describe_stream_summary(&world.caller, request("meters"))
        .await;
    let summary = answer.unwrap().stream_description_summary;
    assert_eq!((summary.open_shard_count, summary.consumer_count), (3, 0));
    assert_eq!(summary.max_record_size_in_kib, 2_048);
    assert_eq!(summary.stream_status, StreamStatus::Active);
    let missing = world
        .service()
        .await
        .describe_stream_summary(&world.caller, request("nope"))
        .await;
    assert_eq!(on_wire(missing).0, ErrorCode::ResourceNotFound);
}

#[tokio::test]
async fn a_deleted_stream_is_gone() {
    let world = World::new().await;
    world.create("meters", 1).await;
    world.delete("meters").await;
    assert!(world.stream_names().await.is_empty());
    let described = world
        .service()
        .await
        .describe_stream(&world.caller, describe("meters"))
        .await;
    let text = "Stream meters under account 210987654321 not found.";
    let missing = (ErrorCode::ResourceNotFound, text.to_owned());
    assert_eq!(on_wire(described), missing);
    assert_eq!(on_wire(world.try_delete("meters").await), missing);
}

#[tokio::test]
async fn modes_and_shard_counts_must_fit() {
    let world = World::new().await;
    let create_with = async |mode: Option<StreamMode>, shard_count: Option<u32>, name: &str| {
        let request = CreateStreamRequest {
            shard_count,
            stream_mode_details: mode.map(|stream_mode| StreamModeDetails { stream_mode }),
            ..create(name, 1)
        };
        world
            .service()
            .await
            .create_stream(&world.caller, request)
            .await
    };
    create_with(None, None, "neither").await.unwrap();
    let stream = world.describe("neither").await;
    assert_eq!(stream.stream_mode_details.stream_mode, StreamMode::OnDemand);
    assert_eq!(stream.shards.len(), 4);
    create_with(Some(StreamMode::Provisioned), Some(3), "both")
        .await
        .unwrap();
    create_with(Some(StreamMode::OnDemand), None, "demand")
        .await
        .unwrap();
    let text = "Request is invalid. ShardCount must not be specified when StreamMode is ON_DEMAND.";
    let refused = on_wire(create_with(Some(StreamMode::OnDemand), Some(1), "x").await);
    assert_eq!(refused, (ErrorCode::Validation, text.into()));
    let text = "Request is invalid. ShardCount is required when StreamMode is PROVISIONED.";
    let refused = on_wire(create_with(Some(StreamMode::Provisioned), None, "x").await);
    assert_eq!(refused, (ErrorCode::Validation, text.into()));
}

#[tokio::test]
async fn a_quota_of_shards_holds_for_creating_and_splitting() {
    let settings = StreamSettings {
        account_shards_max: Some(3),
        ..StreamSettings::default()
    };
    let world = World::with(settings).await;
    world.create("a", 2).await;
    let text = |additional: u32, current: u32| {
        format!(
            "This request would exceed the shard limit for the account {ACCOUNT} in eu-west-1. Current shard count \
             for the account: {current}. Limit: 3. Number of additional shards that would have resulted from this \
             request: {additional}. Refer to the AWS Service Limits page \
             (http://docs.aws.amazon.com/general/latest/gr/aws_service_limits.html) for current limits and how to \
             request higher limits."
        )
    };
    let refused = world
        .service()
        .await
        .create_stream(&world.caller, create("b", 2))
        .await;
    assert_eq!(on_wire(refused), (ErrorCode::LimitExceeded, text(2, 2)));
    world.split("a", "0", 5).await.unwrap();
    let refused = world.split("a", "1", 3 << 126).await;
    assert_eq!(on_wire(refused), (ErrorCode::LimitExceeded, text(1, 3)));
    // Another region has a quota of its own.
    let elsewhere = Caller {
        region: "us-east-1".parse().unwrap(),
        ..caller()
    };
    world
        .service()
        .await
        .create_stream(&elsewhere, create("b", 3))
        .await
        .unwrap();
    assert_eq!(world.stream_names().await, ["a"]);
}

#[tokio::test(start_paused = true)]
async fn transitions_take_the_time_that_was_asked_for() {
    let settings = StreamSettings {
        transition: Duration::from_secs(10),
        ..StreamSettings::default()
    };
    let world = World::with(settings).await;
    let status = async || world.describe("meters").await.stream_status;
    let later = |seconds| tokio::time::sleep(Duration::from_secs(seconds));
    world.create("meters", 1).await;
    let creating = world.describe("meters").await;
    assert_eq!(creating.stream_status, StreamStatus::Creating);
    assert!(creating.shards.is_empty());
    let in_use = (
        ErrorCode::ResourceInUse,
        format!("Stream meters under account {ACCOUNT} not ACTIVE, instead in state CREATING"),
    );
    assert_eq!(on_wire(world.split("meters", "0", 5).await), in_use);
    let listed = world.list_shards_with(|request| {
        request.stream_name = Some("meters".parse().unwrap());
    });
    assert_eq!(on_wire(listed.await), in_use);
    later(9).await;
    assert_eq!(status().await, StreamStatus::Creating);
    later(2).await;
    assert_eq!(status().await, StreamStatus::Active);

    world.split("meters", "0", 5).await.unwrap();
    assert_eq!(status().await, StreamStatus::Updating);
    let text =
        format!("Stream meters under account {ACCOUNT} not ACTIVE, instead in state UPDATING");
    let refused = on_wire(world.split("meters", "0", 5).await);
    assert_eq!(refused, (ErrorCode::ResourceInUse, text));
    // Records are taken all the time.
    assert_eq!(world.put("meters", "k", b"x").await.shard_index(), 0);
    later(11).await;
    assert_eq!(status().await, StreamStatus::Active);
    assert!(world.put("meters", "k", b"x").await.shard_index() > 0);

    world.delete("meters").await;
    let deleting = world.describe("meters").await;
    assert_eq!(deleting.stream_status, StreamStatus::Deleting);
    assert!(deleting.shards.is_empty());
    assert_eq!(
        on_wire(world.try_delete("meters").await).0,
        ErrorCode::ResourceInUse
    );
    later(11).await;
    assert!(world.stream_names().await.is_empty());

    // A stream that is being created can be deleted.
    world.create("meters", 1).await;
    world.delete("meters").await;
    assert_eq!(status().await, StreamStatus::Deleting);
    later(11).await;
    assert!(world.stream_names().await.is_empty());
}

#[tokio::test]
async fn descriptions_come_in_pages_of_100_shards() {
    let world = World::new().await;
    world.create("meters", 150).await;
    let page = async |limit: Option<u32>, start: Option<&str>| {
        let request = DescribeStreamRequest {
            limit,
            exclusive_start_shard_id: start.map(Into::into),
            ..describe("meters")
        };
        let answer = world
            .service()
            .await
            .describe_stream(&world.caller, request)
            .await;
        let stream = answer.unwrap().stream_description;
        let first = stream.shards.first().map(|shard| shard.shard_id.clone());
        (stream.shards.len(), first, stream.has_more_shards)
    };
    let shard = |index: u32| Some(format!("shardId-{index:012}"));
    assert_eq!(page(None, None).await, (100, shard(0), true));
    assert_eq!(page(Some(10_000), None).await, (100, shard(0), true));
    assert_eq!(page(Some(3), Some("shardId-4")).await, (3, shard(5), true));
    assert_eq!(
        page(None, shard(49).as_deref()).await,
        (100, shard(50), false)
    );
    assert_eq!(page(None, shard(149).as_deref()).await, (0, None, false));
}

#[tokio::test]
async fn streams_are_listed_by_name_in_pages_of_one_account_and_region() {
    let world = World::new().await;
    for number in 0..105 {
        world.create(&format!("s{number:03}"), 1).await;
    }
    let elsewhere = Caller {
        account: "111122223333".parse().unwrap(),
        ..caller()
    };
    world
        .service()
        .await
        .create_stream(&elsewhere, create("s0005", 1))
        .await
        .unwrap();
    let request = ListStreamsRequest {
        limit: None,
        exclusive_start_stream_name: None,
        next_token: None,
    };
    let first = world
        .service()
        .await
        .list_streams(&world.caller, request.clone())
        .await
        .unwrap();
    assert_eq!(
        (first.stream_names.len(), first.has_more_streams),
        (100, true)
    );
    assert_eq!(first.stream_summaries.len(), 100);
    let next = ListStreamsRequest {
        next_token: first.next_token.clone(),
        ..request.clone()
    };
    let second = world
        .service()
        .await
        .list_streams(&world.caller, next)
        .await
        .unwrap();
    assert_eq!(second.stream_names[0].as_str(), "s100");
    assert_eq!(
        (second.stream_names.len(), second.has_more_streams),
        (5, false)
    );
    assert_eq!(second.next_token, None);
    let after = ListStreamsRequest {
        limit: Some(2),
        exclusive_start_stream_name: Some("s0".into()),
        ..request.clone()
    };
    let some = world
        .service()
        .await
        .list_streams(&world.caller, after)
        .await
        .unwrap();
    assert_eq!(some.stream_names[0].as_str(), "s000");
    assert_eq!((some.stream_names.len(), some.has_more_streams), (2, true));
    let refused = |token: Option<String>, start: Option<&str>| {
        let request = ListStreamsRequest {
            limit: None,
            exclusive_start_stream_name: start.map(Into::into),
            next_token: token,
        };
        async {
            on_wire(
                world
                    .service()
                    .await
                    .list_streams(&world.caller, request)
                    .await,
            )
        }
    };
    let both = refused(first.next_token.clone(), Some("s0")).await;
    let text = "NextToken and ExclusiveStartStreamName cannot be provided together.";
    assert_eq!(both, (ErrorCode::InvalidArgument, text.into()));
    let garbage = refused(Some("garbage".into()), None).await;
    assert_eq!(
        garbage,
        (ErrorCode::InvalidArgument, "Invalid NextToken.".into())
    );
    world.clock.advance_ms(300_001);
    assert_eq!(
        refused(first.next_token, None).await.0,
        ErrorCode::ExpiredNextToken
    );
}
