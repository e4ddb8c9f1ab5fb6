//! The keys that take most of each shard, counted as records are put; only where an operator wants it.
//!
//! The first records of a minute are all counted, whatever shard they go to; of the others one in [`STANDS_FOR`], chosen at
//! random among so many that follow each other, each for as many. A shard has a sketch of the running minute and one of
//! the minute before, and nothing once a whole minute brought it nothing.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use millstream_catalog::StreamId;
use millstream_types::{HotKeys, KeyWeight, ShardHeat, ShardId, TimestampMs, WallClock};
use parking_lot::Mutex;
use tokio_util::sync::CancellationToken;

/// A key that has more than one part in so many of a shard's records, or bytes, is found.
const PARTS: usize = 128;
/// Shards that are counted at a time; of others nothing is told.
const SHARDS_MAX: usize = 512;
/// Records of a minute that are all counted.
const ALL_COUNTED: u64 = 64 * 1024;
/// Of the others one in so many is.
const STANDS_FOR: u64 = 16;
/// How long a sketch is added to.
const MINUTE: Duration = Duration::from_secs(60);
/// Parts with a lock of their own.
const STRIPES: usize = 64;

/// A shard of a stream.
type ShardKey = (StreamId, ShardId);

/// Counts keys. Cheap enough for each put: two atomic numbers, and a lock for each shard of which a record is counted.
#[derive(Debug)]
pub(crate) struct HotShards {
    clock: Arc<dyn WallClock>,
    /// Records that came.
    came: AtomicU64,
    /// The first that is not counted without further ado.
    sampled_from: AtomicU64,
    shards: AtomicUsize,
    hasher: RandomState,
    stripes: Vec<Mutex<HashMap<ShardKey, OfShard>>>,
}

#[derive(Debug)]
struct OfShard {
    now: OfMinute,
    before: Option<OfMinute>,
}

#[derive(Debug)]
struct OfMinute {
    since: TimestampMs,
    keys: HotKeys,
    is_sampled: bool,
}

impl OfMinute {
    fn new(since: TimestampMs) -> Self {
        Self {
            since,
            keys: HotKeys::new(PARTS),
            is_sampled: false,
        }
    }
}

/// Which records of a request are counted.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Sample {
    first: u64,
    count: u64,
    stands_for: u64,
}

impl Sample {
    /// Their places in the request, in order.
    pub(crate) fn places(self) -> impl Iterator<Item = usize> {
        let Self {
            first,
            count,
            stands_for,
        } = self;
        let end = first + count;
        let blocks = first / stands_for..end.div_ceil(stands_for);
        let chosen = blocks.map(move |block| block * stands_for + mixed(block) % stands_for);
        let own = chosen.filter(move |number| (first..end).contains(number));
        own.map(move |number| usize::try_from(number - first).unwrap_or(usize::MAX))
    }
}

/// Splitmix64 by Steele, Lea and Flood: a writer that takes turns between keys is met at each of them.
fn mixed(number: u64) -> u64 {
    let mut mixed = number.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}

impl HotShards {
    pub(crate) fn new(clock: Arc<dyn WallClock>) -> Self {
        Self {
            clock,
            came: AtomicU64::new(0),
            sampled_from: AtomicU64::new(ALL_COUNTED),
            shards: AtomicUsize::new(0),
            hasher: RandomState::new(),
            stripes: (0..STRIPES).map(|_| Mutex::default()).collect(),
        }
    }

    /// Which of the next `count` records are to be counted.
    pub(crate) fn sample(&self, count: usize) -> Sample {
        let count = count as u64;
        let first = self.came.fetch_add(count, Ordering::Relaxed);
        let is_all = first + count <= self.sampled_from.load(Ordering::Relaxed);
        Sample {
            first,
            count,
            stands_for: if is_all { 1 } else { STANDS_FOR },
        }
    }

    /// Counts records of a sample that go to one shard: the partition key of each, and the bytes of key and data.
    pub(crate) fn add<'a>(
        &self,
        shard: ShardKey,
        sample: Sample,
        records: impl Iterator<Item = (&'a str, u32)>,
    ) {
        let stands_for = sample.stands_for;
        let mut stripe = self.stripe(&shard).lock();
        let of_shard = match stripe.entry(shard) {
            Entry::Occupied(there) => there.into_mut(),
            Entry::Vacant(_) if self.shards.load(Ordering::Relaxed) >= SHARDS_MAX => return,
            Entry::Vacant(place) => {
                self.shards.fetch_add(1, Ordering::Relaxed);
                let now = OfMinute::new(self.clock.now());
                place.insert(OfShard { now, before: None })
            }
        };
        of_shard.now.is_sampled |= stands_for > 1;
        for (key, bytes) in records {
            let weight = KeyWeight {
                records: stands_for,
                bytes: u64::from(bytes) * stands_for,
            };
            of_shard.now.keys.add(key, weight);
        }
    }

    /// The heaviest keys of a shard, `count` by records and as many by bytes; `None` if nothing of it was counted.
    pub(crate) fn heat(&self, shard: ShardKey, count: usize) -> Option<ShardHeat> {
        let stripe = self.stripe(&shard).lock();
        let OfShard { now, before } = stripe.get(&shard)?;
        let minutes: Vec<&OfMinute> = before.iter().chain([now]).collect();
        let mut total = KeyWeight::default();
        for minute in &minutes {
            total += minute.keys.total();
        }
        let sketches: Vec<&HotKeys> = minutes.iter().map(|minute| &minute.keys).collect();
        Some(ShardHeat {
            since: minutes[0].since,
            total,
            is_sampled: minutes.iter().any(|minute| minute.is_sampled),
            keys: HotKeys::heaviest(&sketches, count),
        })
    }

