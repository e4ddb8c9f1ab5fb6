//! A stream in memory, for tests of processors and of this crate.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use futures::future::ready;
use millstream_types::{HashKey, HashKeyRange, TimestampMs};
use tokio::sync::watch;

use super::sealed::Sealed;
use super::{
    NextRead, OpenShard, ReadError, ReadFuture, Shard, ShardRead, ShardReads, Source,
    StartingPosition,
};
use crate::{ExtendedSequenceNumber, Record};

mod fan_out;

pub use fan_out::MemoryFanOut;

/// A stream in memory that can be written, split and merged. Clones share the same records.
///
/// Sequence numbers are 1, 2, 3 … over the whole stream; a record arrived so many milliseconds after 1970 as its
/// sequence number says.
/// Shards are opened at a number of their own, which no record has.
#[derive(Debug, Clone)]
pub struct MemoryStream {
    state: Arc<Mutex<State>>,
    changes: Arc<watch::Sender<()>>,
}

#[derive(Debug, Default)]
struct State {
    shards: BTreeMap<String, MemoryShard>,
    /// The last number given, to a record or a shard.
    last_number: u64,
    /// Records below are past retention.
    trimmed_before: u64,
    /// How often the stream was deleted and created again.
    generation: u64,
    /// Shards that neither listings nor iterators know yet.
    hidden: BTreeSet<String>,
    hides_new_shards: bool,
}

#[derive(Debug)]
struct MemoryShard {
    shard: Shard,
    range: HashKeyRange,
    records: Vec<(u64, Record)>,
    children: Vec<String>,
    /// The last number given when the shard was closed.
    closed_at: u64,
}

impl State {
    fn open_shard(&mut self, range: HashKeyRange, parents: &[&str]) -> String {
        let shard_id = format!("shardId-{:012}", self.shards.len());
        self.last_number += 1;
        if self.hides_new_shards {
            self.hidden.insert(shard_id.clone());
        }
        let shard = Shard {
            shard_id: shard_id.clone(),
            parent_shard_ids: parents.iter().map(|id| (*id).to_owned()).collect(),
            hash_key_range: Some(range),
            starting_sequence_number: Some(place_of(self.last_number)),
            is_closed: false,
        };
        let memory_shard = MemoryShard {
            shard,
            range,
            records: Vec::new(),
            children: Vec::new(),
            closed_at: 0,
        };
        self.shards.insert(shard_id.clone(), memory_shard);
        shard_id
    }

    fn close(&mut self, shard_id: &str, children: &[String]) {
        if let Some(parent) = self.shards.get_mut(shard_id) {
            parent.closed_at = self.last_number;
            parent.shard.is_closed = true;
            parent.children.extend_from_slice(children);
        }
    }

    /// The shard, unless all of it is past retention or it is not known yet.
    fn known(&self, shard_id: &str) -> Option<&MemoryShard> {
        let shard = self.shards.get(shard_id)?;
        let is_past = shard.shard.is_closed && shard.closed_at < self.trimmed_before;
        (!is_past && !self.hidden.contains(shard_id)).then_some(shard)
    }

    fn open_range(&self, shard_id: &str) -> Option<HashKeyRange> {
        let shard = self.shards.get(shard_id)?;
        (!shard.shard.is_closed).then_some(shard.range)
    }
}

fn place_of(number: u64) -> ExtendedSequenceNumber {
    ExtendedSequenceNumber::new(&number.to_string(), 0).expect("digits")
}

impl MemoryStream {
    /// An empty stream of `shards` shards of equal width.
    ///
    /// # Panics
    /// If `shards` is 0.
    pub fn new(shards: u32) -> Self {
        let mut state = State::default();
        for range in HashKeyRange::uniform(shards) {
            state.open_shard(range, &[]);
        }
        Self {
            state: Arc::new(Mutex::new(state)),
            changes: Arc::default(),
        }
    }

    /// Adds a record to the shard of its partition key; gives the shard's id and the record's sequence number.
    pub fn put(&self, partition_key: &str, data: impl Into<Bytes>) -> (String, u64) {
        let data = data.into();
        self.change(|state| {
            state.last_number += 1;
            let number = state.last_number;
            let hash_key = HashKey::of_partition_key(partition_key);
            let shard = state
                .shards
                .values_mut()
                .find(|shard| !shard.shard.is_closed && shard.range.contains(hash_key))
                .expect("the open shards cover all hash keys");
            let record = Record {
                arrived_at: Some(SystemTime::UNIX_EPOCH + Duration::from_millis(number)),
                ..Record::new(place_of(number), partition_key, data)
            };
            shard.records.push((number, record));
            (shard.shard.shard_id.clone(), number)
        })
    }

