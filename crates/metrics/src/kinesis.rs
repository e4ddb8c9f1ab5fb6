//! The stream service's own metrics, under the names and dimensions that AWS gives them in `AWS/Kinesis`.
//!
//! [`StreamMetrics`] hears of every call and adds a few numbers to counters of the call's stream, without a lock that
//! anybody holds for long; once a minute [`StreamMetrics::run`] puts what the minute came to into the store. Each number
//! is kept as a set of statistics, so percentiles of these metrics are known only where all samples are equal.

mod cells;
mod iterator_age;
mod names;
mod stat;

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use millstream_types::{
    AccountId, CallRecord, CallRecorder, ErrorClass, Region, StreamName, StreamUse,
};
use parking_lot::{Mutex, RwLock};
use tokio_util::sync::CancellationToken;

use crate::{MetricStore, Minute, Owner, Sample};
use cells::{StreamCells, StreamKey};
pub use iterator_age::IteratorAge;
use names::{ConsumerMetric, ShardMetric, StreamMetric};

/// Streams that are counted in one minute at most: each takes some kilobytes.
const STREAMS_MAX: usize = 20_000;
/// Iterator ages that are told at most.
const AGES_MAX: usize = 1_000;
/// How often the clock is looked at.
const LOOK_INTERVAL: Duration = Duration::from_secs(1);
/// Samples of one put.
const PUT_SAMPLES: usize = 1000;

/// Says for which streams metrics of single shards are wanted.
pub trait ShardMonitoring: Send + Sync + fmt::Debug {
    /// The names of the metrics, as EnableEnhancedMonitoring knows them, `ALL` resolved; empty for none. Asked once a
    /// minute for each stream that is used.
    fn shard_level_metrics(&self, owner: &Owner, stream: &StreamName) -> Vec<String>;
}

/// Streams by owner. Comparing the names with those of a few streams takes less than hashing all three.
type Streams = BTreeMap<AccountId, BTreeMap<Region, BTreeMap<StreamName, Arc<StreamCells>>>>;

/// Counts what calls do with streams.
#[derive(Debug)]
pub struct StreamMetrics {
    store: MetricStore,
    streams: RwLock<Streams>,
    count: AtomicUsize,
    /// Which half of each counter is added to; the other one is being put.
    half: AtomicUsize,
    /// Calls of streams beyond the bound, in this minute.
    uncounted: AtomicUsize,
    /// Of the last minute that was put.
    ages: Mutex<Arc<[IteratorAge]>>,
    started: Minute,
}

impl StreamMetrics {
    /// Counters for a store.
    pub fn new(store: MetricStore) -> Arc<Self> {
        Arc::new(Self {
            started: store.now(),
            store,
            streams: RwLock::default(),
            count: AtomicUsize::new(0),
            half: AtomicUsize::new(0),
            uncounted: AtomicUsize::new(0),
            ages: Mutex::default(),
        })
    }

    /// How far readers were behind in the last minute that is over, by stream and consumer: the 1,000 that were furthest,
    /// the furthest first. Whoever read nothing in that minute is not among them.
    pub fn iterator_ages(&self) -> Arc<[IteratorAge]> {
        Arc::clone(&self.ages.lock())
    }

