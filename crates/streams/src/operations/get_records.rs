//! GetRecords.

use std::time::Duration;

use millstream_types::StreamArn;
use millstream_types::limits::{GET_RECORDS_BYTES_MAX, GET_RECORDS_COUNT_MAX};
use millstream_wire::shapes::{GetRecordsRequest, GetRecordsResponse};
use millstream_wire::{ApiError, ErrorCode, Operation};

use super::not_found::ShardDoesNotExist;
use super::shard_description::describe_child;
use super::shard_read::{ReadLimits, ReadShardError, ReadWith, read_shard};
use super::unavailable::Unavailable;
use super::unverified_texts as texts;
use crate::AccessDenied;
use crate::tokens::{IteratorError, ShardIterator, UtcText};
use crate::{Caller, StreamService};
use millstream_catalog::{Shard, ShardState, Stream};

/// How long a read waits for its turn among those that wait for the disk.
const TURN_PATIENCE: Duration = Duration::from_secs(10);

/// How GetRecords fails.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum GetRecordsError {
    /// The iterator was not made by this service for this caller.
    #[error("Invalid ShardIterator.")]
    InvalidIterator,
    /// The iterator is older than 300 s.
    #[error(
        "Iterator expired. The iterator was created at time {issued} while right now it is {now} which is further in \
         the future than the tolerated delay of 300000 milliseconds."
    )]
    ExpiredIterator {
        /// When it was made.
        issued: UtcText,
        /// The time now.
        now: UtcText,
    },
    /// The ARN is of another stream than the iterator.
    #[error("{}", texts::arn_of_other_stream(.0))]
    OtherStream(String),
    /// The caller may not read the stream.
    #[error(transparent)]
    AccessDenied(#[from] AccessDenied),
    /// The shard is removed, or its stream is.
    #[error(transparent)]
    ShardDoesNotExist(#[from] ShardDoesNotExist),
    /// See [`Unavailable`].
    #[error(transparent)]
    Unavailable(#[from] Unavailable),
}

impl From<GetRecordsError> for ApiError {
    fn from(error: GetRecordsError) -> Self {
        let code = match error {
            GetRecordsError::InvalidIterator | GetRecordsError::OtherStream(_) => {
                ErrorCode::InvalidArgument
            }
            GetRecordsError::ExpiredIterator { .. } => ErrorCode::ExpiredIterator,
            GetRecordsError::AccessDenied(error) => return error.into(),
            GetRecordsError::ShardDoesNotExist(_) => ErrorCode::ResourceNotFound,
            GetRecordsError::Unavailable(error) => return error.into(),
        };
        Self::new(code, error.to_string())
    }
}

impl StreamService {
    /// Reads records from where an iterator stands. Never waits for records: at the tail the answer has none.
    ///
    /// The next iterator is absent exactly when the shard is closed and nothing is left of it; then the child shards
    /// are given.
    ///
    /// # Errors
    /// See [`GetRecordsError`].
    pub async fn get_records(
        &self,
        caller: &Caller,
        request: GetRecordsRequest,
    ) -> Result<GetRecordsResponse, GetRecordsError> {
        let _call = self.enter()?;
        let now = self.inner.clock.now();
        let opened = self
            .inner
            .tokens
            .open_iterator(&request.shard_iterator, now);
        let iterator = opened.map_err(|error| match error {
            IteratorError::Invalid => GetRecordsError::InvalidIterator,
            IteratorError::Expired { issued, now } => {
                GetRecordsError::ExpiredIterator { issued, now }
            }
        })?;
        let missing = || {
            let name = iterator.stream_name.as_str();
            GetRecordsError::from(ShardDoesNotExist::of(iterator.shard, name, &caller.account))
        };
        let stream = self.inner.view.get(iterator.stream).ok_or_else(missing)?;
        check_stream(caller, &stream, request.stream_arn.as_deref())?;
        let shard = &stream.shard(iterator.shard).ok_or_else(missing)?;
        let limit = request
            .limit
            .map_or(GET_RECORDS_COUNT_MAX, |limit| limit as usize);
        let limits = ReadLimits {
            records: limit.clamp(1, GET_RECORDS_COUNT_MAX),
            bytes: GET_RECORDS_BYTES_MAX,
            bytes_per_record: 0,
        };

        let horizon = stream.trim_horizon(now);
        let with = ReadWith {
            engine: &*self.inner.engine,
            turns: &self.inner.read_turns,
            patience: TURN_PATIENCE,
        };
        let read = read_shard(with, shard, iterator.position, horizon, limits).await;
        let read = read.map_err(|error| match error {
            ReadShardError::NoSuchLog => missing(),
            ReadShardError::NoTurn => Unavailable::ReadsBusy.into(),
            ReadShardError::Failed(reason) => {
                tracing::error!(stream = %stream.key, shard_id = %shard.id, reason, "a shard cannot be read");
                Unavailable::Failed.into()
            }
        })?;
        if let ShardState::Closed { end, closed_ms } = shard.state
            && read.records.is_empty()
            && read.next.offset >= end
        {
            return Ok(end_of_shard(&stream, shard, now.ms_since(closed_ms)));
        }
        let next = ShardIterator {
            issued: now,
            position: read.next,
            ..iterator
        };
        Ok(GetRecordsResponse {
            records: read.records,
            next_shard_iterator: Some(self.inner.tokens.seal_iterator(&next)),
            millis_behind_latest: read.behind.map_or(0, |time| now.ms_since(time)),
            child_shards: None,
        })
    }
}

fn check_stream(
    caller: &Caller,
    stream: &Stream,
    arn: Option<&str>,
) -> Result<(), GetRecordsError> {
    StreamService::allow(caller, Operation::GetRecords, stream)
        .ok_or(GetRecordsError::InvalidIterator)??;
    match arn {
        Some(arn) if arn.parse::<StreamArn>().ok() != Some(stream.arn()) => {
            Err(GetRecordsError::OtherStream(arn.to_owned()))
        }
        Some(_) | None => Ok(()),
    }
}

fn end_of_shard(stream: &Stream, shard: &Shard, closed_for_ms: u64) -> GetRecordsResponse {
    GetRecordsResponse {
        records: Vec::new(),
        next_shard_iterator: None,
        millis_behind_latest: closed_for_ms,
        child_shards: Some(stream.children_of(shard.id).map(describe_child).collect()),
    }
}
