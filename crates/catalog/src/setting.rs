//! Settings of a stream that a call gives a new value.

use std::collections::BTreeSet;

use millstream_types::{MetricsName, RecordDistributionStrategy, StreamMode};
use serde::{Deserialize, Serialize};

use crate::stored;

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
        #[serde(with = "stored::stream_mode")]
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
        #[serde(with = "stored::metrics")]
        metrics: BTreeSet<MetricsName>,
    },
    /// Shard-level metrics are switched off.
    DisableMetrics {
        /// Which; never [`MetricsName::All`].
        #[serde(with = "stored::metrics")]
        metrics: BTreeSet<MetricsName>,
    },
    /// What decides to which shard a record goes.
    RecordDistribution {
        /// The new strategy.
        #[serde(with = "stored::record_distribution")]
        strategy: RecordDistributionStrategy,
    },
}

impl Setting {
    /// Whether the stream is not UPDATING in between.
    pub(crate) fn takes_effect_at_once(&self) -> bool {
        matches!(self, Self::RecordDistribution { .. })
    }
}
