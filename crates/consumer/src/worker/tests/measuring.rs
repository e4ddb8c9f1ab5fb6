//! What a worker measures while it works.

use super::*;
use crate::{Measurement, Metric, MetricsRecorder, Operation, PublishFuture};

/// What was measured, while doing what, whether of a shard, and how much.
type Value = (Metric, Operation, bool, f64);

/// Keeps every measurement, and counts how often it is published.
#[derive(Debug, Clone, Default)]
struct Measured {
    values: Arc<Mutex<Vec<Value>>>,
    published: Arc<AtomicU32>,
}

impl MetricsRecorder for Measured {
    fn record(&self, measurement: &Measurement<'_>) {
        assert_eq!(measurement.worker_id, "w");
        let has_shard = measurement.shard_id.is_some();
        let value = (
            measurement.metric,
            measurement.operation,
            has_shard,
            measurement.value,
        );
        self.values.lock().unwrap().push(value);
    }

    fn publish_interval(&self) -> Option<Duration> {
        Some(Duration::from_secs(1))
    }

    fn publish(&self) -> PublishFuture<()> {
        self.published.fetch_add(1, Ordering::Relaxed);
        std::future::ready(()).boxed()
    }
}

impl Measured {
    fn of(&self, metric: Metric) -> Vec<f64> {
        let values = self.values.lock().unwrap();
        let of_metric = values.iter().filter(|(measured, ..)| *measured == metric);
        of_metric.map(|(.., value)| *value).collect()
    }

    fn sum(&self, metric: Metric) -> f64 {
        self.of(metric).iter().sum()
    }
}

fn measured_worker(stream: &MemoryStream, table: &MemoryLeaseTable, measured: &Measured) -> Run {
    let failed = Arc::new(AtomicU32::new(0));
    Consumer::builder("tested", "stream")
        .source(stream.clone())
        .lease_table(table.clone())
        .metrics(measured.clone())
        .settings(Settings::new().failover_time(FAILOVER).worker_id("w"))
        .build()
        .unwrap()
        .for_each(move |record| {
            let fails = record.data.is_empty() && failed.fetch_add(1, Ordering::Relaxed) == 0;
            async move { if fails { Err("once".into()) } else { Ok(()) } }
        })
}

#[tokio::test(start_paused = true)]
async fn a_worker_measures_what_it_does_under_the_names_of_the_kcl() {
    let (stream, table) = (MemoryStream::new(2), MemoryLeaseTable::default());
    for key in 0..10 {
        stream.put(&format!("key-{key}"), "data");
    }
    stream.put("key-0", "");
    let measured = Measured::default();
    let run = measured_worker(&stream, &table, &measured);
    run.until(sleep(Duration::from_millis(20_500)))
        .await
        .unwrap();
    let sums =
        [Metric::RecordsProcessed, Metric::DataBytesProcessed].map(|metric| measured.sum(metric));
    assert_eq!(sums, [11.0, 40.0]);
    let tries = measured.of(Metric::ProcessRecordsSuccess);
    assert_eq!(tries.iter().filter(|success| **success == 0.0).count(), 1);
    assert_eq!(tries.len(), measured.of(Metric::ProcessRecordsTime).len());
    for (metric, last) in [
        (Metric::CurrentLeases, 2.0),
        (Metric::TotalLeases, 2.0),
        (Metric::NumWorkers, 1.0),
    ] {
        assert_eq!(measured.of(metric).last(), Some(&last), "{}", metric.name());
    }
    for metric in [
        Metric::InitializeSuccess,
        Metric::ShutdownSuccess,
        Metric::TakenLeases,
    ] {
        assert_eq!(measured.of(metric), [1.0, 1.0], "{}", metric.name());
    }
    for metric in [
        Metric::GetRecordsSuccess,
        Metric::RenewLeaseSuccess,
        Metric::ListLeasesSuccess,
        Metric::SyncShardsSuccess,
    ] {
        let values = measured.of(metric);
        assert!(
            !values.is_empty() && values.iter().all(|success| *success == 1.0),
            "{}",
            metric.name()
        );
    }
    assert!(measured.of(Metric::MillisBehindLatest).contains(&0.0));
    assert!(measured.of(Metric::LostLeases).is_empty());
    for (metric, operation, has_shard, _) in &*measured.values.lock().unwrap() {
        let is_of_shard = matches!(
            operation,
            Operation::ProcessTask | Operation::InitializeTask | Operation::ShutdownTask
        );
        assert_eq!(*has_shard, is_of_shard, "{}", metric.name());
    }
    assert_eq!(
        measured.published.load(Ordering::Relaxed),
        21,
        "each second, and at the end"
    );
}

#[tokio::test(start_paused = true)]
async fn a_lost_lease_is_counted() {
    let (stream, table) = (MemoryStream::new(1), MemoryLeaseTable::default());
    let (measured, stop) = (Measured::default(), CancellationToken::new());
    let run = spawn(measured_worker(&stream, &table, &measured), &stop);
    sleep(FAILOVER / 2).await;
    table.take(&table.rows()[0], "thief").await.unwrap();
    sleep(FAILOVER / 2).await;
    assert_eq!(measured.of(Metric::LostLeases), [1.0]);
    stop.cancel();
    run.await.unwrap().unwrap();
}
