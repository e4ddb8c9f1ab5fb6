//! Subscriptions to the shards of a stream in memory.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures::future::ready;
use millstream_types::TimestampMs;
use tokio::time::{Instant, timeout};

use super::{MemoryStream, Place};
use crate::source::sealed::Sealed;
use crate::source::{
    NextRead, OpenShard, ReadError, ReadFuture, Shard, ShardReads, Source, StartingPosition,
};

/// A subscription ends after so long.
const LIFE: Duration = Duration::from_secs(300);
/// A subscription that is younger keeps others out; an older one gives way.
const SEAT_IS_KEPT: Duration = Duration::from_secs(5);
/// So often comes an event without records.
const HEARTBEAT: Duration = Duration::from_secs(5);

/// The shards of a [`MemoryStream`] by subscription, with the service's rules: one subscription for a shard, and none that
/// lasts longer than five minutes. Clones are the same registered consumer.
#[derive(Debug, Clone)]
pub struct MemoryFanOut {
    stream: MemoryStream,
    seats: Arc<Mutex<Seats>>,
}

#[derive(Debug, Default)]
struct Seats {
    subscriptions: u64,
    /// By shard: the subscription that has it, and since when.
    taken: BTreeMap<String, (u64, Instant)>,
}

impl MemoryFanOut {
    pub(super) fn new(stream: MemoryStream) -> Self {
        Self {
            stream,
            seats: Arc::default(),
        }
    }

    fn seats(&self) -> MutexGuard<'_, Seats> {
        self.seats.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn take_seat(&self, shard_id: &str) -> Result<u64, ReadError> {
        let mut seats = self.seats();
        let now = Instant::now();
        if let Some((_, since)) = seats.taken.get(shard_id)
            && now < *since + SEAT_IS_KEPT
        {
            return Err(ReadError::InUse);
        }
        seats.subscriptions += 1;
        let subscription = seats.subscriptions;
        seats.taken.insert(shard_id.to_owned(), (subscription, now));
        Ok(subscription)
    }
}

impl Sealed for MemoryFanOut {}

impl Source for MemoryFanOut {
    fn list_shards(&self) -> ReadFuture<Vec<Shard>> {
        self.stream.list_shards()
    }

    fn open(&self, shard_id: &str, position: StartingPosition) -> ReadFuture<OpenShard> {
        let opened = self.stream.place(shard_id, position).and_then(|place| {
            let reads = Subscription {
                place,
                id: self.take_seat(shard_id)?,
                shard_id: shard_id.to_owned(),
                ends_at: Instant::now() + LIFE,
                consumer: self.clone(),
            };
            Ok(OpenShard {
                reads: Box::new(reads),
                opened_at: Some(TimestampMs(self.stream.last_number() + 1)),
            })
        });
        Box::pin(ready(opened))
    }
}

#[derive(Debug)]
struct Subscription {
    place: Place,
    id: u64,
    shard_id: String,
    ends_at: Instant,
    consumer: MemoryFanOut,
}

impl Subscription {
    fn has_ended(&self) -> bool {
        let holder = self.consumer.seats().taken.get(&self.shard_id).copied();
        Instant::now() >= self.ends_at || holder.is_none_or(|(id, _)| id != self.id)
    }
}

impl Drop for Subscription {
    fn drop(&mut self) {
        let mut seats = self.consumer.seats();
        if seats
            .taken
            .get(&self.shard_id)
            .is_some_and(|(id, _)| *id == self.id)
        {
            seats.taken.remove(&self.shard_id);
        }
    }
}

impl Sealed for Subscription {}

impl ShardReads for Subscription {
    fn next(&mut self, records_max: u32) -> NextRead<'_> {
        Box::pin(async move {
            let heartbeat = Instant::now() + HEARTBEAT;
            loop {
                if self.has_ended() {
                    return Err(ReadError::Expired);
                }
                let changed = self.consumer.stream.changed();
                let read = self.place.read(records_max)?;
                let is_worth_telling = !read.records.is_empty() || read.end.is_some();
                if is_worth_telling || Instant::now() >= heartbeat {
                    return Ok(read);
                }
                let left = heartbeat.saturating_duration_since(Instant::now());
                // Whatever has changed, or the time of the heartbeat.
                drop(timeout(left, changed).await);
            }
        })
    }

    fn is_pushed(&self) -> bool {
        true
    }
}
