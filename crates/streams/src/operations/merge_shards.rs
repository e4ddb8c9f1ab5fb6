//! MergeShards.

use millstream_types::{AccountId, ShardId};
use millstream_wire::shapes::MergeShardsRequest;
use millstream_wire::{ApiError, ErrorCode};

use super::delete_stream::StreamNotActive;
use super::find_stream::{FindStreamError, NamedStream};
use super::not_found::{CouldNotFindShard, StreamNotFound};
use super::split_shard::{ShardEnded, StreamOnDemand};
use super::unavailable::Unavailable;
use crate::catalog::{Command, Rejected, Stream};
use crate::{Caller, StreamService};

/// How MergeShards fails.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum MergeShardsError {
    /// The request names no stream that there is.
    #[error(transparent)]
    Find(#[from] FindStreamError),
    /// The request names a shard that there is not.
    #[error(transparent)]
    CouldNotFindShard(#[from] CouldNotFindShard),
    /// The stream is in on-demand mode.
    #[error(transparent)]
    OnDemand(#[from] StreamOnDemand),
    /// The second shard's range does not follow the first one's.
    #[error(
        "Shards {shard} and {adjacent} in stream {name} under account {account} are not an adjacent pair of shards \
         eligible for merging"
    )]
    NotAdjacent {
        /// ShardToMerge.
        shard: ShardId,
        /// AdjacentShardToMerge.
        adjacent: ShardId,
        /// The stream.
        name: String,
        /// Its account.
        account: AccountId,
    },
    /// The stream is changing.
    #[error(transparent)]
    NotActive(#[from] StreamNotActive),
    /// A shard was split or merged before.
    #[error(transparent)]
    ShardEnded(#[from] ShardEnded),
    /// See [`Unavailable`].
    #[error(transparent)]
    Unavailable(#[from] Unavailable),
}

impl From<MergeShardsError> for ApiError {
    fn from(error: MergeShardsError) -> Self {
        let code = match error {
            MergeShardsError::Find(error) => return error.into(),
            MergeShardsError::Unavailable(error) => return error.into(),
            MergeShardsError::CouldNotFindShard(_) => ErrorCode::ResourceNotFound,
            MergeShardsError::OnDemand(_) => ErrorCode::Validation,
            MergeShardsError::NotAdjacent { .. } | MergeShardsError::ShardEnded(_) => {
                ErrorCode::InvalidArgument
            }
            MergeShardsError::NotActive(_) => ErrorCode::ResourceInUse,
        };
        Self::new(code, error.to_string())
    }
}

impl StreamService {
    /// Merges two adjacent shards. Done when this returns, unless a transition time is set, or it takes more than ten
    /// seconds or fails (it is tried again until it succeeds): then the stream is UPDATING. Puts go on meanwhile.
    ///
    /// If the future is dropped, the shards may still be merged.
    ///
    /// # Errors
    /// See [`MergeShardsError`].
    pub async fn merge_shards(
        &self,
        caller: &Caller,
        request: MergeShardsRequest,
    ) -> Result<(), MergeShardsError> {
        let _call = self.enter()?;
        let name = request.stream_name.as_ref().map(|name| name.as_str());
        let named = NamedStream::new(caller, name, request.stream_arn.as_deref())?;
        let parse = |text: &str| {
            text.parse::<ShardId>()
                .map_err(|_| CouldNotFindShard::of(text, &named.name, &named.account))
        };
        let shard = parse(&request.shard_to_merge)?;
        let adjacent_shard = parse(&request.adjacent_shard_to_merge)?;
        let stream = self.look_up(caller, &named);
        let stream = stream.ok_or_else(|| FindStreamError::from(named.not_found()))?;
        let begin = Command::BeginMergeShards {
            id: stream.id,
            shard,
            adjacent_shard,
        };
        let begun = self.inner.commands.propose(begin).await;
        begun.map_err(|error| match Unavailable::unless_rejected(error) {
            Ok(reason) => rejected(reason, &stream, shard, adjacent_shard),
            Err(unavailable) => unavailable.into(),
        })?;
        self.settled(stream.id).await;
        Ok(())
    }
}

fn rejected(
    reason: Rejected,
    stream: &Stream,
    shard: ShardId,
    adjacent: ShardId,
) -> MergeShardsError {
    let name = stream.key.name.to_string();
    let account = stream.key.account.clone();
    match reason {
        Rejected::NoSuchStream => FindStreamError::from(StreamNotFound::of(&stream.key)).into(),
        Rejected::NoSuchShard(shard) => CouldNotFindShard::of(shard, &name, &account).into(),
        Rejected::OnDemand => StreamOnDemand { name, account }.into(),
        Rejected::NotAdjacent => MergeShardsError::NotAdjacent {
            shard,
            adjacent,
            name,
            account,
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
        | Rejected::SplitKeyOutside(_)
        | Rejected::TooManyShards { .. }
        | Rejected::RetentionIsLonger(_)
        | Rejected::RetentionIsShorter(_)
        | Rejected::OutOfIds => Unavailable::unexpected(reason).into(),
    }
}
