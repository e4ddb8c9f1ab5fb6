//! Measurements gathered for CloudWatch, as the KCL publishes them.

use std::collections::BTreeMap;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use super::{Measurement, Metric, MetricsRecorder, Operation, Unit};
use crate::BoxError;
use crate::outcome::in_one_line;

/// Most metrics of one call, as in the KCL.
pub const DATA_PER_CALL_MAX: usize = 20;
/// Most metrics that are gathered between two calls; the KCL queues as many.
const GATHERED_MAX: usize = 10_000;
const PUBLISH_INTERVAL: Duration = Duration::from_secs(10);

/// What [`PutMetricData`] returns.
pub type PublishFuture<T> = Pin<Box<dyn Future<Output = T> + Send>>;

/// CloudWatch's operation of this name. Implement it with the client that you have; one that prints:
///
/// ```
/// use millstream_consumer::{BoxError, MetricDatum, PublishFuture, PutMetricData};
///
/// #[derive(Debug)]
/// struct Printed;
///
/// impl PutMetricData for Printed {
///     fn put_metric_data(&self, namespace: &str, data: Vec<MetricDatum>) -> PublishFuture<Result<(), BoxError>> {
///         println!("{namespace}: {data:?}");
///         Box::pin(async { Ok(()) })
///     }
/// }
/// ```
pub trait PutMetricData: Send + Sync + fmt::Debug + 'static {
    /// Sends these, at most 20.
    fn put_metric_data(
        &self,
        namespace: &str,
        data: Vec<MetricDatum>,
    ) -> PublishFuture<Result<(), BoxError>>;
}

impl<T: PutMetricData + ?Sized> PutMetricData for Arc<T> {
    fn put_metric_data(
        &self,
        namespace: &str,
        data: Vec<MetricDatum>,
    ) -> PublishFuture<Result<(), BoxError>> {
        (**self).put_metric_data(namespace, data)
    }
}

/// What was measured of one metric since the last call.
#[non_exhaustive]
#[derive(Debug, Clone, PartialEq)]
pub struct MetricDatum {
    /// The metric's name.
    pub name: &'static str,
    /// Its unit.
    pub unit: &'static str,
    /// Names and values of its dimensions, `Operation` first.
    pub dimensions: Vec<(&'static str, String)>,
    /// The measurements.
    pub statistics: StatisticSet,
}

impl MetricDatum {
    /// What something else than a consumer measures, to be sent beside what consumers do.
    pub fn new(
        name: &'static str,
        unit: Unit,
        dimensions: Vec<(&'static str, String)>,
        statistics: StatisticSet,
    ) -> Self {
        Self {
            name,
            unit: unit.name(),
            dimensions,
            statistics,
        }
    }
}

/// Many measurements in one, as CloudWatch has them.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct StatisticSet {
    /// How many.
    pub sample_count: f64,
    /// Their sum.
    pub sum: f64,
    /// The smallest.
    pub minimum: f64,
    /// The largest.
    pub maximum: f64,
}

impl StatisticSet {
    /// One measurement.
    pub fn of(value: f64) -> Self {
        Self {
            sample_count: 1.0,
            sum: value,
            minimum: value,
            maximum: value,
        }
    }

    /// One more.
    pub fn add(&mut self, value: f64) {
        self.sample_count += 1.0;
        self.sum += value;
        self.minimum = self.minimum.min(value);
        self.maximum = self.maximum.max(value);
    }
}

/// Gathers measurements and sends them to CloudWatch every 10 s, under the KCL's names: the namespace is the
/// application's name, and the dimensions are `Operation`, and `ShardId` or `WorkerIdentifier`; with `ShardId` also
/// `StreamId` where the application reads several streams.
///
/// The worker that it is given to publishes while it runs, and once more when it ends. What cannot be sent is lost, with a
/// warning: metrics hold nothing up.
#[derive(Debug, Clone)]
pub struct CloudWatchMetrics {
    namespace: String,
    client: Arc<dyn PutMetricData>,
    gathered: Arc<Mutex<Gathered>>,
}

#[derive(Debug, Default)]
struct Gathered {
    sets: BTreeMap<Key, StatisticSet>,
    /// Measurements for which there was no room.
    dropped: u64,
}

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Key {
    metric: Metric,
    operation: Operation,
    of: Of,
}

/// The other dimensions.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Of {
    Shard(String),
    Worker(String),
}

impl Of {
    fn dimensions(self) -> Vec<(&'static str, String)> {
        match self {
            Self::Worker(worker_id) => vec![("WorkerIdentifier", worker_id)],
            Self::Shard(shard_id) => match shard_id.rsplit_once(':') {
                Some((stream, own_id)) => vec![
                    ("StreamId", stream.to_owned()),
                    ("ShardId", own_id.to_owned()),
                ],
                None => vec![("ShardId", shard_id)],
            },
        }
    }
}

impl CloudWatchMetrics {
    /// For the application of this name.
    pub fn new(application: impl Into<String>, client: impl PutMetricData) -> Self {
        Self {
            namespace: application.into(),
            client: Arc::new(client),
            gathered: Arc::default(),
        }
    }

    fn take(&self) -> Gathered {
        let mut gathered = self.gathered.lock().unwrap_or_else(PoisonError::into_inner);
        std::mem::take(&mut *gathered)
    }

