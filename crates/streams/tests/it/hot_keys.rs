//! Keys that are counted as records are put.

use std::sync::Arc;

use millstream_streams::{AwsLimits, CallHooks, LimitOverrides, StreamSettings};
use millstream_types::{HeavyKey, KeyWeight, ShardHeat};
use millstream_wire::shapes::GetRecordsRequest;

use crate::world::*;

fn counting() -> StreamSettings {
    StreamSettings {
        counts_hot_keys: true,
        ..StreamSettings::default()
    }
}

async fn heat(world: &World, stream: &str, shard: &str) -> Option<ShardHeat> {
    let request = GetRecordsRequest {
        shard_iterator: world.iterator(stream, shard, Start::TrimHorizon).await,
        limit: Some(1),
        stream_arn: None,
    };
    let asked = world
        .service()
        .await
        .get_records_and_heat(&world.caller, request, 10);
    asked.await.expect("read").1
}

fn exactly(key: &str, records: u64, bytes: u64) -> HeavyKey {
    let weight = KeyWeight { records, bytes };
    HeavyKey {
        key: key.into(),
        least: weight,
        most: weight,
    }
}

#[tokio::test]
async fn what_is_put_is_counted_in_its_shard() {
    let world = World::with(counting()).await;
    world.create("meters", 1).await;
    world.create("other", 1).await;
    let many = (0..5).map(|_| record("often", b"12345")).collect();
    world.put_many("meters", many).await.unwrap();
    world.put("meters", "k", b"123456789").await;
    world.put("other", "k", b"1").await;
    let seen = heat(&world, "meters", SHARD_0).await.expect("counted");
    assert_eq!(seen.keys, [exactly("k", 1, 10), exactly("often", 5, 50)]);
    assert_eq!((seen.total.records, seen.total.bytes), (6, 60));
    assert!(!seen.is_sampled);
    // After a split each part has its own; what is closed keeps what it had until it is forgotten.
    world.split("meters", SHARD_0, 1 << 127).await.unwrap();
    world.put("meters", "k", b"1").await;
    assert_eq!(heat(&world, "meters", SHARD_0).await, Some(seen));
    let mut children = Vec::new();
    for shard in [SHARD_1, SHARD_2] {
        let seen = heat(&world, "meters", shard).await;
        children.extend(seen.into_iter().flat_map(|seen| seen.keys));
    }
    assert_eq!(children, [exactly("k", 1, 2)]);
}

#[tokio::test]
async fn nothing_is_counted_unless_it_is_wanted() {
    let world = World::new().await;
    world.create("meters", 1).await;
    world.put("meters", "k", b"1").await;
    assert_eq!(heat(&world, "meters", SHARD_0).await, None);
}

/// What is over a shard's limits is not written, and is not counted.
#[tokio::test]
async fn what_is_refused_is_not_counted() {
    let mut world = World::with(counting()).await;
    let none = LimitOverrides::new(Vec::new()).expect("no overrides");
    let limits = AwsLimits::new(world.clock.clone(), none);
    world
        .crash_with(CallHooks {
            admission: Some(Arc::new(limits)),
            ..CallHooks::default()
        })
        .await;
    world.create("meters", 1).await;
    let many = || (0..500).map(|_| record("k", b"1")).collect();
    for _ in 0..3 {
        world
            .put_many("meters", many())
            .await
            .expect("some are stored");
    }
    let seen = heat(&world, "meters", SHARD_0).await.expect("counted");
    assert_eq!(seen.total.records, 1_000);
}
