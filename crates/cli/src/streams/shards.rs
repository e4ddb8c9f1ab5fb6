//! The shards of a stream.

use aws_sdk_kinesis::Client;
use aws_sdk_kinesis::types::{Shard, ShardFilter};
use millstream_types::{HashKey, HashKeyRange};

use crate::failure::Failure;

/// All shards that `filter` lets through, page by page; all that are listed without a filter.
pub(crate) async fn list_shards(
    client: &Client,
    stream: &str,
    filter: Option<ShardFilter>,
) -> Result<Vec<Shard>, Failure> {
    let first = client
        .list_shards()
        .stream_name(stream)
        .set_shard_filter(filter);
    let mut page = first
        .send()
        .await
        .map_err(|error| Failure::of("ListShards", error))?;
    let mut shards = page.shards.unwrap_or_default();
    while let Some(token) = page.next_token {
        page = client
            .list_shards()
            .next_token(token)
            .send()
            .await
            .map_err(|error| Failure::of("ListShards", error))?;
        shards.append(&mut page.shards.unwrap_or_default());
    }
    Ok(shards)
}

/// The shard of this id among `shards`.
///
/// # Errors
/// [`Failure::Usage`] names the shards that there are.
pub(crate) fn find<'a>(shards: &'a [Shard], stream: &str, id: &str) -> Result<&'a Shard, Failure> {
    shards
        .iter()
        .find(|shard| shard.shard_id == id)
        .ok_or_else(|| {
            let open: Vec<&str> = shards
                .iter()
                .filter(|shard| is_open(shard))
                .map(|shard| shard.shard_id.as_str())
                .take(10)
                .collect();
            Failure::Usage(format!(
                "stream {stream} has no shard {id}; open shards: {}",
                open.join(", ")
            ))
        })
}

/// Whether the shard takes records.
pub(crate) fn is_open(shard: &Shard) -> bool {
    shard
        .sequence_number_range
        .as_ref()
        .is_none_or(|range| range.ending_sequence_number.is_none())
}

/// The shard's range of hash keys, if the service wrote a proper one.
pub(crate) fn hash_keys(shard: &Shard) -> Option<HashKeyRange> {
    let range = shard.hash_key_range.as_ref()?;
    Some(HashKeyRange {
        start: range.starting_hash_key.parse::<HashKey>().ok()?,
        end: range.ending_hash_key.parse::<HashKey>().ok()?,
    })
}
