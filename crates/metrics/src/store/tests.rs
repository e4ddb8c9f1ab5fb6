//! The store on engines in memory, with a clock that tests set.

use std::sync::Arc;

use millstream_log::contract::ManualClock;
use millstream_log::{MemoryEngine, MemorySettings};
use millstream_types::TimestampMs;
use tokio_util::sync::CancellationToken;

use super::*;
use crate::series::tests::series;
use crate::{Aggregate, Series};

/// 2023-11-14 22:00 UTC.
const START: Minute = Minute(28_333_320);

struct Trial {
    clock: Arc<ManualClock>,
    engine: MemoryEngine,
    settings: MetricSettings,
    store: MetricStore,
    stop: CancellationToken,
    writer: tokio::task::JoinHandle<()>,
}

impl Trial {
    fn new(settings: MetricSettings) -> Self {
        let clock = Arc::new(ManualClock::new(TimestampMs(START.as_secs() * 1000)));
        let memory = MemorySettings::default();
        let engine = MemoryEngine::new(memory, Arc::clone(&clock) as Arc<dyn WallClock>);
        Self::on(clock, engine, settings)
    }

    fn on(clock: Arc<ManualClock>, engine: MemoryEngine, settings: MetricSettings) -> Self {
        let shared = Arc::new(engine.reopen());
        // The newest handle is the one that may write; an older one is kept to reopen from.
        let (store, writer) =
            MetricStore::new(shared, Arc::clone(&clock) as Arc<dyn WallClock>, settings);
        let stop = CancellationToken::new();
        let writer = tokio::spawn(writer.run(stop.clone()));
        Self {
            clock,
            engine,
            settings,
            store,
            stop,
            writer,
        }
    }

    /// As after a kill of the process: nothing is written at the end.
    async fn restart(self) -> Self {
        self.writer.abort();
        drop(self.writer.await);
        Self::on(self.clock, self.engine, self.settings)
    }

    fn set(&self, minute: u32) {
        let now = Minute(START.0 + minute);
        self.clock.set(TimestampMs(now.as_secs() * 1000));
    }

    async fn put(&self, name: &str, minute: u32, value: f64) -> Result<(), PutError> {
        self.store.put(vec![sample(name, minute, value)]).await
    }

    /// Puts twice: the second time is taken only once what is due after the first is done.
    async fn put_and_settle(&self, name: &str, minute: u32) {
        self.set(minute);
        for _ in 0..2 {
            self.put(name, minute, 1.0).await.unwrap();
        }
    }

    /// Count and sum of each period that has samples, by the minute since the start.
    async fn read(&self, name: &str, from: u32, until: u32, period: u32) -> Vec<(u32, f64, f64)> {
        let Series { owner, metric, .. } = series(name);
        let wanted = Wanted {
            owner,
            metric,
            unit: None,
            from: Minute(START.0 + from),
            until: Minute(START.0 + until),
            period_secs: period * 60,
            with_spread: false,
        };
        let mut read = self.store.read(&[wanted]).await.unwrap();
        let units = read.pop().unwrap();
        assert!(units.len() <= 1, "all samples have one unit");
        let points = units.into_iter().flat_map(|(_, points)| points);
        let told = points.map(|(secs, point)| {
            let minute = u32::try_from(secs / 60).unwrap() - START.0;
            (minute, point.count(), point.sum())
        });
        told.collect()
    }
}

fn sample(name: &str, minute: u32, value: f64) -> Sample {
    Sample {
        series: series(name),
        minute: Minute(START.0 + minute),
        aggregate: Aggregate::of_value(value, 1.0),
    }
}

#[tokio::test(start_paused = true)]
async fn what_was_put_is_there_after_a_kill_before_and_after_a_checkpoint() {
    let mut trial = Trial::new(MetricSettings::default());
    for minute in 0..200 {
        trial.set(minute);
        trial.put("m", minute, f64::from(minute)).await.unwrap();
        if minute % 17 == 0 {
            trial = trial.restart().await;
        }
    }
    let expected: Vec<_> = (0..200)
        .map(|minute| (minute, 1.0, f64::from(minute)))
        .collect();
    assert_eq!(trial.read("m", 0, 200, 1).await, expected);
    let usage = trial.store.usage().await.unwrap();
    assert_eq!(usage.series, 1);
    // Most of it is in blocks: the journal has the rest.
    assert!(usage.stored_bytes < 8_000, "{usage:?}");
    let sum: f64 = (60..120).map(f64::from).sum();
    assert_eq!(trial.read("m", 60, 120, 60).await, [(60, 60.0, sum)]);
}

#[tokio::test(start_paused = true)]
async fn late_samples_are_merged_into_their_minute() {
    let trial = Trial::new(MetricSettings::default());
    trial.put("m", 0, 1.0).await.unwrap();
    trial.set(61);
    trial.put("m", 61, 2.0).await.unwrap();
    trial.set(130);
    trial.put("m", 0, 4.0).await.unwrap();
    trial.set(200);
    trial.put("m", 0, 8.0).await.unwrap();
    assert_eq!(
        trial.read("m", 0, 100, 1).await,
        [(0, 3.0, 13.0), (61, 1.0, 2.0)]
    );
}

