//! Settings of a stream that a call gives a new value.

use std::collections::BTreeSet;

use millstream_wire::shapes::{MetricsName, RecordDistributionStrategy, StreamMode};
use serde::{Deserialize, Serialize};

use super::Stream;

/// A setting and what is to become of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Setting {
    /// The key that records are encrypted with; `None` for no encryption.
    Encryption {
        /// As its user named it.
        key_id: Option<String>,
    },
    /// The capacity mode. The shards stay as they are.
    Mode {
        /// The new mode.
        mode: StreamMode,
        /// Throughput to be ready for, in MiB per second; only for on-demand mode.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        warm_throughput_mibps: Option<u32>,
    },
    /// The largest record, data and partition key.
    MaxRecordSize {
        /// In KiB.
        kib: u32,
    },
    /// Throughput to be ready for.
    WarmThroughput {
        /// In MiB per second.
        mibps: u32,
    },
    /// Shard-level metrics are switched on.
    EnableMetrics {
        /// Which; never [`MetricsName::All`].
        metrics: BTreeSet<MetricsName>,
    },
    /// Shard-level metrics are switched off.
    DisableMetrics {
        /// Which; never [`MetricsName::All`].
        metrics: BTreeSet<MetricsName>,
    },
    /// What decides to which shard a record goes.
    RecordDistribution {
        /// The new strategy.
        strategy: RecordDistributionStrategy,
    },
}

impl Setting {
    /// Whether the stream is not UPDATING in between.
    pub(super) fn takes_effect_at_once(&self) -> bool {
        matches!(self, Self::RecordDistribution { .. })
    }

    /// Gives the setting its new value.
    pub(super) fn apply_to(&self, stream: &mut Stream) {
        match self {
            Self::Encryption { key_id } => stream.key_id.clone_from(key_id),
            Self::Mode {
                mode,
                warm_throughput_mibps,
            } => {
                stream.mode = *mode;
                stream.warm_throughput_mibps = match mode {
                    StreamMode::OnDemand => warm_throughput_mibps.or(stream.warm_throughput_mibps),
                    StreamMode::Provisioned => None,
                };
            }
            Self::MaxRecordSize { kib } => stream.max_record_size_kib = *kib,
            Self::WarmThroughput { mibps } => stream.warm_throughput_mibps = Some(*mibps),
            Self::EnableMetrics { metrics } => stream.shard_level_metrics.extend(metrics),
            Self::DisableMetrics { metrics } => {
                stream
                    .shard_level_metrics
                    .retain(|metric| !metrics.contains(metric));
            }
            Self::RecordDistribution { strategy } => stream.record_distribution = *strategy,
        }
    }
}
