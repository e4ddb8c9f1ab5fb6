//! What a worker counts, as metrics for CloudWatch: under names like those that the KCL gives its own, in the same
//! namespace, the application's name.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::Duration;

use millstream_connectors::SinkCounts;
use millstream_consumer::{
    DATA_PER_CALL_MAX, MetricDatum, PublishFuture, PutMetricData, StatisticSet, Unit,
};

use super::progress::ShardCounts;
use super::{ReadySink, Shared, StageProgress};

/// Time between two calls, as the KCL's.
const PUBLISH_INTERVAL: Duration = Duration::from_secs(10);
/// How long the last one may take.
const LAST_PUBLISH: Duration = Duration::from_secs(5);

/// Names and values of a metric's dimensions.
type Dimensions = Vec<(&'static str, String)>;

/// Publishes what a worker counts while it runs. What cannot be sent is lost, with a warning: metrics hold nothing up.
#[derive(Debug)]
pub(super) struct Publisher {
    namespace: String,
    client: Arc<dyn PutMetricData>,
    shared: Arc<Shared>,
    said: Said,
}

impl Publisher {
    pub(super) fn new(client: Arc<dyn PutMetricData>, shared: Arc<Shared>) -> Self {
        shared.progress.keep_given_up();
        Self {
            namespace: shared.pipeline.name.clone(),
            client,
            shared,
            said: Said::default(),
        }
    }

    /// Does the work, and publishes meanwhile and once more behind it. If this is dropped, what was not sent is lost.
    pub(super) async fn published_while<T>(mut self, work: impl Future<Output = T>) -> T {
        let mut ticks = tokio::time::interval(PUBLISH_INTERVAL);
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        ticks.tick().await;
        tokio::pin!(work);
        let mut on_its_way = None;
        let done = loop {
            let is_idle = on_its_way.is_none();
            tokio::select! {
                biased;
                done = &mut work => break done,
                () = has_arrived(&mut on_its_way) => on_its_way = None,
                _ = ticks.tick(), if is_idle => on_its_way = Some(self.publish()),
            }
        };
        let last = async {
            if let Some(publishing) = on_its_way {
                publishing.await;
            }
            self.publish().await;
        };
        if tokio::time::timeout(LAST_PUBLISH, last).await.is_err() {
            tracing::warn!("the last metrics could not be sent in time");
        }
        done
    }

    /// Sends what is new by now.
    fn publish(&mut self) -> PublishFuture<()> {
        let data = self.said.data(&self.shared.progress, &self.shared.sinks);
        let client = Arc::clone(&self.client);
        Box::pin(send(client, self.namespace.clone(), data))
    }
}

async fn has_arrived(on_its_way: &mut Option<PublishFuture<()>>) {
    match on_its_way {
        Some(publishing) => publishing.await,
        None => std::future::pending().await,
    }
}

async fn send(client: Arc<dyn PutMetricData>, namespace: String, data: Vec<MetricDatum>) {
    for data in data.chunks(DATA_PER_CALL_MAX) {
        if let Err(error) = client.put_metric_data(&namespace, data.to_vec()).await {
            tracing::warn!(
                lost = data.len(),
                error,
                "metrics of the pipeline could not be sent"
            );
        }
    }
}

/// What was said so far: what is counted is said once.
#[derive(Debug, Default)]
struct Said {
    /// By the shard's number among those that the worker took.
    shards: HashMap<u64, Counted>,
    sinks: HashMap<String, SinkCounts>,
}

/// Records and bytes in, values out, rejections.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Counted([u64; 4]);

impl Counted {
    const METRICS: [(&'static str, Unit); 4] = [
        ("RecordsIn", Unit::Count),
        ("BytesIn", Unit::Bytes),
        ("RecordsOut", Unit::Count),
        ("RecordsRejected", Unit::Count),
    ];

    fn of(counts: &ShardCounts) -> Self {
        Self([
            counts.records_in,
            counts.bytes_in,
            counts.values_out,
            counts.rejected,
        ])
    }

    fn since(self, before: Self) -> Self {
        let both = std::array::from_fn(|at| self.0[at].saturating_sub(before.0[at]));
        Self(both)
    }

    fn and(self, more: Self) -> Self {
        Self(std::array::from_fn(|at| self.0[at] + more.0[at]))
    }

    fn data(self, dimensions: &Dimensions) -> impl Iterator<Item = MetricDatum> {
        let values = Self::METRICS.into_iter().zip(self.0);
        values.map(|((name, unit), value)| datum(name, unit, dimensions, value as f64))
    }
}

impl Said {
    /// What is new, and how far shards are behind.
    fn data(&mut self, progress: &StageProgress, sinks: &[ReadySink]) -> Vec<MetricDatum> {
        let (given_up, held) = progress.shard_counts();
        let mut data = self.of_shards(&given_up, &held);
        let mut behind = BTreeMap::<_, StatisticSet>::new();
        for shard in progress.shards() {
            let Some(behind_ms) = shard.behind_ms else {
                continue;
            };
            let (stage, value) = (shard.stage.to_string(), behind_ms as f64);
            let of_stage = vec![("Stage", stage.clone())];
            behind
                .entry(of_stage)
                .and_modify(|all| all.add(value))
                .or_insert_with(|| StatisticSet::of(value));
            let of_shard = vec![("Stage", stage), ("ShardId", shard.shard_id)];
            behind.insert(of_shard, StatisticSet::of(value));
        }
        data.extend(behind.into_iter().map(|(dimensions, all)| {
            MetricDatum::new("MillisBehindLatest", Unit::Milliseconds, dimensions, all)
        }));
        for sink in sinks {
            data.extend(self.of_sink(sink));
        }
        data
    }

    /// Of each shard, and of each stage over all shards.
    fn of_shards(&mut self, given_up: &[ShardCounts], held: &[ShardCounts]) -> Vec<MetricDatum> {
        let mut new = BTreeMap::<Dimensions, Counted>::new();
        for counts in given_up.iter().chain(held) {
            let counted = Counted::of(counts);
            let before = self.shards.insert(counts.number, counted);
            let more = counted.since(before.unwrap_or_default());
            let stage = ("Stage", counts.stage.to_string());
            let of_shard = vec![stage.clone(), ("ShardId", counts.shard_id.clone())];
            for dimensions in [of_shard, vec![stage]] {
                let all = new.entry(dimensions).or_default();
                *all = all.and(more);
            }
        }
        for counts in given_up {
            self.shards.remove(&counts.number);
        }
        let new = new.iter();
        new.flat_map(|(dimensions, counted)| counted.data(dimensions))
            .collect()
    }

    fn of_sink(&mut self, sink: &ReadySink) -> Vec<MetricDatum> {
        let name = &sink.spec.name;
        let counts = sink.status.counts();
        let before = self.sinks.insert(name.clone(), counts.clone());
        let before = before.unwrap_or_default();
        let dimensions = vec![("Sink", name.clone())];
        let new = [
            (
                "RecordsOut",
                Unit::Count,
                counts.delivered - before.delivered,
            ),
            (
                "BytesOut",
                Unit::Bytes,
                counts.delivered_bytes - before.delivered_bytes,
            ),
            (
                "RecordsRejected",
                Unit::Count,
                counts.rejected - before.rejected,
            ),
            (
                "RecordsSkipped",
                Unit::Count,
                counts.skipped - before.skipped,
            ),
            ("Retries", Unit::Count, counts.retried - before.retried),
        ];
        let mut data: Vec<MetricDatum> = new
            .into_iter()
            .map(|(metric, unit, value)| datum(metric, unit, &dimensions, value as f64))
            .collect();
        data.extend(sink.status.take_flush_times().map(|times| {
            let ms = |time: Duration| time.as_secs_f64() * 1000.0;
            let all = StatisticSet {
                sample_count: times.count as f64,
                sum: ms(times.sum),
                minimum: ms(times.shortest),
                maximum: ms(times.longest),
            };
            MetricDatum::new("FlushTime", Unit::Milliseconds, dimensions, all)
        }));
        data
    }
}

fn datum(name: &'static str, unit: Unit, dimensions: &Dimensions, value: f64) -> MetricDatum {
    MetricDatum::new(name, unit, dimensions.clone(), StatisticSet::of(value))
}

#[cfg(test)]
mod tests {
    use millstream_consumer::BoxError;
    use millstream_types::SystemClock;
    use parking_lot::Mutex;
    use tokio::time::sleep;

    use super::super::Stage;
    use super::super::progress::Read;
    use super::*;
    use crate::evaluator::Evaluator;
    use crate::file::Pipeline;

    /// Keeps what arrives, each call after three seconds.
    #[derive(Debug, Clone, Default)]
    struct Slow(Arc<Mutex<Vec<MetricDatum>>>);

    impl PutMetricData for Slow {
        fn put_metric_data(
            &self,
            _: &str,
            data: Vec<MetricDatum>,
        ) -> PublishFuture<Result<(), BoxError>> {
            let kept = Arc::clone(&self.0);
            Box::pin(async move {
                sleep(Duration::from_secs(3)).await;
                kept.lock().extend(data);
                Ok(())
            })
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_worker_that_ends_while_metrics_are_on_their_way_tells_them_and_the_rest_once() {
        let declared = "name = \"tested\"\n[source]\nstream = \"s\"\n[[sink]]\nstdout = {}\n";
        let pipeline = Arc::new(Pipeline::parse(declared).unwrap());
        let clock = Arc::new(SystemClock);
        let shared = Shared::new(pipeline, Evaluator::inline(), Vec::new(), None, clock);
        let shared = Arc::new(shared);
        let client = Slow::default();
        let publisher = Publisher::new(Arc::new(client.clone()), Arc::clone(&shared));
        let counter = shared.progress.shard(Stage::Source, "s1");
        let work = async {
            counter.read(&Read::of_one(100, 1));
            // The first are on their way since one second.
            sleep(PUBLISH_INTERVAL + Duration::from_secs(1)).await;
            counter.read(&Read::of_one(7, 1));
        };
        publisher.published_while(work).await;
        let told = client.0.lock().clone();
        let told = sums(&told);
        let of = |name| {
            let of_shard = told
                .iter()
                .filter(|(metric, of, _)| *metric == name && of == "source/s1");
            of_shard.map(|(_, _, sum)| *sum).collect::<Vec<f64>>()
        };
        assert_eq!(of("BytesIn"), [100.0, 7.0]);
        assert_eq!(of("RecordsIn"), [1.0, 1.0]);
    }

    /// Name, dimensions and sum of what was counted.
    fn sums(data: &[MetricDatum]) -> Vec<(&'static str, String, f64)> {
        let shown = |datum: &MetricDatum| {
            let values = datum.dimensions.iter();
            let values: Vec<&str> = values.map(|(_, value)| value.as_str()).collect();
            (datum.name, values.join("/"), datum.statistics.sum)
        };
        data.iter().map(shown).collect()
    }

    fn sum_of(data: &[MetricDatum], name: &str, of: &str) -> Option<f64> {
        let sums = sums(data);
        let found = sums
            .iter()
            .find(|(metric, dimensions, _)| *metric == name && dimensions == of);
        found.map(|(_, _, sum)| *sum)
    }

    #[test]
    fn what_is_counted_is_said_once_also_of_shards_that_come_and_go() {
        let progress = StageProgress::default();
        progress.keep_given_up();
        let mut said = Said::default();
        let (one, two) = (
            progress.shard(Stage::Source, "s1"),
            progress.shard(Stage::Source, "s2"),
        );
        one.read(&Read::of_one(100, 2));
        two.read(&Read::of_one(10, 0));
        two.rejected();
        let data = said.data(&progress, &[]);
        assert_eq!(sum_of(&data, "RecordsIn", "source"), Some(2.0));
        assert_eq!(sum_of(&data, "BytesIn", "source"), Some(110.0));
        assert_eq!(sum_of(&data, "RecordsOut", "source/s1"), Some(2.0));
        assert_eq!(sum_of(&data, "RecordsRejected", "source/s2"), Some(1.0));
        // Given up with something that nobody was told, and taken again.
        one.read(&Read::of_one(7, 1));
        drop(one);
        let again = progress.shard(Stage::Source, "s1");
        again.read(&Read::of_one(3, 1));
        let data = said.data(&progress, &[]);
        assert_eq!(sum_of(&data, "BytesIn", "source/s1"), Some(10.0));
        assert_eq!(sum_of(&data, "BytesIn", "source"), Some(10.0));
        assert_eq!(sum_of(&data, "RecordsIn", "source/s2"), Some(0.0));
        drop((again, two));
        let data = said.data(&progress, &[]);
        assert_eq!(sum_of(&data, "RecordsIn", "source"), Some(0.0));
        assert!(said.shards.is_empty());
        assert!(said.data(&progress, &[]).is_empty());
    }
}
