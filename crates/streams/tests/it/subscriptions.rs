//! Subscriptions in virtual time: what comes, when, and how they end.

use std::time::Duration;

use millstream_streams::{Failure, StreamSettings, Subscription};
use millstream_types::{HashKey, SequenceNumber, TimestampMs};
use millstream_wire::encoding::Timestamp;
use millstream_wire::shapes::{
    ChildShard, ShardIteratorType, StartingPosition, SubscribeToShardEvent, SubscribeToShardRequest,
};
use millstream_wire::{ApiError, ErrorCode};
use tokio::time::{Instant, sleep};

use crate::world::{ACCOUNT, SHARD_0, SHARD_1, SHARD_2, START_MS, Start, World, on_wire, record};

impl World {
    pub(crate) async fn try_subscribe(
        &self,
        consumer_arn: &str,
        shard: &str,
        start: Start<'_>,
    ) -> Result<Subscription, Failure> {
        let (position_type, number, time) = match start {
            Start::TrimHorizon => (ShardIteratorType::TrimHorizon, None, None),
            Start::Latest => (ShardIteratorType::Latest, None, None),
            Start::At(number) => (ShardIteratorType::AtSequenceNumber, Some(number), None),
            Start::After(number) => (ShardIteratorType::AfterSequenceNumber, Some(number), None),
            Start::Time(time) => (ShardIteratorType::AtTimestamp, None, Some(time)),
        };
        let request = SubscribeToShardRequest {
            consumer_arn: consumer_arn.into(),
            shard_id: shard.into(),
            starting_position: StartingPosition {
                position_type,
                sequence_number: number.map(Into::into),
                timestamp: time.map(|ms| Timestamp(TimestampMs(ms))),
            },
        };
        self.service()
            .await
            .subscribe_to_shard(&self.caller, request)
            .await
    }

    async fn subscribe(&self, consumer_arn: &str, shard: &str, start: Start<'_>) -> Subscription {
        let subscribed = self.try_subscribe(consumer_arn, shard, start).await;
        subscribed.expect("subscribed")
    }

    /// A stream with one consumer; its ARN.
    async fn with_consumer(&self, shards: u32) -> String {
        self.create("meters", shards).await;
        self.register("meters", "billing").await.consumer_arn
    }

    /// Lets both clocks run.
    async fn pass(&self, seconds: u64) {
        for _ in 0..seconds {
            self.clock.advance_ms(1000);
            sleep(Duration::from_secs(1)).await;
        }
    }
}

async fn event(subscription: &mut Subscription) -> SubscribeToShardEvent {
    let next = subscription.next().await;
    next.expect("it goes on").expect("without an error")
}

async fn ended(subscription: &mut Subscription) -> (ErrorCode, String) {
    let next = subscription.next().await.expect("it says how it ends");
    let said = on_wire(next.map_err(ApiError::from));
    assert!(subscription.next().await.is_none());
    said
}

/// As on AWS an event's continuation is a number of its own, behind all that the event has.
fn assert_continues_behind(event: &SubscribeToShardEvent) {
    let continuation = event.continuation_sequence_number;
    let last = event.records.last().map(|record| record.sequence_number);
    assert!(continuation > last, "{continuation:?} {last:?}");
}

/// The next event with records: their data.
async fn data(subscription: &mut Subscription) -> Vec<Vec<u8>> {
    loop {
        let event = event(subscription).await;
        if !event.records.is_empty() {
            assert_continues_behind(&event);
            return event
                .records
                .iter()
                .map(|one| one.data().to_vec())
                .collect();
        }
    }
}

/// Everything up to the end of a closed shard, and who follows.
async fn rest(subscription: &mut Subscription) -> (Vec<Vec<u8>>, Vec<ChildShard>) {
    let mut records = Vec::new();
    loop {
        let event = event(subscription).await;
        records.extend(event.records.iter().map(|one| one.data().to_vec()));
        match event.child_shards {
            Some(children) => {
                assert_eq!(event.continuation_sequence_number, None);
                assert_eq!(event.records, Vec::new());
                assert!(subscription.next().await.is_none());
                return (records, children);
            }
            None => assert!(event.continuation_sequence_number.is_some()),
        }
    }
}

#[tokio::test(start_paused = true)]
async fn records_are_pushed_in_order_without_a_wait() {
    let world = World::new().await;
    let arn = world.with_consumer(1).await;
    world.put("meters", "k", b"before").await;
    let mut all = world.subscribe(&arn, SHARD_0, Start::TrimHorizon).await;
    let other = world.register("meters", "alarms").await.consumer_arn;
    let mut new = world.subscribe(&other, SHARD_0, Start::Latest).await;
    assert_eq!(data(&mut all).await, [b"before"]);
    let first = event(&mut new).await;
    assert_eq!((first.records.len(), first.millis_behind_latest), (0, 0));
    let began = Instant::now();
    for number in 0..100_u32 {
        let bytes = number.to_be_bytes();
        let (pushed, to_new, _) = tokio::join!(
            data(&mut all),
            data(&mut new),
            world.put("meters", "k", &bytes)
        );
        assert_eq!(pushed, [bytes]);
        assert_eq!(to_new, [bytes]);
    }
    // Virtual time stands still unless somebody waits for it.
    assert_eq!(began.elapsed(), Duration::ZERO);
}

