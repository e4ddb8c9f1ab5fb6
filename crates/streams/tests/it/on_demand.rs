//! On-demand streams follow their traffic, on a clock that the test sets.

use std::borrow::Cow;
use std::sync::Arc;

use millstream_streams::{AwsLimits, CallHooks, LimitOverride, LimitOverrides};
use millstream_types::{
    HashKey, Reshards, ScalingRecord, ScalingRecorder, StreamMode, StreamStatus,
};
use millstream_wire::shapes::{
    CreateStreamRequest, PutRecordsResultEntry, RecordData, RecordToPut, StreamModeDetails,
};
use parking_lot::Mutex;

use crate::hooks::with_hooks;
use crate::world::*;

const HOUR_MS: u64 = 60 * 60 * 1000;
const DAY_MS: u64 = 24 * HOUR_MS;
const RECORD_BYTES: usize = 8 * 1024;
/// Records that make a MiB.
const PER_MIB: usize = 1024 * 1024 / RECORD_BYTES;

/// Writes down what it hears.
#[derive(Debug, Default)]
struct Diary(Mutex<Vec<(Reshards, usize, usize)>>);

impl ScalingRecorder for Diary {
    fn scaled(&self, record: &ScalingRecord<'_>) {
        assert_eq!(record.stream.as_str(), "meters");
        let (before, after) = (record.shards_before, record.shards_after);
        self.0.lock().push((record.reshards, before, after));
    }
}

async fn on_demand() -> (World, Arc<Diary>) {
    let diary = Arc::new(Diary::default());
    let scaling = Arc::clone(&diary);
    // The test looks more often than AWS lets anybody.
    let calls_per_s = ["DescribeStream", "ListShards"].map(|name| (name.to_owned(), 1 << 40));
    let overrides = LimitOverrides::new(vec![LimitOverride {
        calls_per_s: calls_per_s.into(),
        ..LimitOverride::default()
    }]);
    let world = with_hooks(|clock| CallHooks {
        admission: Some(Arc::new(AwsLimits::new(clock, overrides.unwrap()))),
        scaling: Some(scaling),
        ..CallHooks::default()
    })
    .await;
    let request = CreateStreamRequest {
        shard_count: None,
        stream_mode_details: Some(StreamModeDetails {
            stream_mode: StreamMode::OnDemand,
        }),
        ..create("meters", 1)
    };
    let created = world
        .service()
        .await
        .create_stream(&world.caller, request)
        .await;
    created.unwrap();
    (world, diary)
}

impl World {
    /// Puts so many records, within this second, at these hash keys; how many were refused.
    async fn put_at(&self, keys: &[u128]) -> usize {
        let data = vec![7; RECORD_BYTES - 1];
        let mut refused = 0;
        for keys in keys.chunks(500) {
            let record = |key: &u128| RecordToPut {
                explicit_hash_key: Some(Cow::Owned(key.to_string())),
                data: RecordData::Raw(Cow::Borrowed(&data)),
                ..record("k", b"")
            };
            let answer = self
                .put_many("meters", keys.iter().map(record).collect())
                .await;
            let is_refused =
                |one: &&PutRecordsResultEntry| matches!(one, PutRecordsResultEntry::Failed { .. });
            refused += answer.unwrap().iter().filter(is_refused).count();
        }
        refused
    }

    /// Lets time pass, looks, and waits for what that begins.
    async fn look_after(&self, ms: u64) {
        self.clock.advance_ms(ms);
        self.service().await.scale_on_demand().await.unwrap();
        while self.describe("meters").await.stream_status != StreamStatus::Active {
            tokio::task::yield_now().await;
        }
    }

    async fn open_shards(&self) -> usize {
        let shards = self.list_shards("meters").await;
        let open = |shard: &&millstream_wire::shapes::Shard| {
            shard.sequence_number_range.ending_sequence_number.is_none()
        };
        shards.iter().filter(open).count()
    }
}

/// Different keys, spread over all shards.
struct Keys(u64);

impl Keys {
    fn next(&mut self, count: usize) -> Vec<u128> {
        let key = |number: u64| HashKey::of_partition_key(&number.to_string()).0;
        let first = self.0;
        self.0 += count as u64;
        (first..self.0).map(key).collect()
    }
}

