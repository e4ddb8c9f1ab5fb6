//! A subscription: the events of one shard for one consumer, pulled by whoever sends them.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use millstream_catalog::{Shard, ShardNumbers, ShardState, Stream};
use millstream_log::{Place, ReadFrom, ReadOutcome};
use millstream_types::{
    AccountId, ConsumerName, ConsumerStatus, SequenceNumber, ShardId, StreamUse, TimestampMs,
};
use millstream_wire::Operation;
use millstream_wire::shapes::{Record, SubscribeToShardEvent};
use tokio::time::{Instant, sleep_until};
use tokio_util::sync::CancellationToken;

use crate::continuation::number_before;
use crate::descriptions::describe_child;
use crate::read::{ReadLimits, ReadShardError, ReadWith, ShardRead, read_shard};
use crate::service::NotServing;
use crate::subscriptions::{Ending, Seat, TakenSeat};
use crate::tokens::Position;
use crate::{AtShard, EventRoom, Failure, StreamService, refusals};

/// A subscription ends after this long; its client subscribes again.
const LIFE: Duration = Duration::from_secs(300);
/// An event comes at least this often.
const HEARTBEAT: Duration = Duration::from_secs(5);
/// How long it waits for its turn among the reads that wait for the disk before it looks whether it is over.
const TURN_PATIENCE: Duration = Duration::from_secs(1);
/// One event holds as much as makes 2 MiB of JSON: base64 takes 4 bytes for 3, and a record's names and numbers some 180.
const EVENT_LIMITS: ReadLimits = ReadLimits {
    records: 10_000,
    bytes: 3 * 512 * 1024,
    bytes_per_record: 135,
};

/// What [`Subscription::next`] gives.
type Next = Option<Result<SubscribeToShardEvent, Failure>>;

/// A subscription of a consumer to a shard. Dropping it ends it and frees its place for the next one at once.
///
/// It holds no records between two calls, and does nothing unless it is called: that it must end is told to
/// whoever holds its [`Lifetime`].
pub struct Subscription {
    service: StreamService,
    seat: TakenSeat,
    numbers: ShardNumbers,
    place: Place,
    /// Texts need them after the stream is gone.
    names: Names,
    position: Position,
    /// How far the last event came; `None` at the tip.
    behind: Option<TimestampMs>,
    /// The last number that was told.
    continuation: Option<SequenceNumber>,
    ends: Instant,
    next_heartbeat: Instant,
    /// Its limits let nothing through before.
    paused_until: Option<Instant>,
    /// The CLOSE entry is next, and the catalog does not say yet who follows.
    is_at_close: bool,
    is_over: bool,
}

/// Why nothing more is read.
enum Over {
    Cleanly,
    Failed(Failure),
}

impl From<Failure> for Over {
    fn from(failure: Failure) -> Self {
        Self::Failed(failure)
    }
}

impl From<NotServing> for Over {
    fn from(reason: NotServing) -> Self {
        match reason {
            NotServing::Stopping => Self::Cleanly,
            NotServing::Failed => Self::Failed(refusals::failed()),
        }
    }
}

struct Names {
    account: AccountId,
    stream: String,
    consumer_arn: String,
}

impl fmt::Debug for Subscription {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Subscription")
            .field("seat", self.seat.seat())
            .field("position", &self.position)
            .finish_non_exhaustive()
    }
}

/// Knows when a subscription must be over, whether or not anybody asks it for events.
#[derive(Debug, Clone)]
pub struct Lifetime {
    rung: CancellationToken,
    ends: Instant,
}

impl Lifetime {
    /// Waits until the subscription's time is up, or something ends it early. Safe to drop.
    pub async fn over(&self) {
        tokio::select! {
            biased;
            () = self.rung.cancelled() => {}
            () = sleep_until(self.ends) => {}
        }
    }
}

impl Subscription {
    pub(crate) fn new(
        service: StreamService,
        seat: TakenSeat,
        stream: &Stream,
        shard: &Shard,
        position: Position,
    ) -> Self {
        let now = Instant::now();
        let names = Names {
            account: stream.key.account.clone(),
            stream: stream.key.name.to_string(),
            consumer_arn: stream.consumer_arn(&seat.seat().consumer).to_string(),
        };
        Self {
            service,
            seat,
            numbers: shard.numbers(),
            place: shard.place,
            names,
            position,
            behind: None,
            continuation: None,
            ends: now + LIFE,
            // The first event comes at once, so that a client knows where it is.
            next_heartbeat: now,
            paused_until: None,
            is_at_close: false,
            is_over: false,
        }
    }

    /// When it must be over.
    pub fn lifetime(&self) -> Lifetime {
        Lifetime {
            rung: self.seat.rung(),
            ends: self.ends,
        }
    }

    /// The next event: records as soon as they are durable, or after five seconds one without records. `None` once the
    /// subscription is over: its time was up, the service stops, or the event or the error before was its last.
    ///
    /// Safe to drop: the next call goes on where this one was.
    pub async fn next(&mut self) -> Next {
        loop {
            match self.next_now().await {
                Some(next) => return next,
                None => self.readable().await,
            }
        }
    }

