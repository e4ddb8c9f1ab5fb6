//! SplitShard.

use millstream_types::{AccountId, HashKey, HashKeyRange, ShardId};
use millstream_wire::shapes::SplitShardRequest;
use millstream_wire::{ApiError, ErrorCode, Operation};

use super::change_stream::ChangeStreamError;
use super::find_stream::NamedStream;
use super::not_found::CouldNotFindShard;
use super::unverified_texts as texts;
use crate::{Caller, StreamService};
use millstream_catalog::{Rejected, ShardCommand, Stream};

/// How SplitShard fails.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SplitShardError {
    /// The request names no shard that there is.
    #[error(transparent)]
    CouldNotFindShard(#[from] CouldNotFindShard),
    /// The key does not lie inside of the shard's range.
    #[error(
        "NewStartingHashKey {key} used in SplitShard() on shard {shard} in stream {name} under account {account} is \
         not both greater than one plus the shard's StartingHashKey {} and less than the shard's EndingHashKey {}.",
        .range.start, .range.end
    )]
    KeyOutside {
        /// As given.
        key: String,
        /// The shard.
        shard: ShardId,
        /// The stream.
        name: String,
        /// Its account.
        account: AccountId,
        /// The shard's range.
        range: HashKeyRange,
    },
    /// The shard was split or merged before.
    #[error(transparent)]
    ShardEnded(#[from] ShardEnded),
    /// As any change of a stream.
    #[error(transparent)]
    Change(#[from] ChangeStreamError),
}

/// The shard was split or merged before.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}", texts::shard_ended(.shard, .name, .account))]
pub struct ShardEnded {
    /// The shard.
    pub shard: ShardId,
    /// Its stream.
    pub name: String,
    /// Its account.
    pub account: AccountId,
}

impl From<SplitShardError> for ApiError {
    fn from(error: SplitShardError) -> Self {
        let code = match error {
            SplitShardError::Change(error) => return error.into(),
            SplitShardError::CouldNotFindShard(_) => ErrorCode::ResourceNotFound,
            SplitShardError::KeyOutside { .. } | SplitShardError::ShardEnded(_) => {
                ErrorCode::InvalidArgument
            }
        };
        Self::new(code, error.to_string())
    }
}

impl StreamService {
    /// Splits a shard in two. Done when this returns, unless a transition time is set, or it takes more than ten
    /// seconds or fails (it is tried again until it succeeds): then the stream is UPDATING. Puts go on meanwhile.
    ///
    /// If the future is dropped, the shard may still be split.
    ///
    /// # Errors
    /// See [`SplitShardError`].
    pub async fn split_shard(
        &self,
        caller: &Caller,
        request: SplitShardRequest,
    ) -> Result<(), SplitShardError> {
        let _call = self.enter().map_err(ChangeStreamError::from)?;
        let name = request.stream_name.as_ref().map(|name| name.as_str());
        let named = NamedStream::new(caller, name, request.stream_arn.as_deref())
            .map_err(ChangeStreamError::from)?;
        let shard: ShardId = request.shard_to_split.parse().map_err(|_| {
            CouldNotFindShard::of(&request.shard_to_split, &named.name, &named.account)
        })?;
        let stream = self.look_up(caller, Operation::SplitShard, &named);
        let stream = stream.map_err(ChangeStreamError::from)?;
        let key = &request.new_starting_hash_key;
        let begin = ShardCommand::BeginSplitShard {
            id: stream.id,
            shard,
            // A key above the space is above every shard's last key too.
            new_starting_hash_key: key.parse().unwrap_or(HashKey::MAX),
            account_shards_max: self.inner.settings.account_shards_max,
        };
        self.change_stream(&stream, begin, |reason| {
            rejected(reason, &stream, shard, key)
        })
        .await?;
        self.settled(stream.id).await;
        Ok(())
    }
}

fn rejected(
    reason: Rejected,
    stream: &Stream,
    shard: ShardId,
    key: &str,
) -> Option<SplitShardError> {
    let (name, account) = (stream.key.name.to_string(), stream.key.account.clone());
    Some(match reason {
        Rejected::NoSuchShard(shard) => CouldNotFindShard::of(shard, &name, &account).into(),
        Rejected::SplitKeyOutside(range) => SplitShardError::KeyOutside {
            key: key.to_owned(),
            shard,
            name,
            account,
            range,
        },
        Rejected::ShardEnded(shard) => ShardEnded {
            shard,
            name,
            account,
        }
        .into(),
        _ => return None,
    })
}
