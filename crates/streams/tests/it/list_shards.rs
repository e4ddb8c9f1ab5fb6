//! ListShards: filters, pages, tokens.

use millstream_types::TimestampMs;
use millstream_wire::encoding::Timestamp;
use millstream_wire::shapes::{ListShardsRequest, ShardFilter, ShardFilterType};
use millstream_wire::{ApiError, ErrorCode};

use crate::world::*;

fn filter(filter_type: ShardFilterType, shard: Option<&str>, time_ms: Option<u64>) -> ShardFilter {
    ShardFilter {
        filter_type,
        shard_id: shard.map(Into::into),
        timestamp: time_ms.map(|ms| Timestamp(TimestampMs(ms))),
    }
}

async fn indexes(world: &World, change: impl FnOnce(&mut ListShardsRequest)) -> Vec<u32> {
    let listed = world.list_shards_with(|request| {
        request.stream_name = Some("meters".parse().unwrap());
        change(request);
    });
    let shards = listed.await.expect("listed").shards;
    let index = |shard: &millstream_wire::shapes::Shard| shard.shard_id[8..].parse().unwrap();
    shards.iter().map(index).collect()
}

/// Shard 0 is split at +10 s into 1 and 2, which are merged at +20 s into 3.
async fn resharded() -> World {
    let world = World::new().await;
    world.create("meters", 1).await;
    world.clock.advance_ms(10_000);
    world.split("meters", "0", 1 << 127).await.unwrap();
    world.clock.advance_ms(10_000);
    world.merge("meters", "1", "2").await.unwrap();
    world.clock.advance_ms(10_000);
    world
}

#[tokio::test]
async fn filters_tell_shards_by_when_they_were_open() {
    use ShardFilterType::{
        AfterShardId, AtLatest, AtTimestamp, AtTrimHorizon, FromTimestamp, FromTrimHorizon,
    };
    let world = resharded().await;
    let at = |ms: u64| Some(START_MS + ms);
    let cases = [
        (None, vec![0, 1, 2, 3]),
        (Some(filter(FromTrimHorizon, None, None)), vec![0, 1, 2, 3]),
        (Some(filter(AtTrimHorizon, None, None)), vec![0]),
        (Some(filter(AtLatest, None, None)), vec![3]),
        (Some(filter(AfterShardId, Some("1"), None)), vec![2, 3]),
        (Some(filter(AfterShardId, Some(SHARD_3), None)), vec![]),
        (Some(filter(AtTimestamp, None, at(0))), vec![0]),
        (Some(filter(AtTimestamp, None, at(10_000))), vec![0]),
        (Some(filter(AtTimestamp, None, at(10_001))), vec![1, 2]),
        (Some(filter(AtTimestamp, None, at(20_000))), vec![1, 2]),
        (Some(filter(AtTimestamp, None, at(20_001))), vec![3]),
        (Some(filter(AtTimestamp, None, Some(0))), vec![0]),
        (Some(filter(FromTimestamp, None, at(10_001))), vec![1, 2, 3]),
        (Some(filter(FromTimestamp, None, Some(0))), vec![0, 1, 2, 3]),
    ];
    for (filter, expected) in cases {
        let text = format!("{filter:?}");
        let listed = indexes(&world, |request| request.shard_filter = filter).await;
        assert_eq!(listed, expected, "{text}");
    }
    // Shard 0 falls out of retention while 1 and 2 are still in it: they are the oldest to start from.
    world
        .clock
        .set(TimestampMs(START_MS + 24 * 3_600_000 + 15_000));
    let oldest = Some(filter(AtTrimHorizon, None, None));
    assert_eq!(
        indexes(&world, |request| request.shard_filter = oldest).await,
        [1, 2]
    );
    assert_eq!(indexes(&world, |_| ()).await, [1, 2, 3]);
}

