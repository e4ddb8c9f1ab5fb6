//! Calls in, samples under AWS's names out.

use std::sync::Arc;
use std::time::Duration;

use millstream_log::contract::ManualClock;
use millstream_log::{MemoryEngine, MemorySettings};
use millstream_types::{ConsumerName, ShardUse, TimestampMs, WallClock};

use super::*;
use crate::{Dimension, Metric, MetricSettings, Statistic, Wanted};

const START_MS: u64 = 1_700_000_040_000;

/// Monitors the shards of streams that are called so.
#[derive(Debug)]
struct Monitored;

impl ShardMonitoring for Monitored {
    fn shard_level_metrics(&self, _owner: &Owner, stream: &StreamName) -> Vec<String> {
        match stream.as_str() {
            "monitored" => vec!["IncomingBytes".to_owned(), "OutgoingRecords".to_owned()],
            _ => Vec::new(),
        }
    }
}

struct Trial {
    clock: Arc<ManualClock>,
    store: MetricStore,
    metrics: Arc<StreamMetrics>,
    account: AccountId,
    region: Region,
}

impl Trial {
    fn new() -> Self {
        let clock = Arc::new(ManualClock::new(TimestampMs(START_MS)));
        let walled = Arc::clone(&clock) as Arc<dyn WallClock>;
        let engine = MemoryEngine::new(MemorySettings::default(), Arc::clone(&walled));
        let (store, writer) = MetricStore::new(Arc::new(engine), walled, MetricSettings::default());
        drop(tokio::spawn(writer.run(CancellationToken::new())));
        let metrics = StreamMetrics::new(store.clone());
        drop(tokio::spawn(
            Arc::clone(&metrics).run(Monitored, CancellationToken::new()),
        ));
        Self {
            clock,
            store,
            metrics,
            account: "000000000000".parse().unwrap(),
            region: "us-east-1".parse().unwrap(),
        }
    }

    fn used(
        &self,
        stream: &str,
        operation: &'static str,
        consumer: Option<&ConsumerName>,
        shards: &[ShardUse],
        behind_ms: Option<u64>,
        error: Option<ErrorClass>,
    ) {
        self.metrics.stream_use(&StreamUse {
            account: &self.account,
            region: &self.region,
            stream: &stream.parse().unwrap(),
            consumer,
            operation,
            shards,
            behind_ms,
            error,
            time: Duration::from_micros(1500),
        });
    }

    fn put(&self, stream: &str, shards: &[ShardUse]) {
        self.used(stream, "PutRecord", None, shards, None, None);
    }

    /// The minute passes, and what it came to is put.
    async fn pass_minute(&self) {
        self.clock.step_ms(60_000);
        // Time is paused: it goes on once nobody has anything to do.
        tokio::time::sleep(Duration::from_secs(10)).await;
    }

    /// Of all that was put up to now.
    async fn read(
        &self,
        stream: &str,
        more: Option<(&str, &str)>,
        name: &str,
        statistic: Statistic,
    ) -> Option<f64> {
        let dimensions = [("StreamName", stream)].into_iter().chain(more);
        let dimensions = dimensions.map(|(name, value)| Dimension {
            name: name.into(),
            value: value.into(),
        });
        let wanted = Wanted {
            owner: Owner {
                account: self.account.clone(),
                region: self.region.clone(),
            },
            metric: Metric::new("AWS/Kinesis", name, dimensions.collect()).unwrap(),
            unit: None,
            from: Minute::of(TimestampMs(START_MS)),
            until: Minute(self.store.now().0 + 1),
            period_secs: 86_400,
            with_spread: false,
        };
        let mut read = self.store.read(&[wanted]).await.unwrap();
        let (_, points) = read.pop()?.pop()?;
        statistic.of(points.values().next()?)
    }
}

fn shard(number: u32, records: u64, bytes: u64) -> ShardUse {
    ShardUse {
        shard: format!("shardId-{number:012}").parse().unwrap(),
        records,
        bytes,
        throttled_records: 0,
        failed_records: 0,
    }
}

