//! `GET /metrics`: everything as Prometheus reads it.

use std::fmt;
use std::sync::Arc;

use http::StatusCode;
use millstream_log::{Counter, CounterValue, EngineStatus, LogEngine, TIME_BOUNDS_US, Times};
use millstream_metrics::StreamMetrics;
use millstream_streams::StreamService;
use millstream_types::Reshards;
use prometheus_client::collector::Collector;
use prometheus_client::encoding::prometheus_text::{CONTENT_TYPE, encode};
use prometheus_client::encoding::{DescriptorEncoder, MetricEncoder, NoLabelSet};
use prometheus_client::metrics::MetricType;
use prometheus_client::registry::{Registry, Unit};

use super::calls::{CallKind, CallMetrics, Counted};
use crate::edge::{Answer, Page, Service};
use crate::http::{ByteBudget, Slots};

const MS_PER_S: f64 = 1e3;

/// What the server looks at when it is asked; nothing of it is counted call by call.
#[derive(Debug)]
pub(crate) struct Watched {
    pub(crate) engine: Arc<dyn LogEngine>,
    pub(crate) streams: StreamService,
    pub(crate) stream_metrics: Arc<StreamMetrics>,
    /// Bounds on memory, by what they bound.
    pub(crate) budgets: [(&'static str, Arc<ByteBudget>); 3],
    pub(crate) connections: Slots,
}

/// The page.
#[derive(Debug)]
pub(crate) struct MetricsPage(Registry);

impl MetricsPage {
    pub(crate) fn new(calls: Arc<CallMetrics>, watched: Watched) -> Self {
        let mut registry = Registry::with_prefix("millstream");
        registry.register_collector(Box::new(Everything { calls, watched }));
        Self(registry)
    }

    fn text(&self) -> String {
        let mut text = String::new();
        encode(&mut text, &self.0).expect("a string takes every text");
        text
    }
}

impl Page for MetricsPage {
    fn path(&self) -> &'static str {
        "/metrics"
    }

    fn answer(&self, is_stranger: bool) -> Answer {
        if is_stranger {
            let text = "From another machine this page wants a key, or --admin-listen.\n";
            return Answer {
                service: Service::Bare,
                ..Answer::plain(StatusCode::FORBIDDEN, "text/plain", text)
            };
        }
        Answer {
            service: Service::Bare,
            ..Answer::plain(StatusCode::OK, CONTENT_TYPE, self.text())
        }
    }
}

#[derive(Debug)]
struct Everything {
    calls: Arc<CallMetrics>,
    watched: Watched,
}

impl Collector for Everything {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let encoder = &mut encoder;
        let version = [("version", env!("CARGO_PKG_VERSION"))];
        gauges(
            encoder,
            "build_info",
            "This server's version",
            None,
            &[(version, 1)],
        )?;
        self.calls(encoder)?;
        self.damage(encoder)?;
        self.iterator_ages(encoder)?;
        self.log(encoder)?;
        self.bounds(encoder)
    }
}

impl Everything {
    fn calls(&self, encoder: &mut DescriptorEncoder<'_>) -> fmt::Result {
        let counted = self.calls.read();
        let labels = |kind: &CallKind| {
            [
                ("service", kind.service),
                ("operation", kind.operation),
                ("error_class", kind.error_class),
            ]
        };
        let help = "How long calls took, from a request's head to its answer's";
        let mut family = encoder.encode_descriptor(
            "call_duration",
            help,
            Some(&Unit::Seconds),
            MetricType::Histogram,
        )?;
        for (kind, counted) in &counted {
            histogram(&mut family.encode_family(&labels(kind))?, &counted.times)?;
        }
        let mut sum = |name, help, unit: Option<&Unit>, of: fn(&Counted) -> u64| -> fmt::Result {
            let mut family = encoder.encode_descriptor(name, help, unit, MetricType::Counter)?;
            for (kind, counted) in &counted {
                counter(&mut family.encode_family(&labels(kind))?, of(counted))?;
            }
            Ok(())
        };
        let bytes = Some(&Unit::Bytes);
        let (request, answer) = ("Bytes of requests' bodies", "Bytes of answers' bodies");
        sum("call_request", request, bytes, |counted| {
            counted.request_bytes
        })?;
        sum("call_answer", answer, bytes, |counted| counted.answer_bytes)?;
        let help = "Records that calls stored or handed out";
        sum("call_records", help, None, |counted| counted.records)
    }