#[tokio::test]
async fn pages_follow_each_other_and_keep_the_filter() {
    let world = World::new().await;
    world.create("meters", 5).await;
    world.split("meters", "0", 5).await.unwrap();
    let mut pages = Vec::new();
    let mut answer = world
        .list_shards_with(|request| {
            request.stream_name = Some("meters".parse().unwrap());
            request.max_results = Some(2);
            request.shard_filter = Some(filter(ShardFilterType::AtLatest, None, None));
        })
        .await
        .unwrap();
    loop {
        pages.push(
            answer
                .shards
                .iter()
                .map(|shard| shard.shard_id.clone())
                .collect::<Vec<_>>(),
        );
        let Some(token) = answer.next_token else {
            break;
        };
        assert!(token.starts_with("AAAAAAAAAA") && "EFGH".contains(&token[10..11]));
        answer = world
            .list_shards_with(|request| {
                request.next_token = Some(token);
                request.max_results = Some(2);
            })
            .await
            .unwrap();
    }
    let expected: Vec<Vec<String>> = [&[1, 2][..], &[3, 4], &[5, 6]]
        .iter()
        .map(|page| {
            page.iter()
                .map(|index| format!("shardId-{index:012}"))
                .collect()
        })
        .collect();
    assert_eq!(pages, expected);
    let after = |start: &'static str| {
        move |request: &mut ListShardsRequest| {
            request.exclusive_start_shard_id = Some(start.into());
        }
    };
    assert_eq!(indexes(&world, after("shardId-4")).await, [5, 6]);
    assert_eq!(
        indexes(&world, after("shardId-000000000006")).await,
        [0u32; 0]
    );
    assert_eq!(indexes(&world, after("a")).await, [0, 1, 2, 3, 4, 5, 6]);
    assert_eq!(indexes(&world, after("z")).await, [0u32; 0]);
}

#[tokio::test]
async fn what_list_shards_refuses() {
    let world = World::new().await;
    world.create("meters", 2).await;
    let code_and_text = |error: ApiError| (error.code, error.message);
    let refused = async |change: &dyn Fn(&mut ListShardsRequest)| {
        let listed = world.list_shards_with(|request| change(request)).await;
        code_and_text(listed.expect_err("refused"))
    };
    let invalid = |text: &str| (ErrorCode::InvalidArgument, text.to_owned());
    let name = |request: &mut ListShardsRequest| {
        request.stream_name = Some("meters".parse().unwrap());
    };
    let text = "Either NextToken or StreamName should be provided.";
    assert_eq!(refused(&|_| ()).await, invalid(text));
    let text = "NextToken and StreamName cannot be provided together.";
    let both = refused(&|request| {
        name(request);
        request.next_token = Some("garbage".into());
    })
    .await;
    assert_eq!(both, invalid(text));
    let text = "NextToken and ShardFilter cannot be provided together.";
    let both = refused(&|request| {
        request.shard_filter = Some(filter(ShardFilterType::AtLatest, None, None));
        request.next_token = Some("garbage".into());
    })
    .await;
    assert_eq!(both, invalid(text));
    let garbage = refused(&|request| request.next_token = Some("garbage".into())).await;
    assert_eq!(garbage, invalid("Invalid NextToken."));
    let no_shard = refused(&|request| {
        name(request);
        request.shard_filter = Some(filter(ShardFilterType::AfterShardId, None, None));
    })
    .await;
    assert_eq!(no_shard.0, ErrorCode::InvalidArgument);
    let no_time = refused(&|request| {
        name(request);
        request.shard_filter = Some(filter(ShardFilterType::AtTimestamp, None, None));
    })
    .await;
    assert_eq!(no_time.0, ErrorCode::InvalidArgument);
    let other_life = refused(&|request| {
        name(request);
        request.stream_creation_timestamp = Some(Timestamp(TimestampMs(START_MS - 60_000)));
    })
    .await;
    assert_eq!(other_life.0, ErrorCode::ResourceNotFound);
    let listed = world.list_shards_with(|request| {
        name(request);
        request.stream_creation_timestamp = Some(Timestamp(TimestampMs(START_MS)));
        request.max_results = Some(1);
    });
    let token = listed
        .await
        .expect("this life")
        .next_token
        .expect("a second page");
    world.clock.advance_ms(300_001);
    let expired = refused(&|request| request.next_token = Some(token.clone())).await;
    assert_eq!(expired.0, ErrorCode::ExpiredNextToken);
}