#[tokio::test(start_paused = true)]
async fn an_idle_subscription_says_where_it_is_at_least_every_five_seconds() {
    let world = World::new().await;
    let arn = world.with_consumer(1).await;
    for has_records in [false, true] {
        if has_records {
            world.put("meters", "k", b"one").await;
        }
        let mut subscription = world.subscribe(&arn, SHARD_0, Start::TrimHorizon).await;
        let mut last: Option<SequenceNumber> = None;
        for number in 0..20 {
            let before = Instant::now();
            let event = event(&mut subscription).await;
            assert!(before.elapsed() <= Duration::from_secs(5));
            assert_eq!(event.records.is_empty(), number > 0 || !has_records);
            assert_eq!(event.child_shards, None);
            let continuation = event.continuation_sequence_number.unwrap();
            assert!(last.is_none_or(|last| continuation > last), "{number}");
            last = Some(continuation);
            world.clock.advance_ms(5_000);
        }
        drop(subscription);
        let next: SequenceNumber = world.put("meters", "k", b"later").await;
        assert!(last.unwrap() < next);
    }
}

#[tokio::test(start_paused = true)]
async fn a_continuation_leads_on_without_a_gap_over_restarts() {
    let mut world = World::new().await;
    let arn = world.with_consumer(1).await;
    let mut read = Vec::new();
    let mut from: Option<String> = None;
    for number in 0..12_u8 {
        let start = from.as_deref().map_or(Start::TrimHorizon, Start::After);
        let mut subscription = world.subscribe(&arn, SHARD_0, start).await;
        // Every third time there is nothing to read, and the first time there never was anything.
        let first = event(&mut subscription).await;
        read.extend(first.records.iter().map(|one| one.data()[0]));
        world.clock.advance_ms(5_000);
        let heartbeat = event(&mut subscription).await;
        assert_eq!(heartbeat.records, Vec::new());
        let continuation = heartbeat.continuation_sequence_number.unwrap();
        from = Some(continuation.to_string());
        world.crash().await;
        if number % 3 != 0 {
            let records = vec![record("k", std::slice::from_ref(&number)); usize::from(number % 3)];
            world.put_many("meters", records).await.unwrap();
        }
        // AT the number skips nothing either; what it repeats is at most the record before.
        let mut at = world
            .iterator("meters", SHARD_0, Start::At(&continuation.to_string()))
            .await;
        let mut count = 0;
        loop {
            let page = world.get(&at).await;
            count += page.records.len();
            if page.records.is_empty() {
                break;
            }
            at = page.next_shard_iterator.unwrap();
        }
        assert_eq!(count, usize::from(number % 3));
    }
    let mut subscription = world
        .subscribe(&arn, SHARD_0, Start::After(&from.unwrap()))
        .await;
    read.extend(data(&mut subscription).await.concat());
    assert_eq!(read, [1, 2, 2, 4, 5, 5, 7, 8, 8, 10, 11, 11]);
}

#[tokio::test(start_paused = true)]
async fn it_lives_for_five_minutes() {
    let world = World::new().await;
    let arn = world.with_consumer(1).await;
    let mut subscription = world.subscribe(&arn, SHARD_0, Start::Latest).await;
    let began = Instant::now();
    let lifetime = subscription.lifetime();
    let mut events = 0;
    while let Some(next) = subscription.next().await {
        assert_eq!(next.unwrap().records, Vec::new());
        events += 1;
    }
    assert_eq!(began.elapsed(), Duration::from_secs(300));
    assert_eq!(events, 60);
    lifetime.over().await;
    assert_eq!(began.elapsed(), Duration::from_secs(300));
    // Its place is its own until it is dropped, but a later one takes it.
    world.subscribe(&arn, SHARD_0, Start::Latest).await;
}

