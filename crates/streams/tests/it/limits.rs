//! AWS's limits on the data plane, each with the outcome that AWS documents, on a clock that the test sets.

use std::sync::Arc;
use std::time::Duration;

use millstream_streams::{AwsLimits, CallHooks, LimitOverride, LimitOverrides};
use millstream_types::StreamMode;
use millstream_wire::ErrorCode;
use millstream_wire::shapes::{CreateStreamRequest, PutRecordsResultEntry, StreamModeDetails};
use tokio::time::{Instant, sleep};

use crate::hooks::with_hooks;
use crate::world::*;

const MIB: usize = 1024 * 1024;

async fn limited(overrides: Vec<LimitOverride>) -> World {
    let overrides = LimitOverrides::new(overrides).unwrap();
    with_hooks(|clock| CallHooks {
        admission: Some(Arc::new(AwsLimits::new(clock, overrides))),
        ..CallHooks::default()
    })
    .await
}

fn throttled(shard: &str) -> (ErrorCode, String) {
    (
        ErrorCode::ProvisionedThroughputExceeded,
        format!("Rate exceeded for shard {shard} in stream meters under account {ACCOUNT}."),
    )
}

/// What became of each record: where it is stored, or why not.
fn outcomes(entries: &[PutRecordsResultEntry]) -> Vec<Option<(ErrorCode, String)>> {
    let outcome = |entry: &PutRecordsResultEntry| match entry {
        PutRecordsResultEntry::Stored(_) => None,
        PutRecordsResultEntry::Failed { code, message } => Some((*code, message.clone())),
    };
    entries.iter().map(outcome).collect()
}

#[tokio::test]
async fn a_shard_takes_a_mebibyte_a_second_with_its_partition_keys() {
    let world = limited(Vec::new()).await;
    world.create("meters", 1).await;
    let mebibyte = vec![7; MIB - 3];
    world.put("meters", "key", &mebibyte).await;
    let over = world.try_put("meters", "k", b"").await;
    assert_eq!(on_wire(over), throttled(SHARD_0));
    world.clock.advance_ms(999);
    let over = world.try_put("meters", "key", &mebibyte).await;
    assert_eq!(on_wire(over), throttled(SHARD_0));
    world.clock.advance_ms(1);
    world.put("meters", "key", &mebibyte).await;
    let iterator = world.iterator("meters", SHARD_0, Start::TrimHorizon).await;
    assert_eq!(world.get(&iterator).await.records.len(), 2);
}

#[tokio::test]
async fn a_shard_takes_a_thousand_records_a_second_and_the_others_their_own() {
    let world = limited(Vec::new()).await;
    world.create("meters", 2).await;
    // "a" goes to the first shard, "b" to the second.
    let full = || vec![record("a", b"1"); 500];
    for _ in 0..2 {
        let stored = world.put_many("meters", full()).await.unwrap();
        assert!(outcomes(&stored).iter().all(Option::is_none));
    }
    let mixed = vec![record("a", b"2"), record("b", b"3"), record("a", b"4")];
    let answer = world.put_many("meters", mixed).await.unwrap();
    let refused = Some(throttled(SHARD_0));
    assert_eq!(outcomes(&answer), [refused.clone(), None, refused]);
    // As many as have come back, in the request's order.
    world.clock.advance_ms(3);
    let answer = world.put_many("meters", full()).await.unwrap();
    let stored = outcomes(&answer);
    let stored: Vec<bool> = stored.iter().map(Option::is_none).collect();
    assert_eq!(stored[..3], [true; 3]);
    assert!(stored[3..].iter().all(|is_stored| !is_stored));
}

#[tokio::test]
async fn refused_records_are_not_stored_and_the_others_keep_their_order() {
    let world = limited(Vec::new()).await;
    world.create("meters", 2).await;
    let (large, rest) = (vec![1; MIB - 100], vec![2; 200]);
    let records = vec![
        record("a", &large),
        record("b", b"first of b"),
        record("a", &rest),
        record("a", b"small"),
        record("b", b"second of b"),
    ];
    let answer = world.put_many("meters", records).await.unwrap();
    let refused = Some(throttled(SHARD_0));
    assert_eq!(outcomes(&answer), [None, None, refused, None, None]);
    let data = |read: Vec<(String, Vec<u8>)>| read.into_iter().map(|one| one.1).collect::<Vec<_>>();
    let of_a = data(world.read_shard("meters", SHARD_0).await);
    assert_eq!(of_a, [large, b"small".to_vec()]);
    let of_b = data(world.read_shard("meters", SHARD_1).await);
    assert_eq!(of_b, [b"first of b".to_vec(), b"second of b".to_vec()]);
}

#[tokio::test]
async fn where_every_record_is_refused_the_call_still_succeeds() {
    let world = limited(Vec::new()).await;
    world.create("meters", 1).await;
    world.put("meters", "k", &vec![0; MIB - 1]).await;
    let records = vec![record("a", b"1"), record("b", b"2")];
    let answer = world.put_many("meters", records).await.unwrap();
    let refused = Some(throttled(SHARD_0));
    assert_eq!(outcomes(&answer), [refused.clone(), refused]);
}

