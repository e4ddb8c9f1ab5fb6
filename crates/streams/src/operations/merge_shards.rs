//! MergeShards.

use millstream_catalog::{Rejected, ShardCommand, StreamKey};
use millstream_types::ShardId;
use millstream_wire::shapes::MergeShardsRequest;

use crate::call::{Call, operation};
use crate::{Failure, refusals};

operation! {
    /// Merges two adjacent shards. Done when this returns, unless a transition time is set, or it takes more than ten
    /// seconds or fails (it is tried again until it succeeds): then the stream is UPDATING. Puts go on meanwhile.
    ///
    /// If the future is dropped, the shards may still be merged.
    MergeShards: merge_shards(MergeShardsRequest) -> ()
}

async fn merge_shards(call: &Call<'_>, request: MergeShardsRequest) -> Result<(), Failure> {
    let named = call.named(&request)?;
    let shard = named.shard_id(&request.shard_to_merge)?;
    let adjacent_shard = named.shard_id(&request.adjacent_shard_to_merge)?;
    let stream = call.look_up(&named)?;
    let begin = ShardCommand::BeginMergeShards {
        id: stream.id,
        shard,
        adjacent_shard,
    };
    call.change(&stream, begin, |reason| {
        rejected(reason, &stream.key, shard, adjacent_shard)
    })
    .await?;
    call.settled(stream.id).await;
    Ok(())
}

fn rejected(
    reason: Rejected,
    stream: &StreamKey,
    shard: ShardId,
    adjacent: ShardId,
) -> Option<Failure> {
    let StreamKey { name, account, .. } = stream;
    Some(match reason {
        Rejected::NoSuchShard(shard) => {
            refusals::could_not_find_shard(shard, name.as_str(), account)
        }
        Rejected::NotAdjacent => Failure::invalid_argument(format!(
            "Shards {shard} and {adjacent} in stream {name} under account {account} are not an adjacent pair of shards \
             eligible for merging"
        )),
        Rejected::ShardEnded(shard) => refusals::shard_ended(shard, stream),
        _ => return None,
    })
}
