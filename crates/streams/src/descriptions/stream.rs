//! Streams.

use millstream_catalog::{Change, Setting, Stream};
use millstream_types::TimestampMs;
use millstream_wire::encoding::Timestamp;
use millstream_wire::shapes::{EnhancedMetrics, StreamModeDetails, StreamSummary, WarmThroughput};

/// AWS gives creation times in whole seconds.
pub(crate) fn creation_timestamp(stream: &Stream) -> Timestamp {
    Timestamp(TimestampMs(stream.created_ms.as_secs() * 1000))
}

pub(crate) fn mode_details(stream: &Stream) -> StreamModeDetails {
    StreamModeDetails {
        stream_mode: stream.mode,
    }
}

/// What is switched on; always one element.
pub(crate) fn enhanced_monitoring(stream: &Stream) -> Vec<EnhancedMetrics> {
    vec![EnhancedMetrics {
        shard_level_metrics: stream.shard_level_metrics.iter().copied().collect(),
    }]
}

/// What the open shards take on AWS: 1 MiB per second each.
pub(crate) fn shard_throughput_mibps(stream: &Stream) -> u32 {
    u32::try_from(stream.open_shards().len()).unwrap_or(u32::MAX)
}

/// Throughput that an on-demand stream was asked to be ready for, and what it is ready for. `None` if it was never asked.
pub(crate) fn warm_throughput(stream: &Stream) -> Option<WarmThroughput> {
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

pub(crate) fn summary(stream: &Stream) -> StreamSummary {
    StreamSummary {
        stream_name: stream.key.name.clone(),
        stream_arn: stream.arn().to_string(),
        stream_status: stream.status,
        stream_mode_details: mode_details(stream),
        stream_creation_timestamp: creation_timestamp(stream),
    }
}
