//! GetShardIterator.

use millstream_types::ShardId;
use millstream_wire::shapes::{GetShardIteratorRequest, GetShardIteratorResponse};
use millstream_wire::{ApiError, ErrorCode, Operation};

use super::find_stream::{FindStreamError, NamedStream};
use super::not_found::{CouldNotFindShard, ShardDoesNotExist};
use super::start_position::{StartPosition, StartPositionError};
use super::unavailable::Unavailable;
use crate::tokens::ShardIterator;
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
    /// The position to start from is not one of the shard.
    #[error(transparent)]
    Start(#[from] StartPositionError),
    /// See [`Unavailable`].
    #[error(transparent)]
    Unavailable(#[from] Unavailable),
}

impl From<GetShardIteratorError> for ApiError {
    fn from(error: GetShardIteratorError) -> Self {
        let code = match error {
            GetShardIteratorError::Find(error) => return error.into(),
            GetShardIteratorError::Start(error) => return error.into(),
            GetShardIteratorError::Unavailable(error) => return error.into(),
            GetShardIteratorError::CouldNotFindShard(_)
            | GetShardIteratorError::ShardDoesNotExist(_) => ErrorCode::ResourceNotFound,
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
        let shard = &stream.shard(shard_id).ok_or_else(missing)?;
        let now = self.inner.clock.now();
        let start = StartPosition {
            position_type: request.shard_iterator_type,
            number: request.starting_sequence_number.as_deref(),
            time: request.timestamp.map(|timestamp| timestamp.0),
        };
        let operation = Operation::GetShardIterator;
        let position = self
            .start_position(operation, &stream, shard, start, now)
            .await?;
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
}
