//! SplitShard.

use millstream_types::{AccountId, HashKey, HashKeyRange, ShardId};
use millstream_wire::shapes::SplitShardRequest;
use millstream_wire::{ApiError, ErrorCode};

use super::create_stream::ShardLimitExceeded;
use super::delete_stream::StreamNotActive;
use super::find_stream::{FindStreamError, NamedStream};
use super::not_found::{CouldNotFindShard, StreamNotFound};
use super::unavailable::Unavailable;
use super::unverified_texts as texts;
use crate::catalog::{Command, Rejected, Stream};
use crate::{Caller, StreamService};

/// How SplitShard fails.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SplitShardError {
    /// The request names no stream that there is.
    #[error(transparent)]
    Find(#[from] FindStreamError),
    /// The request names no shard that there is.
    #[error(transparent)]
    CouldNotFindShard(#[from] CouldNotFindShard),
    /// The stream is in on-demand mode.
    #[error(transparent)]
    OnDemand(#[from] StreamOnDemand),
    /// More shards than there may be.
    #[error(transparent)]
    TooManyShards(#[from] ShardLimitExceeded),
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
    /// The stream is changing.
    #[error(transparent)]
    NotActive(#[from] StreamNotActive),
    /// The shard was split or merged before.
    #[error(transparent)]
    ShardEnded(#[from] ShardEnded),
    /// See [`Unavailable`].
    #[error(transparent)]
    Unavailable(#[from] Unavailable),
}

/// The operation is for provisioned streams only.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}", texts::on_demand(.name, .account))]
pub struct StreamOnDemand {
    /// The stream.
    pub name: String,
    /// Its account.
    pub account: AccountId,
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
            SplitShardError::Find(error) => return error.into(),
            SplitShardError::Unavailable(error) => return error.into(),
            SplitShardError::CouldNotFindShard(_) => ErrorCode::ResourceNotFound,
            SplitShardError::OnDemand(_) => ErrorCode::Validation,
            SplitShardError::TooManyShards(_) => ErrorCode::LimitExceeded,
            SplitShardError::KeyOutside { .. } | SplitShardError::ShardEnded(_) => {
                ErrorCode::InvalidArgument
            }
            SplitShardError::NotActive(_) => ErrorCode::ResourceInUse,
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
        let _call = self.enter()?;
        let name = request.stream_name.as_ref().map(|name| name.as_str());
        let named = NamedStream::new(caller, name, request.stream_arn.as_deref())?;
        let shard: ShardId = request.shard_to_split.parse().map_err(|_| {
            CouldNotFindShard::of(&request.shard_to_split, &named.name, &named.account)
        })?;
        let stream = self.look_up(caller, &named);
        let stream = stream.ok_or_else(|| FindStreamError::from(named.not_found()))?;
        let key = &request.new_starting_hash_key;
        let begin = Command::BeginSplitShard {
            id: stream.id,
            shard,
            // A key above the space is above every shard's last key too.
            new_starting_hash_key: key.parse().unwrap_or(HashKey::MAX),
            account_shards_max: self.inner.settings.account_shards_max,
        };
        let begun = self.inner.commands.propose(begin).await;
        begun.map_err(|error| match Unavailable::unless_rejected(error) {
            Ok(reason) => rejected(reason, &stream, shard, key),
            Err(unavailable) => unavailable.into(),
        })?;
        self.settled(stream.id).await;
        Ok(())
    }
}

fn rejected(reason: Rejected, stream: &Stream, shard: ShardId, key: &str) -> SplitShardError {
    let name = stream.key.name.to_string();
    let account = stream.key.account.clone();
    match reason {
        Rejected::NoSuchStream => FindStreamError::from(StreamNotFound::of(&stream.key)).into(),
        Rejected::NoSuchShard(shard) => CouldNotFindShard::of(shard, &name, &account).into(),
        Rejected::OnDemand => StreamOnDemand { name, account }.into(),
        Rejected::TooManyShards {
            current,
            limit,
            additional,
        } => ShardLimitExceeded {
            account,
            region: stream.key.region.clone(),
            current,
            limit,
            additional,
        }
        .into(),
        Rejected::SplitKeyOutside(range) => SplitShardError::KeyOutside {
            key: key.to_owned(),
            shard,
            name,
            account,
            range,
        },
        Rejected::NotActive(status) => StreamNotActive {
            name,
            account,
            status,
        }
        .into(),
        Rejected::ShardEnded(shard) => ShardEnded {
            shard,
            name,
            account,
        }
        .into(),
        Rejected::TokenKeySet
        | Rejected::StreamExists
        | Rejected::NotBegun
        | Rejected::NotAdjacent
        | Rejected::RetentionIsLonger(_)
        | Rejected::RetentionIsShorter(_)
        | Rejected::OutOfIds => Unavailable::unexpected(reason).into(),
    }
}