    /// As [`next`](Self::next), but `None` if nothing is due now. Waits for the disk, and for its turn there, at most. Safe
    /// to drop.
    pub async fn next_now(&mut self) -> Option<Next> {
        if self.is_over {
            return Some(None);
        }
        if let Some(end) = self.end_if_due() {
            return Some(end);
        }
        match self.read().await {
            Ok(Some(event)) => {
                self.next_heartbeat = Instant::now() + HEARTBEAT;
                Some(Some(Ok(event)))
            }
            Ok(None) => None,
            Err(Over::Cleanly) => Some(self.end_cleanly()),
            Err(Over::Failed(failure)) => Some(self.end_with(failure)),
        }
    }

    /// Waits until [`next_now`](Self::next_now) has something to give, or nearly so, and holds no records. Safe to drop.
    pub async fn readable(&mut self) {
        let mut until = self.next_heartbeat.min(self.ends);
        if let Some(paused_until) = self.paused_until {
            until = until.min(paused_until);
        }
        let rung = self.seat.rung();
        tokio::select! {
            biased;
            () = rung.cancelled() => {}
            () = sleep_until(until) => {}
            () = self.something_new(until), if self.paused_until.is_none() => {}
        }
    }

    fn end_if_due(&mut self) -> Option<Next> {
        let end = match self.seat.ending() {
            Some(Ending::Replaced) => self.end_with(self.in_use()),
            Some(Ending::ConsumerGone) => self.end_with(self.consumer_not_found()),
            Some(Ending::Stopping) => None,
            None if Instant::now() >= self.ends => None,
            None => return None,
        };
        self.is_over = true;
        Some(end)
    }

    /// The client subscribes again, here or where the service went.
    fn end_cleanly(&mut self) -> Next {
        self.is_over = true;
        None
    }

    fn end_with(&mut self, failure: Failure) -> Next {
        self.is_over = true;
        Some(Err(failure))
    }

    fn in_use(&self) -> Failure {
        let Seat {
            consumer, shard, ..
        } = self.seat.seat();
        in_use(
            &self.names.account,
            &self.names.stream,
            *shard,
            &consumer.name,
        )
    }

    fn consumer_not_found(&self) -> Failure {
        refusals::consumer_not_found(&self.names.consumer_arn, &self.names.account)
    }

    /// The stream, as long as the consumer may read it.
    fn stream(&self) -> Result<Arc<Stream>, Failure> {
        let Seat {
            stream, consumer, ..
        } = self.seat.seat();
        let stream = self.service.inner.view.get(*stream);
        let stream = stream.filter(|stream| {
            let consumer = stream.consumer_of(consumer);
            consumer.is_some_and(|consumer| consumer.status == ConsumerStatus::Active)
        });
        stream.ok_or_else(|| self.consumer_not_found())
    }

    /// An event, if one is due now.
    async fn read(&mut self) -> Result<Option<SubscribeToShardEvent>, Over> {
        let began = Instant::now();
        let _in_flight = self.service.in_flight()?;
        let stream = self.stream()?;
        let now = self.service.inner.clock.now();
        let limits = match self.event_limits(&stream) {
            Some(limits) => limits,
            None if Instant::now() < self.next_heartbeat => return Ok(None),
            None => {
                let behind_ms = self.behind.map_or(0, |time| now.ms_since(time));
                return Ok(Some(event(Vec::new(), Some(self.told(now)), behind_ms)));
            }
        };
        let id = self.seat.seat().shard;
        let missing =
            || refusals::shard_does_not_exist(id, &self.names.stream, &self.names.account);
        let shard = &stream.shard(id).ok_or_else(missing)?;
        let inner = &self.service.inner;
        let horizon = stream.trim_horizon(now);
        let with = ReadWith {
            engine: &*inner.engine,
            turns: &inner.read_turns,
            patience: TURN_PATIENCE,
            damage: &inner.damage,
            stream: &stream.key,
            keys: inner.record_keys.ring(),
        };
        let read = read_shard(with, shard, self.position, horizon, limits).await;
        let read = match read {
            Ok(read) => read,
            // Looks whether it is over, and waits again.
            Err(ReadShardError::NoTurn) => return Ok(None),
            Err(ReadShardError::NoSuchLog) => return Err(missing().into()),
            Err(ReadShardError::Failed(reason)) => {
                tracing::error!(stream = %stream.key, shard_id = %id, reason, "a shard cannot be read");
                return Err(refusals::failed().into());
            }
            Err(ReadShardError::Damaged { reason, next }) => {
                return Err(refusals::damaged(&stream, shard, next, &reason, now).into());
            }
        };
        self.record(&stream, &read, began, now);
        self.position = read.next;
        self.behind = read.behind;
        let behind_ms = read.behind.map_or(0, |time| now.ms_since(time));
        if let Some(last) = read.records.last().map(|record| record.sequence_number) {
            // A clock that stepped back does not make it the record's own number.
            let written = TimestampMs(last.written_s().saturating_mul(1000));
            let number = self.told(now.max(written));
            return Ok(Some(event(read.records, Some(number), behind_ms)));
        }
        if read.is_at_end {
            match shard.state {
                ShardState::Closed { closed_ms, .. } => {
                    self.is_over = true;
                    let children = stream.children_of(id).map(describe_child).collect();
                    return Ok(Some(SubscribeToShardEvent {
                        child_shards: Some(children),
                        ..event(Vec::new(), None, now.ms_since(closed_ms))
                    }));
                }
                ShardState::Open | ShardState::Closing => self.is_at_close = true,
            }
        }
        if Instant::now() < self.next_heartbeat {
            return Ok(None);
        }
        let number = self.told(now);
        Ok(Some(event(Vec::new(), Some(number), behind_ms)))
    }