#[tokio::test(start_paused = true)]
async fn each_call_is_counted_once_under_awss_names() {
    let trial = Trial::new();
    let throttled = ShardUse {
        throttled_records: 2,
        ..shard(1, 1, 40)
    };
    for _ in 0..3 {
        trial.put("trades", &[shard(0, 1, 100)]);
        let shards = [shard(0, 4, 400), throttled];
        trial.used("trades", "PutRecords", None, &shards, None, None);
        let shards = [shard(0, 5, 500)];
        trial.used("trades", "GetRecords", None, &shards, Some(7000), None);
    }
    let refused = Some(ErrorClass::Throttled);
    trial.used("trades", "GetRecords", None, &[], None, refused);
    trial.pass_minute().await;
    use Statistic::{Average, Maximum, SampleCount, Sum};
    for (name, statistic, value) in [
        ("IncomingBytes", Sum, 3.0 * 540.0),
        ("IncomingRecords", Sum, 3.0 * 6.0),
        ("PutRecord.Bytes", Sum, 300.0),
        ("PutRecord.Latency", Average, 1.5),
        ("PutRecord.Success", Average, 1.0),
        ("PutRecords.Bytes", Sum, 3.0 * 440.0),
        ("PutRecords.Records", Sum, 15.0),
        ("PutRecords.Success", Sum, 3.0),
        ("PutRecords.TotalRecords", Sum, 21.0),
        ("PutRecords.SuccessfulRecords", Sum, 15.0),
        ("PutRecords.ThrottledRecords", Sum, 6.0),
        ("PutRecords.FailedRecords", Sum, 0.0),
        ("WriteProvisionedThroughputExceeded", Sum, 6.0),
        ("GetRecords.Bytes", Sum, 1500.0),
        ("GetRecords.Records", Sum, 15.0),
        ("GetRecords.Success", Average, 0.75),
        ("GetRecords.Latency", SampleCount, 4.0),
        ("GetRecords.IteratorAgeMilliseconds", Maximum, 7000.0),
        ("ReadProvisionedThroughputExceeded", Sum, 1.0),
    ] {
        assert_eq!(
            trial.read("trades", None, name, statistic).await,
            Some(value),
            "{name}"
        );
    }
    assert_eq!(trial.read("other", None, "IncomingBytes", Sum).await, None);
}

#[tokio::test(start_paused = true)]
async fn the_age_of_iterators_is_that_of_the_last_minute() {
    let trial = Trial::new();
    let ages = || {
        let ages = trial.metrics.iterator_ages();
        let told = |age: &IteratorAge| (age.stream.clone(), age.consumer.clone(), age.most_ms);
        ages.iter().map(told).collect::<Vec<_>>()
    };
    let shards = [shard(0, 1, 10)];
    trial.used("trades", "GetRecords", None, &shards, Some(20), None);
    trial.used("trades", "GetRecords", None, &shards, Some(7000), None);
    let consumer: ConsumerName = "mill".parse().unwrap();
    let event = "SubscribeToShardEvent";
    trial.used("trades", event, Some(&consumer), &shards, Some(9000), None);
    trial.put("written", &shards);
    assert_eq!(ages(), [], "the minute is not over");
    trial.pass_minute().await;
    let (stream, consumer) = ("trades".to_owned(), "mill".to_owned());
    let expected = [
        (stream.clone(), Some(consumer), 9000),
        (stream.clone(), None, 7000),
    ];
    assert_eq!(ages(), expected);
    trial.used("trades", "GetRecords", None, &shards, Some(0), None);
    trial.pass_minute().await;
    assert_eq!(ages(), [(stream, None, 0)]);
}

#[tokio::test(start_paused = true)]
async fn consumers_and_monitored_shards_have_their_own() {
    let trial = Trial::new();
    let consumer: ConsumerName = "fast".parse().unwrap();
    for _ in 0..2 {
        // In the first minute nobody knows yet that shards are wanted.
        for stream in ["monitored", "plain"] {
            trial.put(stream, &[shard(0, 1, 100), shard(1, 2, 50)]);
            let (fast, shards) = (Some(&consumer), [shard(1, 9, 900)]);
            trial.used(
                stream,
                "SubscribeToShardEvent",
                fast,
                &shards,
                Some(3),
                None,
            );
        }
        trial.pass_minute().await;
    }
    let first = Some(("ShardId", "shardId-000000000000"));
    let second = Some(("ShardId", "shardId-000000000001"));
    let fast = Some(("ConsumerName", "fast"));
    for (stream, more, name, value) in [
        ("monitored", first, "IncomingBytes", Some(100.0)),
        ("monitored", second, "IncomingBytes", Some(50.0)),
        ("monitored", second, "OutgoingRecords", Some(9.0)),
        ("monitored", second, "OutgoingBytes", None),
        ("plain", first, "IncomingBytes", None),
        ("plain", fast, "SubscribeToShardEvent.Bytes", Some(1800.0)),
        ("plain", fast, "SubscribeToShardEvent.Records", Some(18.0)),
        (
            "plain",
            fast,
            "SubscribeToShardEvent.MillisBehindLatest",
            Some(6.0),
        ),
        ("plain", fast, "SubscribeToShardEvent.Success", Some(2.0)),
    ] {
        let read = trial.read(stream, more, name, Statistic::Sum).await;
        assert_eq!(read, value, "{stream} {more:?} {name}");
    }
}

#[tokio::test(start_paused = true)]
async fn counters_of_streams_that_nobody_uses_go() {
    let trial = Trial::new();
    trial.put("trades", &[shard(0, 1, 1)]);
    assert_eq!(trial.metrics.tracked().len(), 1);
    trial.pass_minute().await;
    assert_eq!(trial.metrics.tracked().len(), 1);
    trial.pass_minute().await;
    assert_eq!(trial.metrics.tracked().len(), 0);
    trial.put("trades", &[shard(0, 1, 1)]);
    trial.pass_minute().await;
    let sum = trial
        .read("trades", None, "IncomingRecords", Statistic::Sum)
        .await;
    assert_eq!(sum, Some(2.0));
}