    async fn send(self) {
        let Gathered { sets, dropped } = self.take();
        if dropped > 0 {
            tracing::warn!(
                dropped,
                "measurements were dropped: too many shards between two calls"
            );
        }
        let data: Vec<MetricDatum> = sets.into_iter().map(datum).collect();
        for data in data.chunks(DATA_PER_CALL_MAX) {
            let sent = self.client.put_metric_data(&self.namespace, data.to_vec());
            if let Err(error) = sent.await {
                let error = in_one_line(&*error);
                tracing::warn!(lost = data.len(), error, "metrics could not be sent");
            }
        }
    }
}

fn datum((key, statistics): (Key, StatisticSet)) -> MetricDatum {
    let mut dimensions = vec![("Operation", key.operation.name().to_owned())];
    dimensions.extend(key.of.dimensions());
    MetricDatum {
        name: key.metric.name(),
        unit: key.metric.unit().name(),
        dimensions,
        statistics,
    }
}

impl MetricsRecorder for CloudWatchMetrics {
    fn record(&self, measurement: &Measurement<'_>) {
        let of = match measurement.shard_id {
            Some(shard_id) => Of::Shard(shard_id.to_owned()),
            None => Of::Worker(measurement.worker_id.to_owned()),
        };
        let key = Key {
            metric: measurement.metric,
            operation: measurement.operation,
            of,
        };
        let mut gathered = self.gathered.lock().unwrap_or_else(PoisonError::into_inner);
        let has_room = gathered.sets.len() < GATHERED_MAX;
        match gathered.sets.get_mut(&key) {
            Some(set) => set.add(measurement.value),
            None if has_room => {
                let set = StatisticSet::of(measurement.value);
                gathered.sets.insert(key, set);
            }
            None => gathered.dropped += 1,
        }
    }

    fn publish_interval(&self) -> Option<Duration> {
        Some(PUBLISH_INTERVAL)
    }

    fn publish(&self) -> PublishFuture<()> {
        Box::pin(self.clone().send())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A namespace, and what was put there.
    type Call = (String, Vec<MetricDatum>);

    /// Keeps the calls; fails the first.
    #[derive(Debug, Clone, Default)]
    struct Calls(Arc<Mutex<Vec<Call>>>);

    impl PutMetricData for Calls {
        fn put_metric_data(
            &self,
            namespace: &str,
            data: Vec<MetricDatum>,
        ) -> PublishFuture<Result<(), BoxError>> {
            let mut calls = self.0.lock().unwrap();
            calls.push((namespace.to_owned(), data));
            let is_first = calls.len() == 1;
            Box::pin(async move {
                if is_first {
                    return Err("throttled".into());
                }
                Ok(())
            })
        }
    }

    fn record(metrics: &CloudWatchMetrics, metric: Metric, value: f64, shard_id: Option<&str>) {
        metrics.record(&Measurement {
            metric,
            value,
            operation: Operation::ProcessTask,
            shard_id,
            worker_id: "w",
        });
    }

    #[tokio::test]
    async fn measurements_are_gathered_and_sent_in_calls_of_twenty() {
        let calls = Calls::default();
        let metrics = CloudWatchMetrics::new("till", calls.clone());
        for shard in 0..25 {
            for value in [3.0, 1.0, 8.0] {
                let shard_id = format!("s{shard:02}");
                record(&metrics, Metric::DataBytesProcessed, value, Some(&shard_id));
            }
        }
        record(&metrics, Metric::CurrentLeases, 25.0, None);
        metrics.publish().await;
        metrics.publish().await;
        let calls = calls.0.lock().unwrap();
        let sizes: Vec<usize> = calls.iter().map(|(_, data)| data.len()).collect();
        assert_eq!(
            sizes,
            [20, 6],
            "a failed call holds nothing up, and nothing is sent twice"
        );
        let (namespace, data) = &calls[0];
        assert_eq!(namespace, "till");
        let expected = MetricDatum {
            name: "DataBytesProcessed",
            unit: "Bytes",
            dimensions: vec![
                ("Operation", "ProcessTask".to_owned()),
                ("ShardId", "s00".to_owned()),
            ],
            statistics: StatisticSet {
                sample_count: 3.0,
                sum: 12.0,
                minimum: 1.0,
                maximum: 8.0,
            },
        };
        assert_eq!(data[0], expected);
        let of_worker = calls[1].1.last().unwrap();
        assert_eq!(of_worker.name, "CurrentLeases");
        assert_eq!(
            of_worker.dimensions[1],
            ("WorkerIdentifier", "w".to_owned())
        );
    }

    #[tokio::test]
    async fn of_several_streams_the_dimensions_say_stream_and_shard_apart() {
        let calls = Calls::default();
        let metrics = CloudWatchMetrics::new("till", calls.clone());
        let shard_id = "123456789012:orders:1795881602:shardId-000000000003";
        record(&metrics, Metric::DataBytesProcessed, 1.0, Some(shard_id));
        metrics.publish().await;
        let calls = calls.0.lock().unwrap();
        let expected = [
            ("Operation", "ProcessTask"),
            ("StreamId", "123456789012:orders:1795881602"),
            ("ShardId", "shardId-000000000003"),
        ];
        let expected = expected.map(|(name, value)| (name, value.to_owned()));
        assert_eq!(calls[0].1[0].dimensions, expected);
    }

    #[test]
    fn what_is_gathered_is_bounded() {
        let metrics = CloudWatchMetrics::new("till", Calls::default());
        for shard in 0..=GATHERED_MAX {
            record(
                &metrics,
                Metric::RecordsProcessed,
                1.0,
                Some(&shard.to_string()),
            );
        }
        record(&metrics, Metric::RecordsProcessed, 1.0, Some("0"));
        let gathered = metrics.take();
        assert_eq!((gathered.sets.len(), gathered.dropped), (GATHERED_MAX, 1));
    }
}
