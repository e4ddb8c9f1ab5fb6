//! Shards.

use millstream_catalog::{Shard, Stream};
use millstream_types::{ShardId, TimestampMs};
use millstream_wire::shapes;
use millstream_wire::shapes::{ChildShard, SequenceNumberRange};

pub(crate) fn describe(shard: Shard) -> shapes::Shard {
    shapes::Shard {
        shard_id: shard.id.to_string(),
        parent_shard_id: shard.parent.map(|id| id.to_string()),
        adjacent_parent_shard_id: shard.adjacent_parent.map(|id| id.to_string()),
        hash_key_range: shard.range.into(),
        sequence_number_range: SequenceNumberRange {
            starting_sequence_number: shard.starting_sequence_number().to_string(),
            ending_sequence_number: shard.ending_sequence_number().map(|end| end.to_string()),
        },
    }
}

pub(crate) fn describe_child(shard: Shard) -> ChildShard {
    let parents = shard.parent.into_iter().chain(shard.adjacent_parent);
    ChildShard {
        shard_id: shard.id.to_string(),
        parent_shards: parents.map(|id| id.to_string()).collect(),
        hash_key_range: shard.range.into(),
    }
}

/// The shards that may still hold records, after the one that a request names; none while the stream is being created
/// or deleted. Ids compare as text; numeric ones in canonical form.
pub(crate) fn listed_shards<'a>(
    stream: &'a Stream,
    after: Option<&'a str>,
    now: TimestampMs,
) -> impl Iterator<Item = Shard> + 'a {
    let horizon = stream.trim_horizon(now);
    // Where that is a shard's id, none before it is looked at.
    let number = after.and_then(|after| after.parse::<ShardId>().ok());
    let first = number.unwrap_or(ShardId::FIRST);
    let shards = stream.is_usable().then(|| stream.shards_from(first));
    shards
        .into_iter()
        .flatten()
        .filter(move |shard| after.is_none_or(|after| is_after(shard, after)))
        .filter(move |shard| shard.was_open_at_or_after(horizon))
}

/// Whether a shard comes after the one that a request names.
fn is_after(shard: &Shard, start: &str) -> bool {
    match start.parse::<ShardId>() {
        Ok(start) => shard.id > start,
        Err(_) => shard.id.to_string().as_str() > start,
    }
}
