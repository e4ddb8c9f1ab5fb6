//! What was put and is not yet in blocks.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use crate::series_table::SeriesId;
use crate::{Aggregate, Minute};

/// Aggregates by series and minute.
pub(crate) type Buckets = BTreeMap<SeriesId, BTreeMap<Minute, Aggregate>>;

/// Bytes that a series takes beside its aggregates.
const SERIES_BYTES: usize = 128;

/// The newest samples, in memory; the journal has them too.
#[derive(Debug, Default)]
pub(crate) struct Head {
    buckets: Buckets,
    memory_bytes: usize,
}

impl Head {
    pub(crate) fn add(&mut self, id: SeriesId, minute: Minute, aggregate: &Aggregate) {
        let of_series = match self.buckets.entry(id) {
            Entry::Occupied(entry) => entry.into_mut(),
            Entry::Vacant(entry) => {
                self.memory_bytes += SERIES_BYTES;
                entry.insert(BTreeMap::new())
            }
        };
        match of_series.entry(minute) {
            Entry::Occupied(mut entry) => {
                let bucket = entry.get_mut();
                self.memory_bytes -= bucket.memory_bytes();
                bucket.merge(aggregate);
                self.memory_bytes += bucket.memory_bytes();
            }
            Entry::Vacant(entry) => {
                self.memory_bytes += entry.insert(aggregate.clone()).memory_bytes();
            }
        }
    }

    pub(crate) fn memory_bytes(&self) -> usize {
        self.memory_bytes
    }

    pub(crate) fn buckets(&self) -> &Buckets {
        &self.buckets
    }

    pub(crate) fn clear(&mut self) {
        *self = Self::default();
    }
}
