//! GetShardIterator.

use millstream_log::EngineError;
use millstream_types::{AccountId, OldSequenceNumber, SequenceNumber, ShardId, TimestampMs};
use millstream_wire::shapes::{
    GetShardIteratorRequest, GetShardIteratorResponse, ShardIteratorType,
};
use millstream_wire::{ApiError, ErrorCode, Operation};

use super::find_stream::{FindStreamError, NamedStream};
use super::not_found::{CouldNotFindShard, ShardDoesNotExist};
use super::unavailable::Unavailable;
use crate::catalog::{Shard, ShardState};
use crate::tokens::{Position, ShardIterator};
use crate::{Caller, StreamService};

/// How GetShardIterator fails.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum GetShardIteratorError {
    /// The request does not say which stream.
    #[error(transparent)]
    Find(#[from] FindStreamError),
    /// The shard id cannot be one.
    #[error(transparent)]
    CouldNotFindShard(#[from] CouldNotFindShard),
    /// There is no such shard, or no such stream.
    #[error(transparent)]
    ShardDoesNotExist(#[from] ShardDoesNotExist),
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
        "StartingSequenceNumber {number} used in GetShardIterator on shard {shard} in stream {name} under account \
         {account} is invalid{}", if *.is_foreign { " because it did not come from this stream." } else { "." }
    )]
    InvalidSequenceNumber {
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

impl From<GetShardIteratorError> for ApiError {
    fn from(error: GetShardIteratorError) -> Self {
        let code = match error {
            GetShardIteratorError::Find(error) => return error.into(),
            GetShardIteratorError::Unavailable(error) => return error.into(),
            GetShardIteratorError::CouldNotFindShard(_)
            | GetShardIteratorError::ShardDoesNotExist(_) => ErrorCode::ResourceNotFound,
            GetShardIteratorError::UnwantedSequenceNumber(_)
            | GetShardIteratorError::MissingSequenceNumber(_)
            | GetShardIteratorError::InvalidSequenceNumber { .. }
            | GetShardIteratorError::OtherShard { .. }
            | GetShardIteratorError::MissingTimestamp
            | GetShardIteratorError::FutureTimestamp { .. } => ErrorCode::InvalidArgument,
            GetShardIteratorError::OldestSequenceNumber => {
                return Self::new(ErrorCode::InternalFailure, "");
            }
        };
        Self::new(code, error.to_string())
    }
}

impl StreamService {
    /// Gives an iterator, valid for 300 s and over restarts.
    ///
    /// # Errors
    /// See [`GetShardIteratorError`].
    pub async fn get_shard_iterator(
        &self,
        caller: &Caller,
        request: GetShardIteratorRequest,
    ) -> Result<GetShardIteratorResponse, GetShardIteratorError> {
        let _call = self.enter()?;
        let name = request.stream_name.as_ref().map(|name| name.as_str());
        let named = NamedStream::new(caller, name, request.stream_arn.as_deref())?;
        let shard_id: ShardId = request
            .shard_id
            .parse()
            .map_err(|_| CouldNotFindShard::of(&request.shard_id, &named.name, &named.account))?;
        let missing = || ShardDoesNotExist::of(shard_id, &named.name, &named.account);
        let stream = match self.look_up(caller, Operation::GetShardIterator, &named) {
            Ok(stream) if stream.is_usable() => stream,
            Ok(_) | Err(FindStreamError::NotFound(_)) => return Err(missing().into()),
            Err(error) => return Err(error.into()),
        };
        let shard = stream.shard(shard_id).ok_or_else(missing)?;
        let now = self.inner.clock.now();
        let position = match start_of(&request, shard, &named, now)? {
            Start::At(position) => position,
            Start::Latest => match shard.state {
                ShardState::Closed { end, .. } => at_offset(end),
                ShardState::Open | ShardState::Closing => self.tail(shard).await?,
            },
            Start::Time(time) => {
                let from = self.inner.engine.offset_for_time(shard.place, time).await;
                Position {
                    offset: present(from, shard, |offset| offset)?,
                    index: 0,
                    not_before: time,
                }
            }
        };
        let iterator = ShardIterator {
            issued: now,
            stream: stream.id,
            stream_name: stream.key.name.clone(),
            shard: shard.id,
            position,
        };
        Ok(GetShardIteratorResponse {
            shard_iterator: self.inner.tokens.seal_iterator(&iterator),
        })
    }

    async fn tail(&self, shard: &Shard) -> Result<Position, Unavailable> {
        let bounds = self.inner.engine.bounds(shard.place).await;
        present(bounds, shard, |bounds| bounds.next).map(at_offset)
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

/// Where to start, as far as the request alone says it.
enum Start {
    At(Position),
    Latest,
    Time(TimestampMs),
}

fn start_of(
    request: &GetShardIteratorRequest,
    shard: &Shard,
    named: &NamedStream<'_>,
    now: TimestampMs,
) -> Result<Start, GetShardIteratorError> {
    let iterator_type = request.shard_iterator_type;
    let number = request.starting_sequence_number.as_deref();
    match (iterator_type, number) {
        (ShardIteratorType::TrimHorizon | ShardIteratorType::Latest, Some(_)) => {
            Err(GetShardIteratorError::UnwantedSequenceNumber(iterator_type))
        }
        (ShardIteratorType::TrimHorizon, None) => Ok(Start::At(Position::default())),
        (ShardIteratorType::Latest, None) => Ok(Start::Latest),
        (ShardIteratorType::AtTimestamp, _) => {
            let timestamp = request.timestamp.map(|timestamp| timestamp.0);
            let timestamp = timestamp.ok_or(GetShardIteratorError::MissingTimestamp)?;
            if timestamp > now {
                return Err(GetShardIteratorError::FutureTimestamp { timestamp, now });
            }
            Ok(Start::Time(timestamp))
        }
        (ShardIteratorType::AtSequenceNumber | ShardIteratorType::AfterSequenceNumber, None) => {
            Err(GetShardIteratorError::MissingSequenceNumber(iterator_type))
        }
        (ShardIteratorType::AtSequenceNumber, Some(number)) => {
            let (offset, index) = number_of(number, shard, named)?;
            Ok(Start::At(Position {
                offset,
                index,
                ..Position::default()
            }))
        }
        (ShardIteratorType::AfterSequenceNumber, Some(number)) => {
            let (offset, index) = number_of(number, shard, named)?;
            Ok(Start::At(Position {
                offset,
                index: index + 1,
                ..Position::default()
            }))
        }
    }
}

fn number_of(
    text: &str,
    shard: &Shard,
    named: &NamedStream<'_>,
) -> Result<(u64, u16), GetShardIteratorError> {
    let invalid = |is_foreign| GetShardIteratorError::InvalidSequenceNumber {
        number: text.to_owned(),
        shard: shard.id,
        name: named.name.clone().into_owned(),
        account: named.account.clone().into_owned(),
        is_foreign,
    };
    let check_shard = |index| {
        if index == shard.id.index() {
            return Ok(());
        }
        Err(GetShardIteratorError::OtherShard {
            encoded: EncodedShard(index),
            shard: shard.id,
        })
    };
    let Ok(number) = text.parse::<SequenceNumber>() else {
        let old: OldSequenceNumber = text.parse().map_err(|_| invalid(false))?;
        check_shard(old.shard_index)?;
        return Err(match old.version {
            0 => GetShardIteratorError::OldestSequenceNumber,
            _ => invalid(true),
        });
    };
    check_shard(number.shard_index())?;
    if number.created_s() != shard.created_s {
        return Err(invalid(true));
    }
    Ok(Shard::place_in_log(number))
}
