//! Where a read of a shard is to start: what GetShardIterator and SubscribeToShard have in common.

use millstream_catalog::{Shard, ShardState, Stream};
use millstream_log::EngineError;
use millstream_types::{OldSequenceNumber, SequenceNumber, TimestampMs};
use millstream_wire::shapes::ShardIteratorType;
use millstream_wire::{ErrorCode, Operation};

use crate::call::Call;
use crate::continuation::{position_after, position_at};
use crate::tokens::Position;
use crate::{Failure, refusals};

/// The shard that a sequence number names; its index may be above what shards have, and AWS prints it signed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct EncodedShard(u32);

impl std::fmt::Display for EncodedShard {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match i32::try_from(self.0) {
            Ok(index) => write!(f, "shardId-{index:012}"),
            Err(_) => write!(f, "shardId--{:011}", self.0.cast_signed().unsigned_abs()),
        }
    }
}

fn type_name(iterator_type: ShardIteratorType) -> &'static str {
    match iterator_type {
        ShardIteratorType::AtSequenceNumber => "AT_SEQUENCE_NUMBER",
        ShardIteratorType::AfterSequenceNumber => "AFTER_SEQUENCE_NUMBER",
        ShardIteratorType::TrimHorizon => "TRIM_HORIZON",
        ShardIteratorType::Latest => "LATEST",
        ShardIteratorType::AtTimestamp => "AT_TIMESTAMP",
    }
}

/// Where to start, as a request says it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct StartPosition<'a> {
    pub(crate) position_type: ShardIteratorType,
    pub(crate) number: Option<&'a str>,
    pub(crate) time: Option<TimestampMs>,
}

/// Where to start, as far as the request alone says it.
enum Start {
    At(Position),
    Latest,
    Time(TimestampMs),
}

impl Call<'_> {
    /// The position in the shard's log that a request means.
    pub(crate) async fn start_position(
        &self,
        stream: &Stream,
        shard: &Shard,
        start: StartPosition<'_>,
        now: TimestampMs,
    ) -> Result<Position, Failure> {
        match start_of(self.operation, stream, shard, start, now)? {
            Start::At(position) => Ok(position),
            Start::Latest => match shard.state {
                ShardState::Closed { end, .. } => Ok(at_offset(end)),
                ShardState::Open | ShardState::Closing => {
                    let bounds = self.inner().engine.bounds(shard.place).await;
                    Ok(present(bounds, shard, |bounds| bounds.next).map(at_offset)?)
                }
            },
            Start::Time(time) => {
                let from = self.inner().engine.offset_for_time(shard.place, time).await;
                Ok(Position {
                    offset: present(from, shard, |offset| offset)?,
                    index: 0,
                    not_before: time,
                })
            }
        }
    }
}

/// An offset that the engine gave; of a closed shard whose log is deleted already, the shard's end.
fn present<T>(
    result: Result<T, EngineError>,
    shard: &Shard,
    offset: impl FnOnce(T) -> u64,
) -> Result<u64, Failure> {
    match (result, shard.state) {
        (Ok(found), _) => Ok(offset(found)),
        (Err(EngineError::NoSuchLog), ShardState::Closed { end, .. }) => Ok(end),
        (Err(error), _) => Err(refusals::engine_failed(error)),
    }
}

fn at_offset(offset: u64) -> Position {
    Position {
        offset,
        ..Position::default()
    }
}

/// A sequence number with a type that takes none, or none with one that takes one.
fn contradictory(position_type: ShardIteratorType, given: &str) -> Failure {
    let name = type_name(position_type);
    Failure::invalid_argument(format!(
        "Must either specify (1) AT_SEQUENCE_NUMBER or AFTER_SEQUENCE_NUMBER and StartingSequenceNumber or (2) \
         TRIM_HORIZON or LATEST and no StartingSequenceNumber. Request specified {name} and {given} \
         StartingSequenceNumber."
    ))
}

fn missing_timestamp() -> Failure {
    Failure::invalid_argument(
        "Must specify timestampInMillis parameter for iterator of type AT_TIMESTAMP. Current request has no timestamp \
         parameter.",
    )
}

fn start_of(
    operation: Operation,
    stream: &Stream,
    shard: &Shard,
    start: StartPosition<'_>,
    now: TimestampMs,
) -> Result<Start, Failure> {
    let position_type = start.position_type;
    match (position_type, start.number) {
        (ShardIteratorType::TrimHorizon | ShardIteratorType::Latest, Some(_)) => {
            Err(contradictory(position_type, "also a"))
        }
        (ShardIteratorType::TrimHorizon, None) => Ok(Start::At(Position::default())),
        (ShardIteratorType::Latest, None) => Ok(Start::Latest),
        (ShardIteratorType::AtTimestamp, _) => {
            let timestamp = start.time.ok_or_else(missing_timestamp)?;
            if timestamp > now {
                return Err(Failure::invalid_argument(format!(
                    "The timestampInMillis parameter cannot be greater than the currentTimestampInMillis. \
                     timestampInMillis: {}, currentTimestampInMillis: {}",
                    timestamp.0, now.0
                )));
            }
            Ok(Start::Time(timestamp))
        }
        (ShardIteratorType::AtSequenceNumber | ShardIteratorType::AfterSequenceNumber, None) => {
            Err(contradictory(position_type, "no"))
        }
        (ShardIteratorType::AtSequenceNumber, Some(number)) => {
            let number = number_of(operation, number, stream, shard)?;
            Ok(Start::At(position_at(number)))
        }
        (ShardIteratorType::AfterSequenceNumber, Some(number)) => {
            let number = number_of(operation, number, stream, shard)?;
            Ok(Start::At(position_after(number)))
        }
    }
}

fn number_of(
    operation: Operation,
    text: &str,
    stream: &Stream,
    shard: &Shard,
) -> Result<SequenceNumber, Failure> {
    let (operation, name, account) = (operation.name(), &stream.key.name, &stream.key.account);
    let shard_id = shard.id;
    let invalid = |why: &str| {
        Failure::invalid_argument(format!(
            "StartingSequenceNumber {text} used in {operation} on shard {shard_id} in stream {name} under account \
             {account} is invalid{why}"
        ))
    };
    let foreign = " because it did not come from this stream.";
    let check_shard = |index| {
        if index == shard_id.index() {
            return Ok(());
        }
        let encoded = EncodedShard(index);
        Err(Failure::invalid_argument(format!(
            "Invalid StartingSequenceNumber. It encodes {encoded}, while it was used in a call to a shard with \
             {shard_id}"
        )))
    };
    let Ok(number) = text.parse::<SequenceNumber>() else {
        let old: OldSequenceNumber = text.parse().map_err(|_| invalid("."))?;
        check_shard(old.shard_index)?;
        return Err(match old.version {
            // The oldest layout. AWS does not tell what is wrong with it either.
            0 => Failure::new(ErrorCode::InternalFailure, ""),
            _ => invalid(foreign),
        });
    };
    check_shard(number.shard_index())?;
    if number.created_s() != shard.created_s {
        return Err(invalid(foreign));
    }
    Ok(number)
}