#[tokio::test]
async fn a_stream_grows_with_its_traffic_and_shrinks_a_month_after_it() {
    let (mut world, diary) = on_demand().await;
    let mut keys = Keys(0);
    // One and three MiB/s are within what a new stream takes.
    for mibps in [1, 1, 1, 3, 3, 3, 3] {
        assert_eq!(
            world.put_at(&keys.next(mibps * PER_MIB)).await,
            0,
            "{mibps}"
        );
        world.look_after(1_000).await;
    }
    let shards = world.open_shards().await;
    assert!(shards >= 6, "double the peak: {shards}");
    // Nine are more than double of what there ever was: AWS may refuse some for a quarter of an hour.
    let mut refused = Vec::new();
    for _ in 0..6 {
        refused.push(world.put_at(&keys.next(9 * PER_MIB)).await);
        world.look_after(1_000).await;
    }
    assert!(refused[0] < 3 * PER_MIB, "{refused:?}");
    assert_eq!(refused[2..], [0; 4], "{refused:?}");
    let grown = world.open_shards().await;
    assert!((18..=36).contains(&grown), "double the peak: {grown}");
    for _ in 0..3 {
        assert_eq!(world.put_at(&keys.next(PER_MIB / 2)).await, 0);
        world.look_after(1_000).await;
    }
    // Nothing goes before a quiet day is over, and what the peak needs stays.
    for _ in 0..22 {
        world.look_after(HOUR_MS).await;
    }
    assert_eq!(world.open_shards().await, grown);
    for _ in 0..60 {
        world.look_after(HOUR_MS).await;
    }
    assert_eq!(world.open_shards().await, 18);
    // The peak outlives a restart.
    world.crash().await;
    for _ in 0..26 {
        assert_eq!(world.put_at(&keys.next(PER_MIB / 2)).await, 0);
        world.look_after(DAY_MS).await;
        assert_eq!(world.open_shards().await, 18);
    }
    for _ in 0..12 {
        world.look_after(DAY_MS).await;
    }
    assert_eq!(world.open_shards().await, 4);
    // Each service counts what it began since it opened.
    let begun = |of| -> u64 {
        let counts = world.services.all().iter();
        counts.map(|service| service.on_demand_reshards(of)).sum()
    };
    assert_eq!(begun(Reshards::Splits), 0);
    assert!(begun(Reshards::Merges) >= 14);
    let diary = diary.0.lock();
    assert!(diary.iter().all(|(kind, before, after)| match kind {
        Reshards::Splits => after > before && *after <= before * 2,
        Reshards::Merges => after < before,
    }));
}

#[tokio::test]
async fn a_hot_shard_is_split_where_its_traffic_is() {
    let (world, diary) = on_demand().await;
    // A hundredth of the first shard's range gets nearly all.
    let narrow = u128::MAX / 400;
    let keys = |from: u128| {
        (0..100)
            .map(|number| from + number * (narrow / 100))
            .collect::<Vec<_>>()
    };
    let start = u128::MAX / 8;
    for _ in 0..3 {
        assert_eq!(world.put_at(&keys(start)).await, 0);
        world.look_after(1_000).await;
    }
    assert_eq!(*diary.0.lock(), [(Reshards::Splits, 4, 5)]);
    let shards = world.list_shards("meters").await;
    let cut: u128 = shards[5]
        .hash_key_range
        .starting_hash_key
        .to_string()
        .parse()
        .unwrap();
    let inside = (cut - start) as f64 / narrow as f64;
    assert!((0.3..0.7).contains(&inside), "{inside}");
}

#[tokio::test]
async fn a_shard_with_one_hot_key_is_left_alone() {
    let (world, diary) = on_demand().await;
    for _ in 0..4 {
        world.put_at(&[u128::MAX / 3; 100]).await;
        world.look_after(1_000).await;
    }
    assert!(diary.0.lock().is_empty());
}

#[tokio::test]
async fn a_provisioned_stream_stays_as_it_is() {
    let world = World::new().await;
    world.create("meters", 1).await;
    for _ in 0..3 {
        world.put_at(&Keys(0).next(2 * PER_MIB)).await;
        world.look_after(1_000).await;
    }
    assert_eq!(world.open_shards().await, 1);
}
