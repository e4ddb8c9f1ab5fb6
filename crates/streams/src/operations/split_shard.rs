//! SplitShard.

use millstream_catalog::{Rejected, ShardCommand, StreamKey};
use millstream_types::{HashKey, ShardId};
use millstream_wire::shapes::SplitShardRequest;

use crate::call::{Call, operation};
use crate::{Failure, refusals};

operation! {
    /// Splits a shard in two. Done when this returns, unless a transition time is set, or it takes more than ten
    /// seconds or fails (it is tried again until it succeeds): then the stream is UPDATING. Puts go on meanwhile.
    ///
    /// If the future is dropped, the shard may still be split.
    SplitShard: split_shard(SplitShardRequest) -> ()
}

async fn split_shard(call: &Call<'_>, request: SplitShardRequest) -> Result<(), Failure> {
    let named = call.named(&request)?;
    let shard = named.shard_id(&request.shard_to_split)?;
    let stream = call.look_up(&named)?;
    let key = &request.new_starting_hash_key;
    let begin = ShardCommand::BeginSplitShard {
        id: stream.id,
        shard,
        // A key above the space is above every shard's last key too.
        new_starting_hash_key: key.parse().unwrap_or(HashKey::MAX),
        account_shards_max: call.quotas(Some(&stream)).shards_max,
    };
    call.change(&stream, begin, |reason| {
        rejected(reason, &stream.key, shard, key)
    })
    .await?;
    call.settled(stream.id).await;
    Ok(())
}

fn rejected(reason: Rejected, stream: &StreamKey, shard: ShardId, key: &str) -> Option<Failure> {
    let StreamKey { name, account, .. } = stream;
    Some(match reason {
        Rejected::NoSuchShard(shard) => {
            refusals::could_not_find_shard(shard, name.as_str(), account)
        }
        Rejected::SplitKeyOutside(range) => Failure::invalid_argument(format!(
            "NewStartingHashKey {key} used in SplitShard() on shard {shard} in stream {name} under account {account} is \
             not both greater than one plus the shard's StartingHashKey {} and less than the shard's EndingHashKey {}.",
            range.start, range.end
        )),
        Rejected::ShardEnded(shard) => refusals::shard_ended(shard, stream),
        _ => return None,
    })
}
