//! UpdateShardCount.

use millstream_catalog::{Rejected, ShardCommand, Stream};
use millstream_types::limits::SHARDS_PER_STREAM_MAX;
use millstream_wire::shapes::{UpdateShardCountRequest, UpdateShardCountResponse};

use crate::Failure;
use crate::call::{Call, operation};
use crate::unverified_texts as texts;

operation! {
    /// Brings a stream to another count of open shards by splits and merges, while records are put and read: to grow,
    /// each shard is split and pairs are merged; to shrink, pairs are merged. Done when this returns, unless a
    /// transition time is set, or it takes more than ten seconds or fails (it is tried again until it succeeds): then
    /// the stream is UPDATING. The present count is accepted and changes nothing.
    ///
    /// If the future is dropped, the count may still change.
    UpdateShardCount: update_shard_count(UpdateShardCountRequest) -> UpdateShardCountResponse
}

async fn update_shard_count(
    call: &Call<'_>,
    request: UpdateShardCountRequest,
) -> Result<UpdateShardCountResponse, Failure> {
    let stream = call.stream(&request)?;
    let target = request.target_shard_count;
    let quotas = call.quotas(Some(&stream));
    let begin = ShardCommand::BeginUpdateShardCount {
        id: stream.id,
        target,
        account_shards_max: quotas.shards_max,
        per_day_max: quotas.shard_count_updates_per_day_max,
    };
    call.change(&stream, begin, |reason| rejected(reason, &stream))
        .await?;
    let current = u32::try_from(stream.open_shards().len()).expect("indexes have 31 bits");
    call.settled(stream.id).await;
    Ok(UpdateShardCountResponse {
        stream_name: stream.key.name.clone(),
        current_shard_count: current,
        target_shard_count: target,
        stream_arn: stream.arn().to_string(),
    })
}

fn rejected(reason: Rejected, stream: &Stream) -> Option<Failure> {
    match reason {
        Rejected::ShardCountOutOfReach { current, target } => {
            let what = if target > SHARDS_PER_STREAM_MAX {
                format!(
                    "Target shard count or number of open shards cannot be greater than {SHARDS_PER_STREAM_MAX}. Current \
                     open shard count: {current}"
                )
            } else if target > current {
                format!(
                    "UpdateShardCount cannot scale up over double your current open shard count. Current open shard \
                     count: {current}"
                )
            } else {
                format!(
                    "UpdateShardCount cannot scale down below half your current open shard count. Current open shard \
                     count: {current}"
                )
            };
            let text = format!("{what}, Target shard count: {target}");
            Some(Failure::limit_exceeded(text))
        }
        // Merge it with a neighbour first.
        Rejected::ShardTooNarrow(shard) => {
            let key = &stream.key;
            let text = texts::shard_too_narrow(&shard, &key.name, &key.account);
            Some(Failure::invalid_argument(text))
        }
        _ => None,
    }
}
