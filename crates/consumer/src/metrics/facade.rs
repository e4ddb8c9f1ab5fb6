//! Measurements for the `metrics` crate, whose recorder (Prometheus, StatsD, OpenTelemetry, …) the application installs.

use metrics::{Label, counter, gauge, histogram};

use super::{Measurement, Metric, MetricsRecorder, Unit};

/// Hands measurements to the recorder that is installed in the `metrics` crate, under the KCL's names with the labels
/// `Operation`, `ShardId` and `WorkerIdentifier`.
///
/// Sums are counters, what stands at a value is a gauge, and times are histograms, in milliseconds.
#[derive(Debug, Clone, Copy, Default)]
#[non_exhaustive]
pub struct MetricsFacade;

impl MetricsFacade {
    /// Asks for the installed recorder at each measurement.
    pub fn new() -> Self {
        Self
    }
}

impl MetricsRecorder for MetricsFacade {
    fn record(&self, measurement: &Measurement<'_>) {
        let mut labels = vec![
            Label::from_static_parts("Operation", measurement.operation.name()),
            Label::new("WorkerIdentifier", measurement.worker_id.to_owned()),
        ];
        if let Some(shard_id) = measurement.shard_id {
            labels.push(Label::new("ShardId", shard_id.to_owned()));
        }
        let (name, value) = (measurement.metric.name(), measurement.value);
        match measurement.metric {
            Metric::MillisBehindLatest
            | Metric::CurrentLeases
            | Metric::TotalLeases
            | Metric::NumWorkers => gauge!(name, labels).set(value),
            metric if metric.unit() == Unit::Milliseconds => histogram!(name, labels).record(value),
            // Counts are whole and never negative.
            _ => counter!(name, labels).increment(value as u64),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use metrics::{
        Counter, CounterFn, Gauge, GaugeFn, Histogram, HistogramFn, Key, KeyName, Metadata,
        Recorder, SharedString,
    };

    use super::*;
    use crate::metrics::Operation;

    /// Writes down what it is given.
    #[derive(Clone, Default)]
    struct Notes(Arc<Mutex<Vec<String>>>);

    struct Noting {
        notes: Notes,
        key: Key,
    }

    impl Noting {
        fn note(&self, kind: &str, value: impl std::fmt::Display) {
            let labels: Vec<String> = self
                .key
                .labels()
                .map(|label| format!("{}={}", label.key(), label.value()))
                .collect();
            let line = format!("{kind} {} {value} {}", self.key.name(), labels.join(" "));
            self.notes.0.lock().unwrap().push(line);
        }
    }

    impl CounterFn for Noting {
        fn increment(&self, value: u64) {
            self.note("counter", value);
        }
        fn absolute(&self, _: u64) {}
    }
    impl GaugeFn for Noting {
        fn increment(&self, _: f64) {}
        fn decrement(&self, _: f64) {}
        fn set(&self, value: f64) {
            self.note("gauge", value);
        }
    }
    impl HistogramFn for Noting {
        fn record(&self, value: f64) {
            self.note("histogram", value);
        }
    }

    impl Notes {
        fn of(&self, key: &Key) -> Arc<Noting> {
            Arc::new(Noting {
                notes: self.clone(),
                key: key.clone(),
            })
        }
    }

    impl Recorder for Notes {
        fn describe_counter(&self, _: KeyName, _: Option<metrics::Unit>, _: SharedString) {}
        fn describe_gauge(&self, _: KeyName, _: Option<metrics::Unit>, _: SharedString) {}
        fn describe_histogram(&self, _: KeyName, _: Option<metrics::Unit>, _: SharedString) {}
        fn register_counter(&self, key: &Key, _: &Metadata<'_>) -> Counter {
            Counter::from_arc(self.of(key))
        }
        fn register_gauge(&self, key: &Key, _: &Metadata<'_>) -> Gauge {
            Gauge::from_arc(self.of(key))
        }
        fn register_histogram(&self, key: &Key, _: &Metadata<'_>) -> Histogram {
            Histogram::from_arc(self.of(key))
        }
    }

    #[test]
    fn each_kind_of_measurement_has_its_kind_of_instrument() {
        let notes = Notes::default();
        let record = |metric, value, shard_id| {
            MetricsFacade::new().record(&Measurement {
                metric,
                value,
                operation: Operation::ProcessTask,
                shard_id,
                worker_id: "w",
            });
        };
        metrics::with_local_recorder(&notes, || {
            record(Metric::RecordsProcessed, 7.0, Some("s"));
            record(Metric::MillisBehindLatest, 1.5, Some("s"));
            record(Metric::GetRecordsTime, 2.5, None);
        });
        let labels = "Operation=ProcessTask WorkerIdentifier=w";
        assert_eq!(
            *notes.0.lock().unwrap(),
            [
                format!("counter RecordsProcessed 7 {labels} ShardId=s"),
                format!("gauge MillisBehindLatest 1.5 {labels} ShardId=s"),
                format!("histogram KinesisDataFetcher.getRecords.Time 2.5 {labels}"),
            ]
        );
    }
}
