//! A stream in memory, for tests.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use millstream_aggregation::{Aggregate, UserRecord};
use millstream_types::{HashKey, HashKeyRange, ShardId};

use super::{OpenShard, PutAnswer, PutEntry, Transport, TransportFuture};

/// A record as the stream holds it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredRecord {
    /// Its shard.
    pub shard_id: String,
    /// Its number, which grows from record to record.
    pub sequence_number: String,
    /// As it was put.
    pub partition_key: String,
    /// As it was put: a user record, or an aggregate.
    pub data: Bytes,
}

impl StoredRecord {
    /// The user records in it; a plain record is one, with the partition key that it was put with.
    pub fn user_records(&self) -> Vec<UserRecord> {
        match Aggregate::parse(&self.data) {
            Some(aggregate) => aggregate.user_records().filter_map(Result::ok).collect(),
            None => vec![UserRecord::new(
                self.partition_key.clone(),
                self.data.clone(),
            )],
        }
    }
}

#[derive(Debug)]
struct State {
    /// Open shards in the order of their ranges.
    open: Vec<(ShardId, HashKeyRange)>,
    ranges: Vec<(ShardId, HashKeyRange)>,
    records: Vec<StoredRecord>,
}

/// A stream in memory, which answers at once and never fails. Clones are the same stream.
#[derive(Debug, Clone)]
pub struct MemoryStream(Arc<Mutex<State>>);

impl MemoryStream {
    /// An empty stream.
    ///
    /// # Panics
    /// If `shards` is 0.
    pub fn new(shards: u32) -> Self {
        let open: Vec<_> = (0..)
            .filter_map(ShardId::new)
            .zip(HashKeyRange::uniform(shards))
            .collect();
        Self(Arc::new(Mutex::new(State {
            ranges: open.clone(),
            open,
            records: Vec::new(),
        })))
    }

    /// Stores records.
    pub fn put(&self, entries: &[PutEntry]) -> Vec<PutAnswer> {
        let mut state = self.state();
        entries.iter().map(|entry| state.put(entry)).collect()
    }

    /// The open shards.
    pub fn open_shards(&self) -> Vec<OpenShard> {
        let open = |(id, range): &(ShardId, HashKeyRange)| OpenShard {
            shard_id: id.to_string(),
            hash_key_range: *range,
        };
        self.state().open.iter().map(open).collect()
    }

    /// The range of a shard, open or closed.
    pub fn range(&self, shard_id: &str) -> Option<HashKeyRange> {
        let state = self.state();
        let found = state
            .ranges
            .iter()
            .find(|(id, _)| id.to_string() == shard_id);
        found.map(|(_, range)| *range)
    }

    /// All records in the order in which they were stored.
    pub fn records(&self) -> Vec<StoredRecord> {
        self.state().records.clone()
    }

    /// All user records in the order in which they were stored.
    pub fn user_records(&self) -> Vec<UserRecord> {
        let records = self.records();
        records
            .iter()
            .flat_map(StoredRecord::user_records)
            .collect()
    }

    /// Splits the open shard at `index` in the middle; false if it is too narrow.
    pub fn split(&self, index: usize) -> bool {
        let mut state = self.state();
        let range = state.open[index].1;
        let width = range.end.0 - range.start.0;
        if width == 0 {
            return false;
        }
        let middle = range.start.0 + width / 2;
        state.open.remove(index);
        for (place, start, end) in [
            (index, range.start.0, middle),
            (index + 1, middle + 1, range.end.0),
        ] {
            let range = HashKeyRange {
                start: HashKey(start),
                end: HashKey(end),
            };
            state.open_shard(place, range);
        }
        true
    }

    /// Merges the open shard at `index` with the next one; false if there is none.
    pub fn merge(&self, index: usize) -> bool {
        let mut state = self.state();
        if index + 1 >= state.open.len() {
            return false;
        }
        let range = HashKeyRange {
            start: state.open[index].1.start,
            end: state.open[index + 1].1.end,
        };
        state.open.drain(index..=index + 1);
        state.open_shard(index, range);
        true
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn open_shard(&mut self, place: usize, range: HashKeyRange) {
        let next = u32::try_from(self.ranges.len()).ok().and_then(ShardId::new);
        let shard = (next.expect("fewer than 2^31 shards"), range);
        self.open.insert(place, shard);
        self.ranges.push(shard);
    }

    fn put(&mut self, entry: &PutEntry) -> PutAnswer {
        let place = self
            .open
            .partition_point(|(_, range)| range.end < entry.explicit_hash_key);
        let shard_id = self.open[place].0.to_string();
        let sequence_number = (self.records.len() + 1).to_string();
        self.records.push(StoredRecord {
            shard_id: shard_id.clone(),
            sequence_number: sequence_number.clone(),
            partition_key: entry.partition_key.clone(),
            data: entry.data.clone(),
        });
        PutAnswer::Stored {
            shard_id,
            sequence_number,
        }
    }
}

impl Transport for MemoryStream {
    fn put_records(&self, entries: Vec<PutEntry>) -> TransportFuture<Vec<PutAnswer>> {
        let this = self.clone();
        Box::pin(async move { Ok(this.put(&entries)) })
    }

    fn list_shards(&self) -> TransportFuture<Vec<OpenShard>> {
        let this = self.clone();
        Box::pin(async move { Ok(this.open_shards()) })
    }
}
