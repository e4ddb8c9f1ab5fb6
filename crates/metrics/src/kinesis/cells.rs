//! The counters of a stream, of its consumers and, where they are wanted, of its shards.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use millstream_types::{ConsumerName, ShardId, StreamName};
use parking_lot::RwLock;

use super::names::{CONSUMER, Described, NAMESPACE, SHARD, STREAM};
use super::stat::Stat;
use crate::{Dimension, Metric, Minute, Owner, Sample, Series};

/// Which stream.
#[derive(Debug, Clone)]
pub(super) struct StreamKey {
    pub(super) owner: Owner,
    pub(super) stream: StreamName,
}

/// The counters of some metrics, twice: one half is added to while the other is put.
#[derive(Debug)]
pub(super) struct Cells {
    halves: [Box<[Stat]>; 2],
    is_used: AtomicBool,
}

impl Cells {
    fn new(table: &[Described]) -> Self {
        let half = || table.iter().map(|_| Stat::default()).collect();
        Self {
            halves: [half(), half()],
            is_used: AtomicBool::new(false),
        }
    }

    pub(super) fn add(&self, half: usize, metric: usize, value: u64) {
        self.halves[half & 1][metric].add(value);
        // A load is cheaper than a store that others have to hear of.
        if !self.is_used.load(Ordering::Relaxed) {
            self.is_used.store(true, Ordering::Relaxed);
        }
    }

    /// Whether nothing was added since the last time that this was asked for.
    fn was_idle(&self) -> bool {
        !self.is_used.swap(false, Ordering::Relaxed)
    }
}

/// The counters of a stream.
#[derive(Debug)]
pub(super) struct StreamCells {
    pub(super) stream: Cells,
    consumers: RwLock<BTreeMap<ConsumerName, Arc<Cells>>>,
    shards: RwLock<BTreeMap<ShardId, Arc<Cells>>>,
    are_shards_counted: AtomicBool,
    is_idle: AtomicBool,
}

impl Default for StreamCells {
    fn default() -> Self {
        Self {
            stream: Cells::new(STREAM),
            consumers: RwLock::default(),
            shards: RwLock::default(),
            are_shards_counted: AtomicBool::new(false),
            is_idle: AtomicBool::new(false),
        }
    }
}

impl StreamCells {
    pub(super) fn are_shards_counted(&self) -> bool {
        self.are_shards_counted.load(Ordering::Relaxed)
    }

    /// Whether nobody used the stream in the minute that was taken last.
    pub(super) fn is_idle(&self) -> bool {
        self.is_idle.load(Ordering::Relaxed)
    }

    pub(super) fn consumer(&self, consumer: &ConsumerName) -> Arc<Cells> {
        if let Some(cells) = self.consumers.read().get(consumer) {
            return Arc::clone(cells);
        }
        let mut consumers = self.consumers.write();
        let cells = consumers.entry(consumer.clone());
        Arc::clone(cells.or_insert_with(|| Arc::new(Cells::new(CONSUMER))))
    }

    pub(super) fn shard(&self, shard: ShardId) -> Arc<Cells> {
        if let Some(cells) = self.shards.read().get(&shard) {
            return Arc::clone(cells);
        }
        let mut shards = self.shards.write();
        let cells = shards.entry(shard);
        Arc::clone(cells.or_insert_with(|| Arc::new(Cells::new(SHARD))))
    }

    /// Moves what a half came to into samples of a minute. Of shards only the wanted metrics are put.
    pub(super) fn take(
        &self,
        half: usize,
        key: &StreamKey,
        minute: Minute,
        wanted: &[String],
        samples: &mut Vec<Sample>,
    ) {
        let mut taking = Taking {
            key,
            minute,
            half,
            samples,
        };
        let mut is_idle = self.stream.was_idle();
        taking.cells(&self.stream, STREAM, None, |_| true);
        self.consumers.write().retain(|consumer, cells| {
            let was_idle = cells.was_idle();
            is_idle &= was_idle;
            let dimension = Some(("ConsumerName", consumer.as_str()));
            taking.cells(cells, CONSUMER, dimension, |_| true);
            !was_idle || Arc::strong_count(cells) > 1
        });
        self.shards.write().retain(|shard, cells| {
            let was_idle = cells.was_idle();
            let shard = shard.to_string();
            let is_wanted = |name: &str| wanted.iter().any(|wanted| wanted == name);
            taking.cells(cells, SHARD, Some(("ShardId", &shard)), is_wanted);
            !was_idle || Arc::strong_count(cells) > 1
        });
        self.are_shards_counted
            .store(!wanted.is_empty(), Ordering::Relaxed);
        self.is_idle.store(is_idle, Ordering::Relaxed);
    }
}

/// Counters on their way into samples.
struct Taking<'a> {
    key: &'a StreamKey,
    minute: Minute,
    half: usize,
    samples: &'a mut Vec<Sample>,
}

impl Taking<'_> {
    fn cells(
        &mut self,
        cells: &Cells,
        table: &[Described],
        dimension: Option<(&str, &str)>,
        is_wanted: impl Fn(&str) -> bool,
    ) {
        for (stat, described) in cells.halves[self.half & 1].iter().zip(table) {
            let Some(aggregate) = stat.take(described.divisor) else {
                continue;
            };
            if !is_wanted(described.name) {
                continue;
            }
            let dimensions = [("StreamName", self.key.stream.as_str())];
            let dimensions = dimensions.into_iter().chain(dimension);
            let dimensions = dimensions.map(|(name, value)| Dimension {
                name: name.into(),
                value: value.into(),
            });
            let metric = Metric::new(NAMESPACE, described.name, dimensions.collect());
            self.samples.push(Sample {
                series: Series {
                    owner: self.key.owner.clone(),
                    metric: metric.expect("names of streams, consumers and shards are short"),
                    unit: described.unit,
                },
                minute: self.minute,
                aggregate,
            });
        }
    }
}