    fn damage(&self, encoder: &mut DescriptorEncoder<'_>) -> fmt::Result {
        let skipped = self.watched.streams.skipped_damage();
        let mut total = |name, help, value| -> fmt::Result {
            let kind = MetricType::Counter;
            counter(
                &mut encoder.encode_descriptor(name, help, None, kind)?,
                value,
            )
        };
        let help = "How often a reader passed over damaged records";
        total("damage_skipped", help, skipped.times)?;
        let help = "Entries that readers passed over as damaged, at most";
        total("damaged_entries_skipped", help, skipped.entries)
    }

    fn iterator_ages(&self, encoder: &mut DescriptorEncoder<'_>) -> fmt::Result {
        let help = "The most that readers were behind the tip in the last minute that is over; the 1,000 furthest";
        let (unit, kind) = (Some(&Unit::Seconds), MetricType::Gauge);
        let mut family = encoder.encode_descriptor("iterator_age", help, unit, kind)?;
        for age in &*self.watched.stream_metrics.iterator_ages() {
            let labels = [
                ("account", &*age.owner.account.to_string()),
                ("region", &*age.owner.region.to_string()),
                ("stream", &age.stream),
                ("consumer", age.consumer.as_deref().unwrap_or_default()),
            ];
            let age_s = age.most_ms as f64 / MS_PER_S;
            family.encode_family(&labels)?.encode_gauge(&age_s)?;
        }
        Ok(())
    }

    fn log(&self, encoder: &mut DescriptorEncoder<'_>) -> fmt::Result {
        let status = self.watched.engine.status().borrow().clone();
        let is = [
            ("serving", status == EngineStatus::Serving),
            ("no room", status == EngineStatus::NoRoom),
            ("failed", matches!(status, EngineStatus::Failed(_))),
        ];
        let is = is.map(|(name, is_so)| ([("status", name)], u64::from(is_so)));
        let help = "1 for the status that the log has";
        gauges(encoder, "log_status", help, None, &is)?;
        for counter in self.watched.engine.counters() {
            log_counter(encoder, &counter)?;
        }
        Ok(())
    }

    fn bounds(&self, encoder: &mut DescriptorEncoder<'_>) -> fmt::Result {
        let watched = &self.watched;
        let mut gauge = |name, help, value: usize| -> fmt::Result {
            let kind = MetricType::Gauge;
            let mut metric = encoder.encode_descriptor(name, help, None, kind)?;
            metric.encode_gauge(&(value as u64))
        };
        let (open, max) = (watched.connections.open(), watched.connections.max());
        gauge("connections", "Connections that are open", open)?;
        gauge("connections_max", "Connections that may be open", max)?;
        let open = watched.streams.subscriptions_open();
        let help = "Subscriptions of SubscribeToShard that are open";
        gauge("subscriptions", help, open)?;
        self.reshards(encoder)?;
        let budgets = &watched.budgets;
        let of = |of: fn(&ByteBudget) -> usize| {
            budgets
                .each_ref()
                .map(|(name, budget)| ([("budget", *name)], of(budget) as u64))
        };
        let bytes = Some(&Unit::Bytes);
        let help = "Memory that is taken of what may be";
        gauges(
            encoder,
            "memory_budget_used",
            help,
            bytes,
            &of(ByteBudget::used_bytes),
        )?;
        let help = "Memory that may be taken";
        gauges(
            encoder,
            "memory_budget_max",
            help,
            bytes,
            &of(ByteBudget::size_bytes),
        )
    }
}

