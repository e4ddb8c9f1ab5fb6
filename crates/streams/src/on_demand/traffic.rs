//! What on-demand streams' shards took since the last look. A shard that took nothing has nothing here.

use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};

use millstream_catalog::StreamId;
use millstream_types::{HashKey, ShardId};
use parking_lot::Mutex;

use super::key_sample::KeySample;

/// Parts with a lock of their own.
const STRIPES: usize = 64;

/// A shard of a stream.
pub(crate) type ShardKey = (StreamId, ShardId);

/// What a shard took.
#[derive(Debug, Default)]
pub(super) struct Taken {
    /// Data and partition keys.
    pub(super) bytes: u64,
    pub(super) records: u64,
    /// Of shards that may have to be split soon.
    pub(super) sample: Option<Box<KeySample>>,
}

/// Counts what shards take. Cheap enough for each put: one lock, of its own for nearly every shard that is busy.
#[derive(Debug)]
pub(crate) struct Traffic {
    hasher: RandomState,
    stripes: Vec<Mutex<HashMap<ShardKey, Taken>>>,
}

impl Default for Traffic {
    fn default() -> Self {
        Self {
            hasher: RandomState::new(),
            stripes: (0..STRIPES).map(|_| Mutex::default()).collect(),
        }
    }
}

impl Traffic {
    /// Counts records that go to a shard; true if their keys are wanted too.
    pub(crate) fn add(&self, shard: ShardKey, records: usize, bytes: usize) -> bool {
        let mut stripe = self.stripe(&shard).lock();
        let taken = stripe.entry(shard).or_default();
        taken.records += records as u64;
        taken.bytes += bytes as u64;
        taken.sample.is_some()
    }

    /// The keys of records that were counted, with the bytes of each.
    pub(crate) fn sample(&self, shard: ShardKey, keys: &[(HashKey, u32)]) {
        let mut stripe = self.stripe(&shard).lock();
        let taken = stripe.get_mut(&shard);
        if let Some(sample) = taken.and_then(|taken| taken.sample.as_mut()) {
            for (key, bytes) in keys {
                sample.add(*key, u64::from(*bytes));
            }
        }
    }

    /// What was counted since the last time.
    pub(super) fn take(&self) -> HashMap<ShardKey, Taken> {
        let stripes = self.stripes.iter();
        stripes
            .flat_map(|one| std::mem::take(&mut *one.lock()))
            .collect()
    }

    /// From now on until the next [`take`](Self::take), the keys of this shard's records are looked at.
    pub(super) fn watch(&self, shard: ShardKey) {
        let mut stripe = self.stripe(&shard).lock();
        let (stream, id) = shard;
        let seed = stream.0 ^ u64::from(id.index()).rotate_left(32);
        let sample = || Box::new(KeySample::new(seed));
        stripe
            .entry(shard)
            .or_default()
            .sample
            .get_or_insert_with(sample);
    }

    fn stripe(&self, shard: &ShardKey) -> &Mutex<HashMap<ShardKey, Taken>> {
        // The low bits choose the place in the stripe's own map, if its hasher is like this one.
        &self.stripes[(self.hasher.hash_one(shard) >> 32) as usize % STRIPES]
    }
}
