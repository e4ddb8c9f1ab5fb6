//! Streams and shards as lists and descriptions show them.

use millstream_types::{ShardId, TimestampMs};
use millstream_wire::encoding::Timestamp;
use millstream_wire::shapes;
use millstream_wire::shapes::{
    ChildShard, EnhancedMetrics, SequenceNumberRange, StreamModeDetails, StreamSummary,
    WarmThroughput,
};

use millstream_catalog::{Change, Setting, Shard, Stream};

/// AWS gives creation times in whole seconds.
pub(super) fn creation_timestamp(stream: &Stream) -> Timestamp {
    Timestamp(TimestampMs(stream.created_ms.as_secs() * 1000))
}

pub(super) fn mode_details(stream: &Stream) -> StreamModeDetails {
    StreamModeDetails {
        stream_mode: stream.mode,
    }
}

/// What is switched on; always one element.
pub(super) fn enhanced_monitoring(stream: &Stream) -> Vec<EnhancedMetrics> {
    vec![EnhancedMetrics {
        shard_level_metrics: stream.shard_level_metrics.iter().copied().collect(),
    }]
}

/// What the open shards take on AWS: 1 MiB per second each.
pub(super) fn shard_throughput_mibps(stream: &Stream) -> u32 {
    u32::try_from(stream.open_shards().len()).unwrap_or(u32::MAX)
}

/// Throughput that an on-demand stream was asked to be ready for, and what it is ready for. `None` if it was never asked.
pub(super) fn warm_throughput(stream: &Stream) -> Option<WarmThroughput> {
    let target_mibps = match &stream.change {
        Some(Change::Update {
            setting: Setting::WarmThroughput { mibps },
        }) => Some(*mibps),
        _ => stream.warm_throughput_mibps,
    };
    Some(WarmThroughput {
        target_mibps: target_mibps?,
        current_mibps: shard_throughput_mibps(stream),
    })
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

pub(super) fn describe(shard: Shard) -> shapes::Shard {
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

pub(super) fn describe_child(shard: Shard) -> ChildShard {
    let parents = shard.parent.into_iter().chain(shard.adjacent_parent);
    ChildShard {
        shard_id: shard.id.to_string(),
        parent_shards: parents.map(|id| id.to_string()).collect(),
        hash_key_range: shard.range.into(),
    }
}

/// The shards that may still hold records, after the one that a request names; none while the stream is being created
/// or deleted. Ids compare as text; numeric ones in canonical form.
pub(super) fn listed_shards<'a>(
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