    /// Puts what each minute came to as soon as it is over, until `stop`; then what there is. `monitoring` is held no
    /// longer than that.
    pub async fn run(self: Arc<Self>, monitoring: impl ShardMonitoring, stop: CancellationToken) {
        let mut minute = self.started;
        let mut look = tokio::time::interval(LOOK_INTERVAL);
        look.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            let is_last = tokio::select! {
                _ = look.tick() => false,
                () = stop.cancelled() => true,
            };
            let now = self.store.now();
            if now == minute && !is_last {
                continue;
            }
            let half = self.half.fetch_xor(1, Ordering::AcqRel) & 1;
            if !is_last {
                // Who looked at the half before it changed has added to it by then.
                look.tick().await;
            }
            self.put(&monitoring, half, minute).await;
            minute = now;
            if is_last {
                return;
            }
        }
    }

    async fn put(&self, monitoring: &impl ShardMonitoring, half: usize, minute: Minute) {
        let mut samples = Vec::new();
        for (key, cells) in self.tracked() {
            let wanted = monitoring.shard_level_metrics(&key.owner, &key.stream);
            cells.take(half, &key, minute, &wanted, &mut samples);
        }
        *self.ages.lock() = iterator_age::greatest(&samples, AGES_MAX).into();
        let uncounted = self.uncounted.swap(0, Ordering::Relaxed);
        if uncounted > 0 {
            tracing::warn!(
                uncounted,
                STREAMS_MAX,
                "more streams are used than have metrics"
            );
        }
        while !samples.is_empty() {
            let rest = samples.split_off(samples.len().min(PUT_SAMPLES));
            let put: Vec<Sample> = std::mem::replace(&mut samples, rest);
            let count = put.len();
            if let Err(error) = self.store.put(put).await {
                tracing::warn!(%error, count, "metrics of streams were not kept");
            }
        }
        self.forget_idle();
    }

    fn tracked(&self) -> Vec<(StreamKey, Arc<StreamCells>)> {
        let streams = self.streams.read();
        let mut tracked = Vec::new();
        for (account, regions) in &*streams {
            for (region, streams) in regions {
                let owner = Owner {
                    account: account.clone(),
                    region: region.clone(),
                };
                tracked.extend(streams.iter().map(|(stream, cells)| {
                    let key = StreamKey {
                        owner: owner.clone(),
                        stream: stream.clone(),
                    };
                    (key, Arc::clone(cells))
                }));
            }
        }
        tracked
    }

    /// Counters of streams that nobody used for a minute go.
    fn forget_idle(&self) {
        let mut streams = self.streams.write();
        let mut count = 0;
        streams.retain(|_, regions| {
            regions.retain(|_, streams| {
                // What somebody holds is being added to.
                streams.retain(|_, cells| Arc::strong_count(cells) > 1 || !cells.is_idle());
                count += streams.len();
                !streams.is_empty()
            });
            !regions.is_empty()
        });
        self.count.store(count, Ordering::Relaxed);
    }

    /// The counters of a stream; `None` beyond the bound.
    fn cells(&self, stream_use: &StreamUse<'_>) -> Option<Arc<StreamCells>> {
        let StreamUse {
            account,
            region,
            stream,
            ..
        } = stream_use;
        let found = {
            let streams = self.streams.read();
            let regions = streams.get(*account);
            let streams = regions.and_then(|regions| regions.get(*region));
            streams.and_then(|streams| streams.get(*stream)).cloned()
        };
        if found.is_some() {
            return found;
        }
        if self.count.load(Ordering::Relaxed) >= STREAMS_MAX {
            self.uncounted.fetch_add(1, Ordering::Relaxed);
            return None;
        }
        let mut streams = self.streams.write();
        let regions = streams.entry((*account).clone()).or_default();
        let streams = regions.entry((*region).clone()).or_default();
        let cells = streams.entry((*stream).clone()).or_insert_with(|| {
            self.count.fetch_add(1, Ordering::Relaxed);
            Arc::default()
        });
        Some(Arc::clone(cells))
    }
}

impl CallRecorder for StreamMetrics {
    fn call(&self, _call: &CallRecord<'_>) {}

    fn stream_use(&self, stream_use: &StreamUse<'_>) {
        let Some(cells) = self.cells(stream_use) else {
            return;
        };
        let half = self.half.load(Ordering::Acquire) & 1;
        let count = Counting {
            cells: &cells,
            half,
            stream_use,
        };
        match stream_use.operation {
            "PutRecord" => count.put_record(),
            "PutRecords" => count.put_records(),
            "GetRecords" => count.get_records(),
            "SubscribeToShard" => count.subscribe(),
            "SubscribeToShardEvent" => count.event(),
            _ => {}
        }
    }
}

/// One call on its way into the counters.
struct Counting<'a> {
    cells: &'a StreamCells,
    half: usize,
    stream_use: &'a StreamUse<'a>,
}