    /// Splits an open shard in the middle; false if it is not open or too narrow.
    pub fn split(&self, shard_id: &str) -> bool {
        self.change(|state| {
            let Some(range) = state.open_range(shard_id) else {
                return false;
            };
            if range.start == range.end {
                return false;
            }
            let middle = range.start.0 + (range.end.0 - range.start.0) / 2;
            let lower = HashKeyRange {
                start: range.start,
                end: HashKey(middle),
            };
            let upper = HashKeyRange {
                start: HashKey(middle + 1),
                end: range.end,
            };
            let children = [lower, upper].map(|part| state.open_shard(part, &[shard_id]));
            state.close(shard_id, &children);
            true
        })
    }

    /// Merges an open shard with the open shard of the hash keys right above; false if there is no such pair.
    pub fn merge(&self, shard_id: &str) -> bool {
        self.change(|state| {
            let Some(range) = state.open_range(shard_id) else {
                return false;
            };
            let upper = state
                .shards
                .values()
                .find(|shard| !shard.shard.is_closed && range.is_followed_by(&shard.range));
            let Some((adjacent, end)) =
                upper.map(|shard| (shard.shard.shard_id.clone(), shard.range.end))
            else {
                return false;
            };
            let whole = HashKeyRange {
                start: range.start,
                end,
            };
            let child = state.open_shard(whole, &[shard_id, &adjacent]);
            state.close(shard_id, std::slice::from_ref(&child));
            state.close(&adjacent, &[child]);
            true
        })
    }

    /// Forgets the records below `before`, and the shards that were closed by then, as retention does.
    pub fn trim(&self, before: u64) {
        self.change(|state| state.trimmed_before = state.trimmed_before.max(before));
    }

    /// Records below this are past retention.
    pub fn trimmed_before(&self) -> u64 {
        self.with(|state| state.trimmed_before)
    }

    /// Where the sequence numbers of a shard start; `None` for an unknown one.
    pub fn starting_number(&self, shard_id: &str) -> Option<String> {
        self.with(|state| {
            let start = &state.shards.get(shard_id)?.shard.starting_sequence_number;
            Some(start.as_ref()?.sequence_number().to_owned())
        })
    }

    /// The hash keys of a shard; `None` for an unknown one.
    pub fn hash_key_range(&self, shard_id: &str) -> Option<HashKeyRange> {
        self.with(|state| Some(state.shards.get(shard_id)?.range))
    }

    /// How often the stream was created again.
    pub fn generation(&self) -> u64 {
        self.with(|state| state.generation)
    }

    /// The last sequence number given.
    pub fn last_number(&self) -> u64 {
        self.with(|state| state.last_number)
    }

    /// Deletes the stream and creates it again under its name, with `shards` shards. Ids start again, sequence
    /// numbers go on.
    ///
    /// # Panics
    /// If `shards` is 0.
    pub fn recreate(&self, shards: u32) {
        self.change(|state| {
            *state = State {
                last_number: state.last_number,
                trimmed_before: state.trimmed_before,
                generation: state.generation + 1,
                ..State::default()
            };
            for range in HashKeyRange::uniform(shards) {
                state.open_shard(range, &[]);
            }
        });
    }

    /// Whether shards that are opened from now on stay unknown to listings and iterators, as on a service that is
    /// only consistent in the end. Their parents name them all the same. `false` makes all shards known.
    pub fn hide_new_shards(&self, hide: bool) {
        self.change(|state| {
            state.hides_new_shards = hide;
            if !hide {
                state.hidden.clear();
            }
        });
    }

    /// The ids of the shards that take records.
    pub fn open_shard_ids(&self) -> BTreeSet<String> {
        self.with(|state| {
            let open = state
                .shards
                .values()
                .filter(|shard| !shard.shard.is_closed)
                .map(|shard| shard.shard.shard_id.clone());
            open.collect()
        })
    }

    /// The sequence numbers of a shard's records that are kept, in order; empty for an unknown shard.
    pub fn sequence_numbers(&self, shard_id: &str) -> Vec<u64> {
        self.with(|state| {
            let records = state.shards.get(shard_id).map(|shard| &shard.records);
            let numbers = records.into_iter().flatten().map(|(number, _)| *number);
            let kept = numbers.filter(|number| *number >= state.trimmed_before);
            kept.collect()
        })
    }

    /// The ids of all shards, open and closed, with those of their parents.
    pub fn lineage(&self) -> BTreeMap<String, BTreeSet<String>> {
        self.with(|state| {
            let shards = state.shards.values();
            shards
                .map(|shard| {
                    (
                        shard.shard.shard_id.clone(),
                        shard.shard.parent_shard_ids.clone(),
                    )
                })
                .collect()
        })
    }

