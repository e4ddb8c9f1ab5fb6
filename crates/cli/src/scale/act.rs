//! Splits and merges, one after another: a stream changes one shard at a time.

use std::time::Duration;

use aws_sdk_kinesis::Client;
use aws_sdk_kinesis::types::StreamStatus;
use millstream_scaling::ShardChange;
use tokio::time::{Instant, sleep};

use crate::failure::Failure;
use crate::streams::wait::summary;

/// How often the stream is looked at while it changes.
const PAUSE: Duration = Duration::from_millis(250);
/// A stream that changes for longer than this is left to the next decision.
const CHANGE_MAX: Duration = Duration::from_secs(300);

/// Does the changes in their order. What fails ends the rest: the next decision sees what there is then.
pub(super) async fn reshard(
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
            } => {
                let request = client.split_shard().stream_name(stream);
                let request = request
                    .shard_to_split(shard.to_string())
                    .new_starting_hash_key(new_starting_hash_key.to_string());
                request
                    .send()
                    .await
                    .map_err(|error| Failure::of("SplitShard", error))?;
            }
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
    Ok(())
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