impl Counting<'_> {
    fn add(&self, metric: StreamMetric, value: u64) {
        self.cells.stream.add(self.half, metric as usize, value);
    }

    fn sum(&self, of: impl Fn(&millstream_types::ShardUse) -> u64) -> u64 {
        self.stream_use.shards.iter().map(of).sum()
    }

    fn micros(&self) -> u64 {
        u64::try_from(self.stream_use.time.as_micros()).unwrap_or(u64::MAX)
    }

    fn is_done(&self) -> u64 {
        u64::from(self.stream_use.error.is_none())
    }

    /// Whether the call as a whole was refused because of a limit.
    fn is_throttled(&self) -> u64 {
        u64::from(self.stream_use.error == Some(ErrorClass::Throttled))
    }

    /// What both kinds of puts have in common; records and bytes that were stored.
    fn put(&self) -> (u64, u64) {
        let (records, bytes) = (
            self.sum(|shard| shard.records),
            self.sum(|shard| shard.bytes),
        );
        let throttled = self
            .sum(|shard| shard.throttled_records)
            .max(self.is_throttled());
        self.add(StreamMetric::WriteProvisionedThroughputExceeded, throttled);
        if records > 0 {
            self.add(StreamMetric::IncomingBytes, bytes);
            self.add(StreamMetric::IncomingRecords, records);
        }
        self.shards(|shard, add| {
            add(
                ShardMetric::WriteProvisionedThroughputExceeded,
                shard.throttled_records,
            );
            if shard.records > 0 {
                add(ShardMetric::IncomingBytes, shard.bytes);
                add(ShardMetric::IncomingRecords, shard.records);
            }
        });
        (records, bytes)
    }

    fn put_record(&self) {
        let (_, bytes) = self.put();
        self.add(StreamMetric::PutRecordLatency, self.micros());
        self.add(StreamMetric::PutRecordSuccess, self.is_done());
        if self.is_done() == 1 {
            self.add(StreamMetric::PutRecordBytes, bytes);
        }
    }

    fn put_records(&self) {
        let (records, bytes) = self.put();
        self.add(StreamMetric::PutRecordsLatency, self.micros());
        // AWS counts a request of which at least one record was stored as done.
        self.add(StreamMetric::PutRecordsSuccess, u64::from(records > 0));
        let throttled = self.sum(|shard| shard.throttled_records);
        let failed = self.sum(|shard| shard.failed_records);
        self.add(
            StreamMetric::PutRecordsTotalRecords,
            records + throttled + failed,
        );
        self.add(StreamMetric::PutRecordsSuccessfulRecords, records);
        self.add(StreamMetric::PutRecordsFailedRecords, failed);
        self.add(StreamMetric::PutRecordsThrottledRecords, throttled);
        if records > 0 {
            self.add(StreamMetric::PutRecordsBytes, bytes);
            self.add(StreamMetric::PutRecordsRecords, records);
        }
    }

    fn get_records(&self) {
        self.add(StreamMetric::GetRecordsLatency, self.micros());
        self.add(StreamMetric::GetRecordsSuccess, self.is_done());
        self.add(
            StreamMetric::ReadProvisionedThroughputExceeded,
            self.is_throttled(),
        );
        if self.is_done() == 1 {
            self.add(StreamMetric::GetRecordsBytes, self.sum(|shard| shard.bytes));
            self.add(
                StreamMetric::GetRecordsRecords,
                self.sum(|shard| shard.records),
            );
            if let Some(behind_ms) = self.stream_use.behind_ms {
                self.add(StreamMetric::GetRecordsIteratorAgeMilliseconds, behind_ms);
            }
        }
        self.shards(|shard, add| {
            add(
                ShardMetric::ReadProvisionedThroughputExceeded,
                self.is_throttled(),
            );
            self.outgoing(shard, add);
        });
    }

    fn outgoing(&self, shard: &millstream_types::ShardUse, add: &dyn Fn(ShardMetric, u64)) {
        if self.is_done() == 1 {
            add(ShardMetric::OutgoingBytes, shard.bytes);
            add(ShardMetric::OutgoingRecords, shard.records);
            if let Some(behind_ms) = self.stream_use.behind_ms {
                add(ShardMetric::IteratorAgeMilliseconds, behind_ms);
            }
        }
    }

    fn subscribe(&self) {
        self.consumer(|add| {
            add(ConsumerMetric::Success, self.is_done());
            add(ConsumerMetric::RateExceeded, self.is_throttled());
        });
    }

    fn event(&self) {
        self.consumer(|add| {
            add(ConsumerMetric::EventSuccess, self.is_done());
            if self.is_done() == 1 {
                add(ConsumerMetric::EventBytes, self.sum(|shard| shard.bytes));
                add(
                    ConsumerMetric::EventRecords,
                    self.sum(|shard| shard.records),
                );
                if let Some(behind_ms) = self.stream_use.behind_ms {
                    add(ConsumerMetric::EventMillisBehindLatest, behind_ms);
                }
            }
        });
        self.shards(|shard, add| self.outgoing(shard, add));
    }

    fn consumer(&self, count: impl FnOnce(&dyn Fn(ConsumerMetric, u64))) {
        if let Some(consumer) = self.stream_use.consumer {
            let cells = self.cells.consumer(consumer);
            count(&|metric, value| cells.add(self.half, metric as usize, value));
        }
    }

    /// Counts for each shard, where metrics of shards are wanted.
    fn shards(&self, count: impl Fn(&millstream_types::ShardUse, &dyn Fn(ShardMetric, u64))) {
        if !self.cells.are_shards_counted() {
            return;
        }
        for shard in self.stream_use.shards {
            let cells = self.cells.shard(shard.shard);
            count(shard, &|metric, value| {
                cells.add(self.half, metric as usize, value)
            });
        }
    }
}

#[cfg(test)]
mod tests;