#[tokio::test(start_paused = true)]
async fn minutes_become_five_minutes_after_three_days_and_are_dropped_after_fifteen() {
    let trial = Trial::new(MetricSettings::default());
    let day = 24 * 60;
    for minute in 0..30 {
        trial.put("m", minute, 1.0).await.unwrap();
    }
    let ones = |minute| (minute, 1.0, 1.0);
    trial.put_and_settle("other", 61).await;
    trial.put_and_settle("other", 2 * day).await;
    assert_eq!(
        trial.read("m", 0, 30, 1).await,
        (0..30).map(ones).collect::<Vec<_>>()
    );
    trial.put_and_settle("other", 4 * day).await;
    let points = trial.read("m", 0, 30, 1).await;
    assert!(points.len() <= 7, "{points:?}");
    assert_eq!(points.iter().map(|point| point.1).sum::<f64>(), 30.0);
    trial.put_and_settle("other", 15 * day + 60).await;
    assert_eq!(trial.read("m", 0, 30, 1).await, []);
    trial.put_and_settle("other", 16 * day).await;
    let usage = trial.store.usage().await.unwrap();
    assert_eq!(usage.series, 1, "a series without samples is forgotten");
}

#[tokio::test(start_paused = true)]
async fn over_each_bound_a_put_is_refused_and_what_is_there_stays() {
    let one_name = series("m").cost_bytes();
    let settings = MetricSettings {
        names_bytes_max: 2 * one_name,
        series_bytes_max: 100,
        stored_bytes_max: 20_000,
        ..MetricSettings::default()
    };
    let trial = Trial::new(settings);
    let both = vec![sample("a", 0, 1.0), sample("b", 0, 1.0)];
    let third = vec![sample("a", 0, 1.0), sample("c", 0, 1.0)];
    trial.store.put(both).await.unwrap();
    let refused = trial.store.put(third).await;
    assert_eq!(refused, Err(PutError::Refused(Refused::TooManySeries)));
    assert_eq!(trial.read("a", 0, 1, 1).await, [(0, 1.0, 1.0)]);
    for minute in 0..60 {
        trial.set(minute);
        trial.put("a", minute, 0.5).await.unwrap();
    }
    trial.set(61);
    trial.put("b", 61, 0.5).await.unwrap();
    trial.set(62);
    let refused = trial.put("a", 62, 0.5).await;
    assert_eq!(refused, Err(PutError::Refused(Refused::SeriesFull)));
    let mut refused = Ok(());
    for _ in 0..400 {
        refused = refused.and(trial.put("b", 62, 0.5).await);
    }
    assert_eq!(refused, Err(PutError::Refused(Refused::Full)));
    assert_eq!(trial.read("a", 0, 60, 60).await.len(), 1);
}

#[tokio::test(start_paused = true)]
async fn metrics_are_listed_in_order_in_pages_and_only_to_their_owner() {
    let trial = Trial::new(MetricSettings::default());
    for name in ["c", "a", "b"] {
        trial.put(name, 0, 1.0).await.unwrap();
    }
    let mut bytes = sample("a", 5, 1.0);
    bytes.series.unit = crate::Unit::BYTES;
    trial.store.put(vec![bytes]).await.unwrap();
    let owner = series("a").owner;
    let list = async |owner: &Owner, after: Option<&Metric>| {
        let (listed, more) = trial.store.list(owner, after, 2, |_| true).await.unwrap();
        let names = listed
            .iter()
            .map(|one| (one.metric.name().to_owned(), one.last.0 - START.0));
        (names.collect::<Vec<_>>(), more)
    };
    let (first, more) = list(&owner, None).await;
    assert_eq!(
        (first, more),
        (vec![("a".into(), 5), ("b".into(), 0)], true)
    );
    let (rest, more) = list(&owner, Some(&series("b").metric)).await;
    assert_eq!((rest, more), (vec![("c".into(), 0)], false));
    let other = Owner {
        region: "eu-west-1".parse().unwrap(),
        ..owner.clone()
    };
    assert_eq!(list(&other, None).await, (vec![], false));
    // Two weeks after its last sample a metric is listed no more.
    trial.set(14 * 24 * 60 + 3);
    let (left, _) = list(&owner, None).await;
    assert_eq!(left, [("a".into(), 5)]);
}

/// A year of samples of two series, one of them new each day, restarts among them.
#[tokio::test(start_paused = true)]
async fn a_year_of_samples_stays_inside_the_bounds() {
    const HOURS: u32 = 365 * 24;
    let settings = MetricSettings {
        stored_bytes_max: 3 << 20,
        ..MetricSettings::default()
    };
    let mut trial = Trial::new(settings);
    let mut seen = Usage {
        series: 0,
        memory_bytes: 0,
        stored_bytes: 0,
    };
    for hour in 0..HOURS {
        trial.set(hour * 60 + 59);
        let mut samples = Vec::new();
        for minute in hour * 60..hour * 60 + 60 {
            samples.push(sample("a", minute, f64::from(minute % 7) + 0.5));
        }
        samples.push(sample(&format!("shard-{}", hour / 24), hour * 60, 1.0));
        trial.store.put(samples).await.unwrap();
        let usage = trial.store.usage().await.unwrap();
        seen = Usage {
            series: seen.series.max(usage.series),
            memory_bytes: seen.memory_bytes.max(usage.memory_bytes),
            stored_bytes: seen.stored_bytes.max(usage.stored_bytes),
        };
        if hour % 1000 == 999 {
            trial = trial.restart().await;
        }
    }
    assert!(seen.series <= 1 + 17, "{seen:?}");
    assert!(seen.memory_bytes <= 1 << 20, "{seen:?}");
    assert!(seen.stored_bytes <= 3 << 20, "{seen:?}");
    let end = HOURS * 60;
    let from = end - 15 * 24 * 60 + 60;
    let points = trial.read("a", from, end, 15 * 24 * 60).await;
    let sum: f64 = (from..end).map(|minute| f64::from(minute % 7) + 0.5).sum();
    assert_eq!(points, [(from, f64::from(end - from), sum)]);
    trial.stop.cancel();
    trial.writer.await.unwrap();
}