#[tokio::test]
async fn five_reads_and_five_iterators_a_second() {
    let world = limited(Vec::new()).await;
    world.create("meters", 2).await;
    let iterator = world.iterator("meters", SHARD_0, Start::TrimHorizon).await;
    for _ in 0..4 {
        world.iterator("meters", SHARD_0, Start::Latest).await;
    }
    let over = world.try_iterator("meters", SHARD_0, Start::Latest).await;
    assert_eq!(on_wire(over), throttled(SHARD_0));
    world.iterator("meters", SHARD_1, Start::Latest).await;
    for _ in 0..5 {
        world.get(&iterator).await;
    }
    assert_eq!(
        on_wire(world.try_get(&iterator, None).await),
        throttled(SHARD_0)
    );
    world.clock.advance_ms(200);
    world.get(&iterator).await;
    assert_eq!(
        on_wire(world.try_get(&iterator, None).await),
        throttled(SHARD_0)
    );
}

#[tokio::test]
async fn after_ten_mebibytes_a_shard_is_not_read_for_five_seconds() {
    let world = limited(Vec::new()).await;
    world.create("meters", 1).await;
    let mebibyte = vec![7; MIB - 1];
    for _ in 0..10 {
        world.put("meters", "k", &mebibyte).await;
        world.clock.advance_ms(1_000);
    }
    let iterator = world.iterator("meters", SHARD_0, Start::TrimHorizon).await;
    assert_eq!(world.get(&iterator).await.records.len(), 10);
    for wait_ms in [0, 4_999] {
        world.clock.advance_ms(wait_ms);
        let over = world.try_get(&iterator, None).await;
        assert_eq!(on_wire(over), throttled(SHARD_0));
    }
    world.clock.advance_ms(1);
    // Two mebibytes are a second's worth: the next read is a second later.
    assert_eq!(
        world
            .try_get(&iterator, Some(2))
            .await
            .unwrap()
            .records
            .len(),
        2
    );
    world.clock.advance_ms(999);
    let over = world.try_get(&iterator, None).await;
    assert_eq!(on_wire(over), throttled(SHARD_0));
    world.clock.advance_ms(1);
    world.get(&iterator).await;
}

#[tokio::test(start_paused = true)]
async fn a_consumer_is_given_two_mebibytes_a_second_and_subscribes_once_a_second() {
    let world = limited(Vec::new()).await;
    world.create("meters", 1).await;
    let arn = world.register("meters", "billing").await.consumer_arn;
    let mebibyte = vec![7; MIB - 1];
    for _ in 0..10 {
        world.put("meters", "k", &mebibyte).await;
        world.clock.advance_ms(1_000);
    }
    let subscribed = world.try_subscribe(&arn, SHARD_0, Start::TrimHorizon).await;
    let mut subscription = subscribed.unwrap();
    let again = world.try_subscribe(&arn, SHARD_0, Start::TrimHorizon).await;
    let (code, text) = on_wire(again);
    assert_eq!(
        (code, text),
        (ErrorCode::LimitExceeded, throttled(SHARD_0).1)
    );
    let (began, mut records) = (Instant::now(), 0);
    while records < 10 {
        match subscription.next_now().await {
            Some(next) => records += next.unwrap().unwrap().records.len(),
            None => {
                tokio::select! {
                    () = subscription.readable() => {}
                    () = sleep(Duration::from_millis(10)) => {}
                }
                world.clock.advance_ms(10);
            }
        }
    }
    // Ten mebibytes: two at once and eight in four seconds, give or take a record.
    let took = began.elapsed();
    let bounds = Duration::from_millis(3_000)..Duration::from_millis(5_000);
    assert!(bounds.contains(&took), "{took:?}");
}

#[tokio::test]
async fn an_on_demand_stream_has_the_limits_of_its_shards() {
    let world = limited(Vec::new()).await;
    let request = CreateStreamRequest {
        shard_count: None,
        stream_mode_details: Some(StreamModeDetails {
            stream_mode: StreamMode::OnDemand,
        }),
        ..create("meters", 1)
    };
    world
        .service()
        .await
        .create_stream(&world.caller, request)
        .await
        .unwrap();
    // Four shards: 4,000 records a second wherever they go.
    let keys: Vec<String> = (0..5_000).map(|number| number.to_string()).collect();
    let mut stored = 0;
    for keys in keys.chunks(500) {
        let records = keys.iter().map(|key| record(key, b"1")).collect();
        let answer = world.put_many("meters", records).await.unwrap();
        stored += outcomes(&answer).iter().filter(|one| one.is_none()).count();
    }
    assert!((3_900..=4_000).contains(&stored), "{stored}");
}

#[tokio::test]
async fn an_override_holds_for_its_stream() {
    let world = limited(vec![LimitOverride {
        stream: Some("meters".parse().unwrap()),
        write_records_per_s: Some(2),
        ..LimitOverride::default()
    }])
    .await;
    world.create("meters", 1).await;
    world.create("other", 1).await;
    for stream in ["meters", "meters", "other", "other", "other"] {
        world.put(stream, "k", b"1").await;
    }
    let over = world.try_put("meters", "k", b"1").await;
    assert_eq!(on_wire(over), throttled(SHARD_0));
}

#[tokio::test]
async fn a_stream_is_scaled_ten_times_in_a_day() {
    let world = limited(Vec::new()).await;
    world.create("meters", 2).await;
    for number in 0..10 {
        world.clock.advance_ms(1_000);
        world.scale("meters", 1 + (number % 2)).await.unwrap();
    }
    let text = format!("Rate exceeded for stream meters under account {ACCOUNT}.");
    let over = world.scale("meters", 1).await;
    assert_eq!(on_wire(over), (ErrorCode::LimitExceeded, text));
    world.clock.advance_ms(24 * 60 * 60 * 1_000);
    world.scale("meters", 1).await.unwrap();
}
