//! MergeShards.

use millstream_types::{AccountId, ShardId};
use millstream_wire::shapes::MergeShardsRequest;
use millstream_wire::{ApiError, ErrorCode, Operation};

use super::change_stream::ChangeStreamError;
use super::find_stream::NamedStream;
use super::not_found::CouldNotFindShard;
use super::split_shard::ShardEnded;
use crate::{Caller, StreamService};
use millstream_catalog::{Rejected, ShardCommand, Stream};

/// How MergeShards fails.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum MergeShardsError {
    /// The request names a shard that there is not.
    #[error(transparent)]
    CouldNotFindShard(#[from] CouldNotFindShard),
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
    /// A shard was split or merged before.
    #[error(transparent)]
    ShardEnded(#[from] ShardEnded),
    /// As any change of a stream.
    #[error(transparent)]
    Change(#[from] ChangeStreamError),
}

impl From<MergeShardsError> for ApiError {
    fn from(error: MergeShardsError) -> Self {
        let code = match error {
            MergeShardsError::Change(error) => return error.into(),
            MergeShardsError::CouldNotFindShard(_) => ErrorCode::ResourceNotFound,
            MergeShardsError::NotAdjacent { .. } | MergeShardsError::ShardEnded(_) => {
                ErrorCode::InvalidArgument
            }
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
        let _call = self.enter().map_err(ChangeStreamError::from)?;
        let name = request.stream_name.as_ref().map(|name| name.as_str());
        let named = NamedStream::new(caller, name, request.stream_arn.as_deref())
            .map_err(ChangeStreamError::from)?;
        let parse = |text: &str| {
            text.parse::<ShardId>()
                .map_err(|_| CouldNotFindShard::of(text, &named.name, &named.account))
        };
        let shard = parse(&request.shard_to_merge)?;
        let adjacent_shard = parse(&request.adjacent_shard_to_merge)?;
        let stream = self.look_up(caller, Operation::MergeShards, &named);
        let stream = stream.map_err(ChangeStreamError::from)?;
        let begin = ShardCommand::BeginMergeShards {
            id: stream.id,
            shard,
            adjacent_shard,
        };
        self.change_stream(&stream, begin, |reason| {
            rejected(reason, &stream, shard, adjacent_shard)
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
    adjacent: ShardId,
) -> Option<MergeShardsError> {
    let (name, account) = (stream.key.name.to_string(), stream.key.account.clone());
    Some(match reason {
        Rejected::NoSuchShard(shard) => CouldNotFindShard::of(shard, &name, &account).into(),
        Rejected::NotAdjacent => MergeShardsError::NotAdjacent {
            shard,
            adjacent,
            name,
            account,
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