impl Everything {
    fn reshards(&self, encoder: &mut DescriptorEncoder<'_>) -> fmt::Result {
        let help =
            "Shards of on-demand streams that were split, and pairs of them that were merged";
        let kind = MetricType::Counter;
        let mut family = encoder.encode_descriptor("on_demand_reshards", help, None, kind)?;
        for reshards in Reshards::ALL {
            let labels = [("reshard", reshards.label())];
            let begun = self.watched.streams.on_demand_reshards(reshards);
            counter(&mut family.encode_family(&labels)?, begun)?;
        }
        Ok(())
    }
}

/// A number of the engine, under a name that says its unit.
fn log_counter(encoder: &mut DescriptorEncoder<'_>, of: &Counter) -> fmt::Result {
    let name = |unit: &str| format!("log_{}", of.name.strip_suffix(unit).unwrap_or(of.name));
    let is_bytes = of.name.ends_with("_bytes");
    let unit = is_bytes.then_some(&Unit::Bytes);
    let name_of_number = name(if is_bytes { "_bytes" } else { "" });
    match &of.value {
        CounterValue::Total(total) => {
            let kind = MetricType::Counter;
            let mut metric = encoder.encode_descriptor(&name_of_number, of.help, unit, kind)?;
            counter(&mut metric, *total)
        }
        CounterValue::Now(now) => {
            let kind = MetricType::Gauge;
            let mut metric = encoder.encode_descriptor(&name_of_number, of.help, unit, kind)?;
            metric.encode_gauge(now)
        }
        CounterValue::Times(times) => {
            let name = name("_time") + "_duration";
            let (unit, kind) = (Some(&Unit::Seconds), MetricType::Histogram);
            let mut metric = encoder.encode_descriptor(&name, of.help, unit, kind)?;
            histogram(&mut metric, times)
        }
    }
}

fn counter(encoder: &mut MetricEncoder<'_>, total: u64) -> fmt::Result {
    encoder.encode_counter::<NoLabelSet, u64, u64>(&total, None)
}

fn gauges<const LABELS: usize>(
    encoder: &mut DescriptorEncoder<'_>,
    name: &str,
    help: &str,
    unit: Option<&Unit>,
    values: &[([(&str, &str); LABELS], u64)],
) -> fmt::Result {
    let mut family = encoder.encode_descriptor(name, help, unit, MetricType::Gauge)?;
    for (labels, value) in values {
        family.encode_family(labels)?.encode_gauge(value)?;
    }
    Ok(())
}