    /// A minute begins. Shards that took nothing in the one that ends are forgotten.
    fn turn(&self) {
        let came = self.came.load(Ordering::Relaxed);
        self.sampled_from
            .store(came + ALL_COUNTED, Ordering::Relaxed);
        let now = self.clock.now();
        for stripe in &self.stripes {
            let mut stripe = stripe.lock();
            let were = stripe.len();
            stripe.retain(|_, of_shard| {
                let is_busy = !of_shard.now.keys.is_empty();
                if is_busy {
                    let mut before = std::mem::replace(&mut of_shard.now, OfMinute::new(now));
                    before.keys.tidy();
                    of_shard.before = Some(before);
                }
                is_busy
            });
            let gone = were - stripe.len();
            self.shards.fetch_sub(gone, Ordering::Relaxed);
        }
    }

    /// Minute by minute, until it is to stop.
    pub(crate) async fn run(self: Arc<Self>, stop: CancellationToken) {
        let pause = || tokio::time::sleep(MINUTE);
        while stop.run_until_cancelled(pause()).await.is_some() {
            self.turn();
        }
    }

    fn stripe(&self, shard: &ShardKey) -> &Mutex<HashMap<ShardKey, OfShard>> {
        // The low bits choose the place in the stripe's own map, if its hasher is like this one.
        &self.stripes[(self.hasher.hash_one(shard) >> 32) as usize % STRIPES]
    }
}

#[cfg(test)]
mod tests {
    use millstream_types::SystemClock;

    use super::*;

    fn shard(index: u32) -> ShardKey {
        (StreamId(1), ShardId::new(index).expect("a shard"))
    }

    fn put(hot: &HotShards, index: u32, keys: &[&str]) {
        let sample = hot.sample(keys.len());
        let records = sample.places().map(|place| (keys[place], 10));
        hot.add(shard(index), sample, records);
    }

    fn records(hot: &HotShards, index: u32) -> Vec<(String, u64)> {
        let heat = hot.heat(shard(index), 10);
        let keys = heat.into_iter().flat_map(|heat| heat.keys);
        keys.map(|key| (key.key.into(), key.least.records))
            .collect()
    }

    #[test]
    fn a_minute_and_the_one_before_are_told_and_then_forgotten() {
        let hot = HotShards::new(Arc::new(SystemClock));
        put(&hot, 0, &["a", "b", "a"]);
        put(&hot, 1, &["c"]);
        hot.turn();
        put(&hot, 0, &["a"]);
        assert_eq!(records(&hot, 0), [("a".into(), 3), ("b".into(), 1)]);
        assert_eq!(records(&hot, 1), [("c".into(), 1)]);
        hot.turn();
        assert_eq!(records(&hot, 0), [("a".into(), 1)]);
        assert_eq!(hot.heat(shard(1), 10), None);
        hot.turn();
        assert_eq!(hot.heat(shard(0), 10), None);
        assert_eq!(hot.shards.load(Ordering::Relaxed), 0);
    }

    /// Of what comes beyond the first of a minute, each record is as likely to be one that stands for others.
    #[test]
    fn a_sample_stands_for_all() {
        let hot = HotShards::new(Arc::new(SystemClock));
        hot.sampled_from.store(0, Ordering::Relaxed);
        let keys = ["a", "b", "c", "d", "e", "f", "g", "h"];
        let mut came = 0;
        // Requests of every length, down to a record, and keys that take turns in step with the sample.
        for count in (1..=64).cycle().take(64 * 200) {
            let request: Vec<&str> = (0..count).map(|place| keys[(came + place) % 8]).collect();
            came += count;
            put(&hot, 0, &request);
        }
        let heat = hot.heat(shard(0), 10).expect("counted");
        assert!(heat.is_sampled);
        let all = came as u64;
        assert!(all.abs_diff(heat.total.records) <= STANDS_FOR, "{heat:?}");
        assert_eq!(heat.total.bytes, heat.total.records * 10);
        for key in &heat.keys {
            let share = key.least.records as f64 / all as f64;
            assert!((share - 0.125).abs() < 0.01, "{key:?} {share}");
        }
        assert_eq!(heat.keys.len(), 8);
        hot.turn();
        put(&hot, 0, &["a"]);
        let now = hot.heat(shard(0), 10).expect("counted");
        assert_eq!(
            now.total.records,
            heat.total.records + 1,
            "the first are all counted"
        );
    }

    #[test]
    fn shards_are_counted_up_to_a_bound() {
        let hot = HotShards::new(Arc::new(SystemClock));
        for index in 0..SHARDS_MAX as u32 + 5 {
            put(&hot, index, &["a"]);
        }
        let is_known = |index: &u32| hot.heat(shard(*index), 1).is_some();
        assert_eq!(
            (0..SHARDS_MAX as u32 + 5).filter(is_known).count(),
            SHARDS_MAX
        );
        hot.turn();
        hot.turn();
        put(&hot, 9_000, &["a"]);
        assert_eq!(records(&hot, 9_000), [("a".into(), 1)]);
    }
}