#[tokio::test(start_paused = true)]
async fn a_later_subscription_takes_over_after_five_seconds() {
    let world = World::new().await;
    let arn = world.with_consumer(2).await;
    let mut first = world.subscribe(&arn, SHARD_0, Start::Latest).await;
    let text = format!(
        "Another active subscription exists for this consumer: {ACCOUNT}:meters:{SHARD_0}:billing"
    );
    sleep(Duration::from_millis(4_999)).await;
    let refused = world.try_subscribe(&arn, SHARD_0, Start::Latest).await;
    assert_eq!(on_wire(refused), (ErrorCode::ResourceInUse, text.clone()));
    event(&mut first).await;
    // Another shard, and another consumer, are other places.
    let mut beside = world.subscribe(&arn, SHARD_1, Start::Latest).await;
    let other = world.register("meters", "alarms").await.consumer_arn;
    let _other = world.subscribe(&other, SHARD_0, Start::Latest).await;
    sleep(Duration::from_millis(1)).await;
    let wrong = world.try_subscribe(&arn, SHARD_0, Start::After("1")).await;
    assert!(wrong.is_err());
    let waiting = tokio::spawn(async move {
        let lifetime = first.lifetime();
        event(&mut first).await;
        let said = ended(&mut first).await;
        lifetime.over().await;
        said
    });
    sleep(Duration::from_millis(5_001)).await;
    let mut second = world.subscribe(&arn, SHARD_0, Start::Latest).await;
    assert_eq!(waiting.await.unwrap(), (ErrorCode::ResourceInUse, text));
    // The first one's end does not free what the second one has.
    let refused = world.try_subscribe(&arn, SHARD_0, Start::Latest).await;
    assert_eq!(on_wire(refused).0, ErrorCode::ResourceInUse);
    event(&mut second).await;
    event(&mut beside).await;
    drop(second);
    world.subscribe(&arn, SHARD_0, Start::Latest).await;
}

#[tokio::test(start_paused = true)]
async fn a_split_and_a_merge_end_their_shards_with_who_follows() {
    let world = World::new().await;
    let arn = world.with_consumer(1).await;
    let mut parent = world.subscribe(&arn, SHARD_0, Start::Latest).await;
    event(&mut parent).await;
    let began = Instant::now();
    let middle = 1_u128 << 127;
    let (split, (records, children)) = tokio::join!(
        async {
            world.put("meters", "a", b"last").await;
            world.split("meters", SHARD_0, middle).await
        },
        rest(&mut parent)
    );
    split.unwrap();
    assert_eq!(
        began.elapsed(),
        Duration::ZERO,
        "nobody waits for a heartbeat"
    );
    assert_eq!(records, [b"last"]);
    let ids: Vec<_> = children
        .iter()
        .map(|child| child.shard_id.as_str())
        .collect();
    assert_eq!(ids, [SHARD_1, SHARD_2]);
    for child in &children {
        assert_eq!(child.parent_shards, [SHARD_0]);
    }
    assert_eq!(
        children[1].hash_key_range.starting_hash_key,
        HashKey(middle)
    );

    let mut left = world.subscribe(&arn, SHARD_1, Start::TrimHorizon).await;
    let mut right = world.subscribe(&arn, SHARD_2, Start::TrimHorizon).await;
    event(&mut left).await;
    world.merge("meters", SHARD_1, SHARD_2).await.unwrap();
    for child in [&mut left, &mut right] {
        let (_, children) = rest(child).await;
        assert_eq!(children.len(), 1);
        assert_eq!(children[0].parent_shards, [SHARD_1, SHARD_2]);
    }
    // From any position, a shard that is closed ends the same way.
    sleep(Duration::from_secs(6)).await;
    for start in [Start::TrimHorizon, Start::Latest, Start::Time(START_MS)] {
        drop(parent);
        parent = world.subscribe(&arn, SHARD_0, start).await;
        let (records, children) = rest(&mut parent).await;
        assert_eq!(records.is_empty(), matches!(start, Start::Latest));
        assert_eq!(children.len(), 2);
    }
}

#[tokio::test(start_paused = true)]
async fn a_deleted_consumer_and_a_deleted_stream_end_it_at_once() {
    for delete_stream in [false, true] {
        let world = World::new().await;
        let arn = world.with_consumer(1).await;
        let mut subscription = world.subscribe(&arn, SHARD_0, Start::Latest).await;
        event(&mut subscription).await;
        let began = Instant::now();
        let delete = async {
            match delete_stream {
                true => world.delete_enforced("meters").await,
                false => world.deregister(&arn).await.unwrap(),
            }
        };
        let (said, ()) = tokio::join!(ended(&mut subscription), delete);
        let text = format!("Consumer {arn}, account {ACCOUNT} not found.");
        assert_eq!(said, (ErrorCode::ResourceNotFound, text));
        assert_eq!(began.elapsed(), Duration::ZERO);
        subscription.lifetime().over().await;
        assert_eq!(began.elapsed(), Duration::ZERO);
    }
}

