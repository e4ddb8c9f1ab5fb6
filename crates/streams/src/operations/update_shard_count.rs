//! UpdateShardCount.

use millstream_types::limits::SHARDS_PER_STREAM_MAX;
use millstream_types::{AccountId, ShardId};
use millstream_wire::shapes::{UpdateShardCountRequest, UpdateShardCountResponse};
use millstream_wire::{ApiError, ErrorCode, Operation};

use super::change_stream::ChangeStreamError;
use super::unverified_texts as texts;
use crate::{Caller, StreamService};
use millstream_catalog::{Rejected, ShardCommand, Stream};

/// How UpdateShardCount fails.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum UpdateShardCountError {
    /// More than twice the open shards.
    #[error(
        "UpdateShardCount cannot scale up over double your current open shard count. Current open shard count: \
         {current}, Target shard count: {target}"
    )]
    OverDouble {
        /// Open shards.
        current: u32,
        /// As given.
        target: u32,
    },
    /// Fewer than half of the open shards.
    #[error(
        "UpdateShardCount cannot scale down below half your current open shard count. Current open shard count: \
         {current}, Target shard count: {target}"
    )]
    BelowHalf {
        /// Open shards.
        current: u32,
        /// As given.
        target: u32,
    },
    /// More than any stream may have.
    #[error(
        "Target shard count or number of open shards cannot be greater than {SHARDS_PER_STREAM_MAX}. Current open \
         shard count: {current}, Target shard count: {target}"
    )]
    TooMany {
        /// Open shards.
        current: u32,
        /// As given.
        target: u32,
    },
    /// A shard of three hash keys or fewer would have to be split. Merge it with a neighbour first.
    #[error("{}", texts::shard_too_narrow(.shard, .name, .account))]
    ShardTooNarrow {
        /// The shard.
        shard: ShardId,
        /// Its stream.
        name: String,
        /// Its account.
        account: AccountId,
    },
    /// As any change of a stream.
    #[error(transparent)]
    Change(#[from] ChangeStreamError),
}

impl From<UpdateShardCountError> for ApiError {
    fn from(error: UpdateShardCountError) -> Self {
        let code = match error {
            UpdateShardCountError::Change(error) => return error.into(),
            UpdateShardCountError::OverDouble { .. }
            | UpdateShardCountError::BelowHalf { .. }
            | UpdateShardCountError::TooMany { .. } => ErrorCode::LimitExceeded,
            UpdateShardCountError::ShardTooNarrow { .. } => ErrorCode::InvalidArgument,
        };
        Self::new(code, error.to_string())
    }
}

impl StreamService {
    /// Brings a stream to another count of open shards by splits and merges, while records are put and read: to grow,
    /// each shard is split and pairs are merged; to shrink, pairs are merged. Done when this returns, unless a
    /// transition time is set, or it takes more than ten seconds or fails (it is tried again until it succeeds): then
    /// the stream is UPDATING. The present count is accepted and changes nothing.
    ///
    /// If the future is dropped, the count may still change.
    ///
    /// # Errors
    /// See [`UpdateShardCountError`].
    pub async fn update_shard_count(
        &self,
        caller: &Caller,
        request: UpdateShardCountRequest,
    ) -> Result<UpdateShardCountResponse, UpdateShardCountError> {
        let _call = self.enter().map_err(ChangeStreamError::from)?;
        let stream = self.stream_to_change(
            caller,
            Operation::UpdateShardCount,
            request.stream_name.as_ref().map(|name| name.as_str()),
            request.stream_arn.as_deref(),
        )?;
        let target = request.target_shard_count;
        let begin = ShardCommand::BeginUpdateShardCount {
            id: stream.id,
            target,
            account_shards_max: self.inner.settings.account_shards_max,
        };
        self.change_stream(&stream, begin, |reason| rejected(reason, &stream))
            .await?;
        let current = u32::try_from(stream.open_shards().len()).expect("indexes have 31 bits");
        self.settled(stream.id).await;
        Ok(UpdateShardCountResponse {
            stream_name: stream.key.name.clone(),
            current_shard_count: current,
            target_shard_count: target,
            stream_arn: stream.arn().to_string(),
        })
    }
}

fn rejected(reason: Rejected, stream: &Stream) -> Option<UpdateShardCountError> {
    Some(match reason {
        Rejected::ShardCountOutOfReach { current, target } => {
            if target > SHARDS_PER_STREAM_MAX {
                UpdateShardCountError::TooMany { current, target }
            } else if target > current {
                UpdateShardCountError::OverDouble { current, target }
            } else {
                UpdateShardCountError::BelowHalf { current, target }
            }
        }
        Rejected::ShardTooNarrow(shard) => UpdateShardCountError::ShardTooNarrow {
            shard,
            name: stream.key.name.to_string(),
            account: stream.key.account.clone(),
        },
        _ => return None,
    })
}