    /// How much an event may hold; `None`, until a time that is noted, if none may hold anything.
    fn event_limits(&mut self, stream: &Stream) -> Option<ReadLimits> {
        self.paused_until = None;
        let Some(admission) = &self.service.inner.admission else {
            return Some(EVENT_LIMITS);
        };
        match admission.event_room(&self.at_shard(stream)) {
            EventRoom::Bytes(bytes) => {
                let bytes = usize::try_from(bytes).unwrap_or(usize::MAX);
                Some(ReadLimits {
                    bytes: EVENT_LIMITS.bytes.min(bytes),
                    ..EVENT_LIMITS
                })
            }
            EventRoom::After(time) => {
                self.paused_until = Some(Instant::now() + time);
                None
            }
        }
    }

    fn at_shard<'a>(&'a self, stream: &'a Stream) -> AtShard<'a> {
        let seat = self.seat.seat();
        AtShard {
            operation: Operation::SubscribeToShard,
            stream,
            shard: seat.shard,
            consumer: Some(&seat.consumer),
        }
    }

    /// Tells whoever hears of it of records that go out.
    fn record(&self, stream: &Stream, read: &ShardRead, began: Instant, now: TimestampMs) {
        if let Some(admission) = &self.service.inner.admission {
            admission.note_read(&self.at_shard(stream), read.bytes as u64);
        }
        let recorder = self.service.inner.recorder.as_ref();
        let Some(recorder) = recorder.filter(|_| !read.records.is_empty()) else {
            return;
        };
        let Seat {
            consumer, shard, ..
        } = self.seat.seat();
        recorder.stream_use(&StreamUse {
            account: &stream.key.account,
            region: &stream.key.region,
            stream: &stream.key.name,
            consumer: Some(&consumer.name),
            operation: "SubscribeToShardEvent",
            shards: &[read.shard_use(*shard)],
            behind_ms: Some(read.behind.map_or(0, |time| now.ms_since(time))),
            error: None,
            time: began.elapsed(),
        });
    }

    /// The number that tells where the subscription is now.
    fn told(&mut self, now: TimestampMs) -> SequenceNumber {
        let number = number_before(self.numbers, self.position, now);
        // The wall clock may have stepped back; what was told stays true.
        let number = self.continuation.map_or(number, |last| last.max(number));
        self.continuation = Some(number);
        number
    }

    /// Waits for an entry behind the position, or for the catalog to know of the shard's end.
    async fn something_new(&self, until: Instant) {
        let inner = &self.service.inner;
        let wait = until.saturating_duration_since(Instant::now());
        if self.is_at_close {
            let Seat { stream, shard, .. } = self.seat.seat();
            let is_closed = inner.view.wait_for(wait, |catalog| {
                let shard = catalog.get(*stream).and_then(|stream| stream.shard(*shard));
                shard.is_none_or(|shard| shard.is_closed()).then_some(())
            });
            // Whether it is, or the time is up: the caller looks.
            let _ = is_closed.await;
            return;
        }
        let bounds = inner.engine.bounds(self.place).await;
        let offset = self.position.offset;
        if bounds.is_ok_and(|bounds| bounds.next == offset) {
            let read = ReadFrom {
                place: self.place,
                from: offset,
                bytes_max: 1,
            };
            let outcome = inner.engine.read_many(vec![read], wait).await.pop();
            let is_empty = |outcome: &ReadOutcome| matches!(outcome, ReadOutcome::Entries { entries, .. } if entries.is_empty());
            if outcome.as_ref().is_some_and(is_empty) {
                // Nothing came, and an engine that stops does not wait: only the time ends this.
                sleep_until(until).await;
            }
        }
    }
}

/// Somebody else is subscribed with this consumer to this shard: somebody later, or since less than five seconds.
pub(crate) fn in_use(
    account: &AccountId,
    stream: &str,
    shard: ShardId,
    consumer: &ConsumerName,
) -> Failure {
    Failure::in_use(format!(
        "Another active subscription exists for this consumer: {account}:{stream}:{shard}:{consumer}"
    ))
}

fn event(
    records: Vec<Record>,
    continuation: Option<SequenceNumber>,
    millis_behind_latest: u64,
) -> SubscribeToShardEvent {
    SubscribeToShardEvent {
        records,
        continuation_sequence_number: continuation,
        millis_behind_latest,
        child_shards: None,
    }
}
