//! `millstream streams merge`.

use aws_sdk_kinesis::Client;
use millstream_types::ShardId;
use serde_json::json;

use super::shards::{find, hash_keys, list_shards};
use super::wait::Patience;
use crate::failure::Failure;
use crate::output::{self, Format};

/// Arguments of `millstream streams merge`.
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// Name of the stream
    stream: String,
    /// A shard: `3`, `shardId-3` and `shardId-000000000003` are the same
    shard: ShardId,
    /// Its neighbour, on either side
    adjacent: ShardId,
    #[command(flatten)]
    patience: Patience,
}

pub(super) async fn run(
    client: &Client,
    format: Format,
    arguments: &Arguments,
) -> Result<(), Failure> {
    let stream = &arguments.stream;
    let (mut first, mut second) = (arguments.shard.to_string(), arguments.adjacent.to_string());
    let shards = list_shards(client, stream, None).await?;
    let lower = hash_keys(find(&shards, stream, &second)?);
    let upper = hash_keys(find(&shards, stream, &first)?);
    // The service wants the lower of the two first.
    if let (Some(lower), Some(upper)) = (lower, upper)
        && lower.is_followed_by(&upper)
    {
        std::mem::swap(&mut first, &mut second);
    }
    client
        .merge_shards()
        .stream_name(stream)
        .shard_to_merge(&first)
        .adjacent_shard_to_merge(&second)
        .send()
        .await
        .map_err(|error| Failure::of("MergeShards", error))?;
    arguments.patience.until_active(client, stream).await?;
    if format.json {
        return output::print_json(&json!({
            "StreamName": stream,
            "ShardToMerge": first,
            "AdjacentShardToMerge": second,
        }));
    }
    output::print_line(&format!("merged {first} and {second} of {stream}"))
}
