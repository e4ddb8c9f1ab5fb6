//! What becomes of the stream: splits and merges, one after another, as a stream changes one shard at a time; or all of it by
//! its number of shards.

use std::time::Duration;

use aws_sdk_kinesis::Client;
use aws_sdk_kinesis::types::{ScalingType, StreamStatus};
use millstream_scaling::lag::{Listed, list_shards};
use millstream_scaling::{Decision, ShardChange};
use millstream_types::HashKey;
use tokio::time::{Instant, sleep};

use super::file::Resharding;
use crate::failure::Failure;
use crate::looks::failure;
use crate::streams::wait::summary;

/// How often the stream is looked at while it changes.
const PAUSE: Duration = Duration::from_millis(250);
/// A stream that changes for longer than this is left to the next decision.
const CHANGE_MAX: Duration = Duration::from_secs(300);

/// Does what is decided of the shards. What fails ends the rest: the next decision sees what there is then.
pub(super) async fn reshard(
    client: &Client,
    stream: &str,
    decision: &Decision,
    by: Resharding,
) -> Result<(), Failure> {
    match by {
        _ if decision.shards.is_empty() => Ok(()),
        Resharding::SplitAndMerge => split_and_merge(client, stream, &decision.shards).await,
        Resharding::UpdateShardCount => {
            let from = decision.figures.open_shards;
            update(client, stream, from, decision.shards_after()).await
        }
    }
}

/// One call may ask for twice as many: what is wanted beyond that, the next decision wants again. Two become at least one.
async fn update(client: &Client, stream: &str, from: u32, to: u32) -> Result<(), Failure> {
    let shards = to.min(from.saturating_mul(2));
    until_active(client, stream).await?;
    let request = client.update_shard_count().stream_name(stream);
    let request = request
        .target_shard_count(i32::try_from(shards).unwrap_or(i32::MAX))
        .scaling_type(ScalingType::UniformScaling);
    let updated = request.send().await;
    updated.map_err(|error| Failure::of("UpdateShardCount", error))?;
    Ok(())
}

/// Does the changes in their order, and then cuts the parts that are to be cut further: a hot shard is relieved first.
async fn split_and_merge(
    client: &Client,
    stream: &str,
    changes: &[ShardChange],
) -> Result<(), Failure> {
    for change in changes {
        until_active(client, stream).await?;
        match change {
            ShardChange::Split {
                shard,
                new_starting_hash_key,
                ..
            } => split(client, stream, &shard.to_string(), *new_starting_hash_key).await?,
            ShardChange::Merge {
                shard, adjacent, ..
            } => {
                let request = client.merge_shards().stream_name(stream);
                let request = request
                    .shard_to_merge(shard.to_string())
                    .adjacent_shard_to_merge(adjacent.to_string());
                request
                    .send()
                    .await
                    .map_err(|error| Failure::of("MergeShards", error))?;
            }
        }
    }
    for change in changes {
        let ShardChange::Split { further, .. } = change else {
            continue;
        };
        for key in further {
            until_active(client, stream).await?;
            let part = part_of(client, stream, *key).await?;
            split(client, stream, &part, *key).await?;
        }
    }
    Ok(())
}

async fn split(client: &Client, stream: &str, shard: &str, key: HashKey) -> Result<(), Failure> {
    let request = client.split_shard().stream_name(stream);
    let request = request
        .shard_to_split(shard)
        .new_starting_hash_key(key.to_string());
    let split = request.send().await;
    split.map_err(|error| Failure::of("SplitShard", error))?;
    Ok(())
}

/// The open shard that takes this key.
async fn part_of(client: &Client, stream: &str, key: HashKey) -> Result<String, Failure> {
    let shards = list_shards(client, stream).await.map_err(failure)?;
    let takes = |shard: &Listed| shard.is_open && shard.range.contains(key);
    let found = shards.into_values().find(takes);
    // Between two changes of a stream every key is taken.
    found
        .map(|shard| shard.id)
        .ok_or_else(|| Failure::Late(format!("{stream} has no open shard for hash key {key} yet")))
}

async fn until_active(client: &Client, stream: &str) -> Result<(), Failure> {
    let deadline = Instant::now() + CHANGE_MAX;
    while summary(client, stream).await?.stream_status != StreamStatus::Active {
        if Instant::now() > deadline {
            return Err(Failure::Late(format!("{stream} is not ACTIVE yet")));
        }
        sleep(PAUSE).await;
    }
    Ok(())
}