fn histogram(encoder: &mut MetricEncoder<'_>, times: &Times) -> fmt::Result {
    const US_PER_S: f64 = 1e6;
    let bounds = TIME_BOUNDS_US.iter().map(|us| *us as f64 / US_PER_S);
    let buckets: Vec<(f64, u64)> = bounds.zip(times.counts).collect();
    let sum_s = times.sum_us as f64 / US_PER_S;
    encoder.encode_histogram::<NoLabelSet>(sum_s, times.count(), &buckets, None)
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use millstream_log::contract::data;
    use millstream_log::{GroupId, LogId, LogSpec, MemoryEngine, MemorySettings, MemorySnapshots};
    use millstream_log_local::disk::power_cut::{Faults, PowerCutDisk};
    use millstream_log_local::{LocalEngine, LocalSettings};
    use millstream_metrics::{MetricSettings, MetricStore};
    use millstream_streams::StreamSettings;
    use millstream_types::{SystemClock, WallClock};

    use super::*;
    use crate::edge::Health;
    use crate::engines::EngineWords;
    use crate::http::AnswerBody;

    /// How long a machine may take that stands still now and then.
    const PATIENCE: Duration = Duration::from_secs(60);
    /// On such a machine one of a few times is in time; who looks every few seconds never is.
    const TRIES: u32 = 8;

    async fn page(engine: Arc<dyn LogEngine>) -> MetricsPage {
        let clock: Arc<dyn WallClock> = Arc::new(SystemClock);
        let snapshots = Arc::new(MemorySnapshots::new());
        let (walled, settings) = (Arc::clone(&clock), MetricSettings::default());
        let (store, _writer) = MetricStore::new(Arc::clone(&engine), walled, settings);
        let opened = StreamService::open(
            Arc::clone(&engine),
            snapshots,
            clock,
            StreamSettings::default(),
        );
        let watched = Watched {
            engine,
            streams: opened.await.unwrap(),
            stream_metrics: StreamMetrics::new(store),
            budgets: ["a", "b", "c"].map(|name| (name, ByteBudget::new(1))),
            connections: Slots::new(1),
        };
        MetricsPage::new(Arc::default(), watched)
    }

    #[tokio::test]
    async fn a_stranger_reads_no_numbers() {
        let memory = MemoryEngine::new(MemorySettings::default(), Arc::new(SystemClock));
        let page = page(Arc::new(memory)).await;
        assert_eq!(page.answer(false).status, StatusCode::OK);
        let refused = page.answer(true);
        assert_eq!(refused.status, StatusCode::FORBIDDEN);
        assert!(refused.body.whole_bytes() < 100, "a sentence");
    }

    fn text(page: &dyn Page) -> String {
        match page.answer(false).body {
            AnswerBody::Whole(bytes) => String::from_utf8(bytes.to_vec()).unwrap(),
            AnswerBody::Parts(_) => panic!("pages come whole"),
        }
    }

    /// How soon both pages say `status` of an engine whose disk begins to be in trouble.
    async fn seen_after(trouble: Faults, status: &str) -> Duration {
        let disk = PowerCutDisk::new();
        let settings = LocalSettings {
            segment_bytes: vec![16 << 10],
            reserve_bytes: 16 << 10,
            free_space_floor_bytes: 1 << 20,
            ..LocalSettings::new("unused")
        };
        let opened = LocalEngine::open_on(Arc::new(disk.clone()), settings, Arc::new(SystemClock));
        let engine: Arc<dyn LogEngine> = Arc::new(opened.unwrap());
        let created = engine.create(GroupId(1), LogId(1), LogSpec::default());
        let place = created.await.unwrap();
        let metrics = page(Arc::clone(&engine)).await;
        let words = EngineWords {
            name: "an engine",
            durability: "none",
            no_room: "full",
        };
        let health = Health::new(words, Arc::clone(&engine), None);
        let on_metrics = format!("millstream_log_status{{status=\"{status}\"}} 1");
        let on_health = format!("\"status\":\"{status}\"");
        assert!(!text(&metrics).contains(&on_metrics) && !text(&health).contains(&on_health));
        let mut changes = engine.status();
        disk.set_faults(trouble);
        let began = Instant::now();
        if trouble.next_sync_fails_on.is_some() {
            let answers = engine.append_many(vec![data(place, "lost")]).await;
            assert!(answers[0].is_err());
        }
        // Nobody puts anything after the others: the engine notices by itself.
        let noticed = tokio::time::timeout(PATIENCE, changes.changed()).await;
        noticed.expect("noticed").unwrap();
        let (metrics, health) = (text(&metrics), text(&health));
        assert!(metrics.contains(&on_metrics), "{metrics}");
        assert!(health.contains(&on_health), "{health}");
        began.elapsed()
    }

    #[tokio::test]
    async fn a_failed_fsync_a_full_disk_and_a_lost_lock_are_on_both_pages_within_a_second() {
        let none = Faults::default;
        let failed_fsync = Faults {
            next_sync_fails_on: Some("log-commit"),
            ..none()
        };
        let full = Faults {
            capacity_bytes: Some(1 << 20),
            ..none()
        };
        let lost_lock = Faults {
            lock_is_lost: true,
            ..none()
        };
        for (trouble, status) in [
            (failed_fsync, "failed"),
            (full, "no room"),
            (lost_lock, "failed"),
        ] {
            let mut least = PATIENCE;
            for _ in 0..TRIES {
                least = least.min(seen_after(trouble, status).await);
                if least < Duration::from_secs(1) {
                    break;
                }
            }
            assert!(least < Duration::from_secs(1), "{trouble:?}: {least:?}");
        }
    }
}
