//! Where a read of a shard is to start: what GetShardIterator and SubscribeToShard have in common.

use millstream_log::EngineError;
use millstream_types::{AccountId, OldSequenceNumber, SequenceNumber, ShardId, TimestampMs};
use millstream_wire::shapes::ShardIteratorType;
use millstream_wire::{ApiError, ErrorCode, Operation};

use super::unavailable::Unavailable;
use crate::StreamService;
use crate::continuation::{position_after, position_at};
use crate::tokens::Position;
use millstream_catalog::{Shard, ShardState, Stream};

/// The position to start from is not one of the shard.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StartPositionError {
    /// A sequence number with a type that takes none.
    #[error(
        "Must either specify (1) AT_SEQUENCE_NUMBER or AFTER_SEQUENCE_NUMBER and StartingSequenceNumber or (2) \
         TRIM_HORIZON or LATEST and no StartingSequenceNumber. Request specified {} and also a \
         StartingSequenceNumber.", type_name(*.0)
    )]
    UnwantedSequenceNumber(ShardIteratorType),
    /// No sequence number with a type that takes one.
    #[error(
        "Must either specify (1) AT_SEQUENCE_NUMBER or AFTER_SEQUENCE_NUMBER and StartingSequenceNumber or (2) \
         TRIM_HORIZON or LATEST and no StartingSequenceNumber. Request specified {} and no StartingSequenceNumber.",
        type_name(*.0)
    )]
    MissingSequenceNumber(ShardIteratorType),
    /// Not a sequence number, or one of another stream of this name.
    #[error(
        "StartingSequenceNumber {number} used in {operation} on shard {shard} in stream {name} under account \
         {account} is invalid{}", if *.is_foreign { " because it did not come from this stream." } else { "." }
    )]
    InvalidSequenceNumber {
        /// The operation that was called.
        operation: &'static str,
        /// As given.
        number: String,
        /// The shard.
        shard: ShardId,
        /// The stream.
        name: String,
        /// Its account.
        account: AccountId,
        /// Whether it is a sequence number, but of another stream.
        is_foreign: bool,
    },
    /// A sequence number of another shard.
    #[error(
        "Invalid StartingSequenceNumber. It encodes {encoded}, while it was used in a call to a shard with {shard}"
    )]
    OtherShard {
        /// The number's shard.
        encoded: EncodedShard,
        /// The request's shard.
        shard: ShardId,
    },
    /// A number in the oldest layout. AWS does not tell what is wrong with it either.
    #[error("a sequence number of version 0")]
    OldestSequenceNumber,
    /// AT_TIMESTAMP without a timestamp.
    #[error(
        "Must specify timestampInMillis parameter for iterator of type AT_TIMESTAMP. Current request has no timestamp \
         parameter."
    )]
    MissingTimestamp,
    /// A timestamp in the future.
    #[error(
        "The timestampInMillis parameter cannot be greater than the currentTimestampInMillis. timestampInMillis: \
         {}, currentTimestampInMillis: {}", .timestamp.0, .now.0
    )]
    FutureTimestamp {
        /// As given.
        timestamp: TimestampMs,
        /// The time now.
        now: TimestampMs,
    },
    /// See [`Unavailable`].
    #[error(transparent)]
    Unavailable(#[from] Unavailable),
}

impl From<StartPositionError> for ApiError {
    fn from(error: StartPositionError) -> Self {
        match error {
            StartPositionError::Unavailable(error) => error.into(),
            StartPositionError::OldestSequenceNumber => Self::new(ErrorCode::InternalFailure, ""),
            other => Self::new(ErrorCode::InvalidArgument, other.to_string()),
        }
    }
}

/// The shard that a sequence number names; its index may be above what shards have, and AWS prints it signed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EncodedShard(u32);

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
pub(super) struct StartPosition<'a> {
    pub(super) position_type: ShardIteratorType,
    pub(super) number: Option<&'a str>,
    pub(super) time: Option<TimestampMs>,
}

/// Where to start, as far as the request alone says it.
enum Start {
    At(Position),
    Latest,
    Time(TimestampMs),
}

impl StreamService {
    /// The position in the shard's log that a request means.
    pub(super) async fn start_position(
        &self,
        operation: Operation,
        stream: &Stream,
        shard: &Shard,
        start: StartPosition<'_>,
        now: TimestampMs,
    ) -> Result<Position, StartPositionError> {
        match start_of(operation, stream, shard, start, now)? {
            Start::At(position) => Ok(position),
            Start::Latest => match shard.state {
                ShardState::Closed { end, .. } => Ok(at_offset(end)),
                ShardState::Open | ShardState::Closing => {
                    let bounds = self.inner.engine.bounds(shard.place).await;
                    Ok(present(bounds, shard, |bounds| bounds.next).map(at_offset)?)
                }
            },
            Start::Time(time) => {
                let from = self.inner.engine.offset_for_time(shard.place, time).await;
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
) -> Result<u64, Unavailable> {
    match (result, shard.state) {
        (Ok(found), _) => Ok(offset(found)),
        (Err(EngineError::NoSuchLog), ShardState::Closed { end, .. }) => Ok(end),
        (Err(error), _) => Err(error.into()),
    }
}

fn at_offset(offset: u64) -> Position {
    Position {
        offset,
        ..Position::default()
    }
}

fn start_of(
    operation: Operation,
    stream: &Stream,
    shard: &Shard,
    start: StartPosition<'_>,
    now: TimestampMs,
) -> Result<Start, StartPositionError> {
    let position_type = start.position_type;
    match (position_type, start.number) {
        (ShardIteratorType::TrimHorizon | ShardIteratorType::Latest, Some(_)) => {
            Err(StartPositionError::UnwantedSequenceNumber(position_type))
        }
        (ShardIteratorType::TrimHorizon, None) => Ok(Start::At(Position::default())),
        (ShardIteratorType::Latest, None) => Ok(Start::Latest),
        (ShardIteratorType::AtTimestamp, _) => {
            let timestamp = start.time.ok_or(StartPositionError::MissingTimestamp)?;
            if timestamp > now {
                return Err(StartPositionError::FutureTimestamp { timestamp, now });
            }
            Ok(Start::Time(timestamp))
        }
        (ShardIteratorType::AtSequenceNumber | ShardIteratorType::AfterSequenceNumber, None) => {
            Err(StartPositionError::MissingSequenceNumber(position_type))
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
) -> Result<SequenceNumber, StartPositionError> {
    let invalid = |is_foreign| StartPositionError::InvalidSequenceNumber {
        operation: operation.name(),
        number: text.to_owned(),
        shard: shard.id,
        name: stream.key.name.to_string(),
        account: stream.key.account.clone(),
        is_foreign,
    };
    let check_shard = |index| {
        if index == shard.id.index() {
            return Ok(());
        }
        Err(StartPositionError::OtherShard {
            encoded: EncodedShard(index),
            shard: shard.id,
        })
    };
    let Ok(number) = text.parse::<SequenceNumber>() else {
        let old: OldSequenceNumber = text.parse().map_err(|_| invalid(false))?;
        check_shard(old.shard_index)?;
        return Err(match old.version {
            0 => StartPositionError::OldestSequenceNumber,
            _ => invalid(true),
        });
    };
    check_shard(number.shard_index())?;
    if number.created_s() != shard.created_s {
        return Err(invalid(true));
    }
    Ok(number)
}