    /// The same stream, whose shards are subscribed to instead of polled.
    pub fn fan_out(&self) -> MemoryFanOut {
        MemoryFanOut::new(self.clone())
    }

    pub(super) fn place(
        &self,
        shard_id: &str,
        position: StartingPosition,
    ) -> Result<Place, ReadError> {
        self.with(|state| {
            let shard = state
                .known(shard_id)
                .ok_or_else(|| ReadError::NotFound(format!("shard {shard_id}")))?;
            let number = |text: &str| {
                let starts_at = shard.shard.starting_sequence_number.as_ref();
                let place = ExtendedSequenceNumber::new(text, 0).ok();
                text.parse::<u64>()
                    .ok()
                    .filter(|_| place.as_ref() >= starts_at)
                    .ok_or_else(|| ReadError::Refused(format!("{text} is not of this shard")))
            };
            let next = match position {
                StartingPosition::TrimHorizon => 0,
                StartingPosition::Latest => {
                    shard.records.last().map_or(0, |(number, _)| *number) + 1
                }
                StartingPosition::AtTimestamp(moment) => moment.0,
                StartingPosition::AtSequenceNumber(text) => number(&text)?,
                StartingPosition::AfterSequenceNumber(text) => number(&text)? + 1,
            };
            Ok(Place {
                stream: self.clone(),
                generation: state.generation,
                shard_id: shard_id.to_owned(),
                next,
            })
        })
    }

    /// Waits for the next change of anything, from the moment of the call.
    pub(super) fn changed(&self) -> impl Future<Output = ()> + Send + use<> {
        let mut changes = self.changes.subscribe();
        async move {
            // The stream lives as long as whoever waits for it.
            drop(changes.changed().await);
        }
    }

    /// Like [`with`](Self::with), and wakes whoever waits for a change.
    fn change<T>(&self, act: impl FnOnce(&mut State) -> T) -> T {
        let done = self.with(act);
        self.changes.send_modify(|()| {});
        done
    }

    fn with<T>(&self, act: impl FnOnce(&mut State) -> T) -> T {
        act(&mut self.state.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Sealed for MemoryStream {}

impl Source for MemoryStream {
    fn list_shards(&self) -> ReadFuture<Vec<Shard>> {
        let shards = self.with(|state| {
            let known = state.shards.keys().filter_map(|id| state.known(id));
            known.map(|known| known.shard.clone()).collect()
        });
        Box::pin(ready(Ok(shards)))
    }

    fn open(&self, shard_id: &str, position: StartingPosition) -> ReadFuture<OpenShard> {
        let opened = self.place(shard_id, position).map(|place| OpenShard {
            reads: Box::new(place),
            opened_at: Some(TimestampMs(self.last_number() + 1)),
        });
        Box::pin(ready(opened))
    }
}

/// A place in a shard of a stream in memory.
#[derive(Debug, Clone)]
pub(super) struct Place {
    stream: MemoryStream,
    generation: u64,
    shard_id: String,
    /// The number of the first record that is not read.
    next: u64,
}

impl Place {
    pub(super) fn read(&mut self, records_max: u32) -> Result<ShardRead, ReadError> {
        let stream = self.stream.clone();
        stream.with(|state| {
            let unknown = || ReadError::NotFound(format!("shard {}", self.shard_id));
            if self.generation != state.generation {
                return Err(unknown());
            }
            let first = self.next.max(state.trimmed_before);
            let shard = state.known(&self.shard_id).ok_or_else(unknown)?;
            let from = shard.records.partition_point(|(number, _)| *number < first);
            let rest = &shard.records[from..];
            let batch = &rest[..rest.len().min(records_max as usize)];
            self.next = batch.last().map_or(first, |(number, _)| number + 1);
            let ended = batch.is_empty() && shard.shard.is_closed;
            let children = shard
                .children
                .iter()
                .filter_map(|id| state.shards.get(id))
                // As the service tells of children.
                .map(|child| Shard {
                    starting_sequence_number: None,
                    is_closed: false,
                    ..child.shard.clone()
                });
            Ok(ShardRead {
                records: batch.iter().map(|(_, record)| record.clone()).collect(),
                continue_after: None,
                millis_behind_latest: (rest.len() - batch.len()) as u64,
                end: ended.then(|| children.collect()),
            })
        })
    }
}

impl Sealed for Place {}

impl ShardReads for Place {
    fn next(&mut self, records_max: u32) -> NextRead<'_> {
        Box::pin(ready(self.read(records_max)))
    }

    fn is_pushed(&self) -> bool {
        false
    }
}
