//! Streams and shards as lists and descriptions show them.

use millstream_types::{ShardId, TimestampMs};
use millstream_wire::encoding::Timestamp;
use millstream_wire::shapes;
use millstream_wire::shapes::{ChildShard, SequenceNumberRange, StreamModeDetails, StreamSummary};

use crate::catalog::{Shard, Stream};

/// AWS gives creation times in whole seconds.
pub(super) fn creation_timestamp(stream: &Stream) -> Timestamp {
    Timestamp(TimestampMs(stream.created_ms.as_secs() * 1000))
}

pub(super) fn mode_details(stream: &Stream) -> StreamModeDetails {
    StreamModeDetails {
        stream_mode: stream.mode,
    }
}

pub(super) fn summary(stream: &Stream) -> StreamSummary {
    StreamSummary {
        stream_name: stream.key.name.clone(),
        stream_arn: stream.arn().to_string(),
        stream_status: stream.status,
        stream_mode_details: mode_details(stream),
        stream_creation_timestamp: creation_timestamp(stream),
    }
}

pub(super) fn describe(shard: &Shard) -> shapes::Shard {
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

pub(super) fn describe_child(shard: &Shard) -> ChildShard {
    let parents = shard.parent.into_iter().chain(shard.adjacent_parent);
    ChildShard {
        shard_id: shard.id.to_string(),
        parent_shards: parents.map(|id| id.to_string()).collect(),
        hash_key_range: shard.range.into(),
    }
}

/// The shards that may still hold records; none while the stream is being created or deleted.
pub(super) fn listed_shards(stream: &Stream, now: TimestampMs) -> impl Iterator<Item = &Shard> {
    let horizon = stream.trim_horizon(now);
    let shards = if stream.is_usable() {
        &stream.shards[..]
    } else {
        &[]
    };
    shards
        .iter()
        .filter(move |shard| shard.was_open_at_or_after(horizon))
}

/// Whether a shard comes after the one that a request names. Ids compare as text; numeric ones in canonical form.
pub(super) fn is_after(shard: &Shard, start: &str) -> bool {
    match start.parse::<ShardId>() {
        Ok(start) => shard.id > start,
        Err(_) => shard.id.to_string().as_str() > start,
    }
}
