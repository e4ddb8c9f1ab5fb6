//! `millstream streams split`.

use aws_sdk_kinesis::Client;
use millstream_types::{HashKey, HashKeyRange, ShardId};
use serde_json::json;

use super::shards::{find, hash_keys, list_shards};
use super::wait::Patience;
use crate::failure::Failure;
use crate::output::{self, Format};

/// Arguments of `millstream streams split`.
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// Name of the stream
    stream: String,
    /// The shard: `3`, `shardId-3` and `shardId-000000000003` are the same
    shard: ShardId,
    /// First hash key of the second child; without it the range is halved
    #[arg(long, value_name = "HASH-KEY")]
    at: Option<HashKey>,
    #[command(flatten)]
    patience: Patience,
}

pub(super) async fn run(
    client: &Client,
    format: Format,
    arguments: &Arguments,
) -> Result<(), Failure> {
    let stream = &arguments.stream;
    let shard = arguments.shard.to_string();
    let at = match arguments.at {
        Some(key) => key,
        None => {
            let shards = list_shards(client, stream, None).await?;
            hash_keys(find(&shards, stream, &shard)?)
                .and_then(middle)
                .ok_or_else(|| Failure::Usage(format!("{shard} is too narrow to be split")))?
        }
    };
    client
        .split_shard()
        .stream_name(stream)
        .shard_to_split(&shard)
        .new_starting_hash_key(at.to_string())
        .send()
        .await
        .map_err(|error| Failure::of("SplitShard", error))?;
    arguments.patience.until_active(client, stream).await?;
    if format.json {
        return output::print_json(&json!({
            "StreamName": stream,
            "ShardToSplit": shard,
            "NewStartingHashKey": at.to_string(),
        }));
    }
    output::print_line(&format!("split {shard} of {stream} at hash key {at}"))
}

/// The first hash key of the upper half; none if the service would find a half too small.
fn middle(range: HashKeyRange) -> Option<HashKey> {
    let half = (range.end.0 - range.start.0) / 2;
    let key = range.start.0 + half + 1;
    (half > 0 && key < range.end.0).then_some(HashKey(key))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn halves_are_equal_and_never_empty() {
        assert_eq!(middle(HashKeyRange::ALL), Some(HashKey(1 << 127)));
        let range = |start, end| HashKeyRange {
            start: HashKey(start),
            end: HashKey(end),
        };
        assert_eq!(middle(range(10, 19)), Some(HashKey(15)));
        assert_eq!(middle(range(10, 13)), Some(HashKey(12)));
        assert_eq!(middle(range(10, 12)), None);
        assert_eq!(middle(range(10, 10)), None);
    }
}
