//! Who is subscribed to what: one subscription for each consumer and shard, and the ways in which it is made to end.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use millstream_catalog::{ConsumerKey, StreamId};
use millstream_types::ShardId;
use parking_lot::Mutex;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

/// A subscription that is younger than this is not taken over.
const PROTECTED_FOR: Duration = Duration::from_secs(5);

/// What a subscription holds.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Seat {
    pub(crate) stream: StreamId,
    pub(crate) consumer: ConsumerKey,
    pub(crate) shard: ShardId,
}

/// Why a subscription ends before its time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ending {
    /// A later one has its seat.
    Replaced,
    /// The consumer or its stream is deleted.
    ConsumerGone,
    /// The service stops.
    Stopping,
}

/// Why a seat is not given.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum NoSeat {
    /// Somebody took it less than five seconds ago.
    InUse,
    /// The service stops.
    Stopping,
}

/// Tells a subscription that it is to end.
#[derive(Debug, Default)]
struct EndSignal {
    ending: OnceLock<Ending>,
    rung: CancellationToken,
}

impl EndSignal {
    fn ring(&self, ending: Ending) {
        // The first reason stays.
        self.ending.get_or_init(|| ending);
        self.rung.cancel();
    }
}

/// The seats that are taken.
#[derive(Debug, Default)]
pub(crate) struct Subscriptions {
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    is_closed: bool,
    taken: BTreeMap<Seat, Taken>,
}

#[derive(Debug)]
struct Taken {
    since: Instant,
    end: Arc<EndSignal>,
}

/// A taken seat; free again when dropped.
#[derive(Debug)]
pub(crate) struct TakenSeat {
    subscriptions: Arc<Subscriptions>,
    seat: Seat,
    end: Arc<EndSignal>,
}

impl Subscriptions {
    /// Takes a seat, if need be from who has had it for five seconds.
    pub(crate) fn take(self: &Arc<Self>, seat: Seat) -> Result<TakenSeat, NoSeat> {
        let mut state = self.state.lock();
        if state.is_closed {
            return Err(NoSeat::Stopping);
        }
        let now = Instant::now();
        if let Some(taken) = state.taken.get(&seat) {
            if now.saturating_duration_since(taken.since) < PROTECTED_FOR {
                return Err(NoSeat::InUse);
            }
            taken.end.ring(Ending::Replaced);
        }
        let end = Arc::new(EndSignal::default());
        let taken = Taken {
            since: now,
            end: Arc::clone(&end),
        };
        state.taken.insert(seat.clone(), taken);
        Ok(TakenSeat {
            subscriptions: Arc::clone(self),
            seat,
            end,
        })
    }

    /// How many seats are taken.
    pub(crate) fn open(&self) -> usize {
        self.state.lock().taken.len()
    }

    /// Ends the subscriptions of a consumer.
    pub(crate) fn end_consumer(&self, stream: StreamId, consumer: &ConsumerKey) {
        let seat = |shard| Seat {
            stream,
            consumer: consumer.clone(),
            shard,
        };
        self.end(
            seat(first_shard())..=seat(last_shard()),
            Ending::ConsumerGone,
        );
    }

    /// Ends the subscriptions of all consumers of a stream.
    pub(crate) fn end_stream(&self, stream: StreamId) {
        let state = self.state.lock();
        let of_stream = state.taken.iter().filter(|(seat, _)| seat.stream == stream);
        of_stream.for_each(|(_, taken)| taken.end.ring(Ending::ConsumerGone));
    }

    /// Ends all subscriptions and takes no more.
    pub(crate) fn close(&self) {
        let mut state = self.state.lock();
        state.is_closed = true;
        let all = state.taken.values();
        all.for_each(|taken| taken.end.ring(Ending::Stopping));
    }

    fn end(&self, seats: RangeInclusive<Seat>, ending: Ending) {
        let state = self.state.lock();
        let taken = state.taken.range(seats);
        taken.for_each(|(_, taken)| taken.end.ring(ending));
    }
}

fn first_shard() -> ShardId {
    ShardId::new(0).expect("the first index")
}

fn last_shard() -> ShardId {
    ShardId::new(i32::MAX.unsigned_abs()).expect("the last index")
}

impl TakenSeat {
    pub(crate) fn seat(&self) -> &Seat {
        &self.seat
    }

    /// Why the subscription is to end, if it is.
    pub(crate) fn ending(&self) -> Option<Ending> {
        self.end.ending.get().copied()
    }

    /// Cancelled once the subscription is to end.
    pub(crate) fn rung(&self) -> CancellationToken {
        self.end.rung.clone()
    }
}

impl Drop for TakenSeat {
    fn drop(&mut self) {
        let mut state = self.subscriptions.state.lock();
        let is_mine = |taken: &Taken| Arc::ptr_eq(&taken.end, &self.end);
        if state.taken.get(&self.seat).is_some_and(is_mine) {
            state.taken.remove(&self.seat);
        }
    }
}