#[tokio::test(start_paused = true)]
async fn a_stop_ends_it_cleanly_and_is_not_held_up() {
    let world = World::new().await;
    let arn = world.with_consumer(2).await;
    let mut waiting = world.subscribe(&arn, SHARD_0, Start::Latest).await;
    // Nobody asks this one for anything, and it is never dropped.
    let unattended = world.subscribe(&arn, SHARD_1, Start::Latest).await;
    event(&mut waiting).await;
    let (next, is_stopped) = tokio::join!(waiting.next(), async {
        world.service().await.end_subscriptions();
        world.service().await.stop(Duration::from_secs(1)).await
    });
    assert!(next.is_none() && is_stopped);
    unattended.lifetime().over().await;
    let refused = world.try_subscribe(&arn, SHARD_1, Start::Latest).await;
    assert_eq!(on_wire(refused).0, ErrorCode::ServiceUnavailable);
}

#[tokio::test(start_paused = true)]
async fn an_event_has_a_bound() {
    let world = World::new().await;
    let arn = world.with_consumer(1).await;
    let large = vec![7; 1_000_000];
    for size in [10, 1_000_000, 400_000, 400_000, 400_000, 1_000_000] {
        world.put("meters", "k", &large[..size]).await;
    }
    for _ in 0..21 {
        let records = vec![record("k", b"x"); 500];
        world.put_many("meters", records).await.unwrap();
    }
    let mut subscription = world.subscribe(&arn, SHARD_0, Start::TrimHorizon).await;
    let mut sizes = Vec::new();
    let mut count = 0;
    while count < 6 + 21 * 500 {
        let event = event(&mut subscription).await;
        let bytes: usize = event.records.iter().map(|one| one.data().len()).sum();
        assert!(bytes <= 3 * 512 * 1024 && event.records.len() <= 10_000);
        assert!(event.millis_behind_latest == 0);
        count += event.records.len();
        sizes.push(event.records.len());
    }
    // Each record counts 135 bytes besides its key and data: 1 of 1 MB and 4,180 of one byte fit.
    assert_eq!(sizes[..3], [3, 2, 4181], "{sizes:?}");
    world.put("meters", "k", &large).await;
    assert_eq!(data(&mut subscription).await.concat().len(), 1_000_000);
}

#[tokio::test(start_paused = true)]
async fn what_cannot_be_subscribed_is_refused_before_the_stream_of_events() {
    let world = World::with(StreamSettings {
        transition: Duration::from_secs(3),
        ..StreamSettings::default()
    })
    .await;
    world.create("meters", 1).await;
    world.pass(4).await;
    let arn = world.register("meters", "billing").await.consumer_arn;
    let second = arn.rsplit(':').next().unwrap();
    let refused = async |arn: &str, shard: &str, start: Start<'_>| {
        on_wire(world.try_subscribe(arn, shard, start).await)
    };
    let text = format!(
        "Consumer billing with creation timestamp {second} under stream: meters , account {ACCOUNT} is not in ACTIVE \
         status."
    );
    let early = refused(&arn, SHARD_0, Start::Latest).await;
    assert_eq!(early, (ErrorCode::ResourceInUse, text));
    world.pass(4).await;

    let unknown = arn.replace("billing", "nobody");
    let text = format!("Consumer {unknown}, account {ACCOUNT} not found.");
    let missing = refused(&unknown, SHARD_0, Start::Latest).await;
    assert_eq!(missing, (ErrorCode::ResourceNotFound, text));
    let text = format!("Shard {SHARD_1} in stream meters under account {ACCOUNT} does not exist");
    let missing = refused(&arn, "1", Start::Latest).await;
    assert_eq!(missing, (ErrorCode::ResourceNotFound, text));
    assert_eq!(
        refused(&arn, "x", Start::Latest).await.0,
        ErrorCode::ResourceNotFound
    );

    let text = format!(
        "StartingSequenceNumber 1x7 used in SubscribeToShard on shard {SHARD_0} in stream meters under account \
         {ACCOUNT} is invalid."
    );
    let invalid = refused(&arn, SHARD_0, Start::After("1x7")).await;
    assert_eq!(invalid, (ErrorCode::InvalidArgument, text));
    let future = refused(&arn, SHARD_0, Start::Time(START_MS + 60_000)).await;
    assert_eq!(future.0, ErrorCode::InvalidArgument);
    // Nobody was subscribed by any of these.
    world.subscribe(&arn, SHARD_0, Start::Time(START_MS)).await;
}

#[tokio::test(start_paused = true)]
async fn a_removed_shard_ends_it() {
    let world = World::new().await;
    let arn = world.with_consumer(1).await;
    world.split("meters", SHARD_0, 1 << 127).await.unwrap();
    let mut subscription = world.subscribe(&arn, SHARD_0, Start::TrimHorizon).await;
    world.clock.advance_ms(25 * 3_600_000);
    world.service().await.enforce_retention().await.unwrap();
    let next = subscription.next().await.expect("it says how it ends");
    assert_eq!(on_wire(next).0, ErrorCode::ResourceNotFound);
}
