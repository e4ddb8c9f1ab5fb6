//! CreateStream.

use std::collections::BTreeMap;

use millstream_types::StreamName;
use serde::Deserialize;

use super::{RecordDistributionStrategy, StreamModeDetails};

/// Input of CreateStream; the answer has no body.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct CreateStreamRequest {
    /// The new stream.
    pub stream_name: StreamName,
    /// How many shards it starts with; 4 in on-demand mode when absent. At least 1.
    pub shard_count: Option<u32>,
    /// Provisioned or on demand; absent together with the count means on demand.
    pub stream_mode_details: Option<StreamModeDetails>,
    /// Tags from the start.
    #[serde(default)]
    pub tags: BTreeMap<String, String>,
    /// Largest record, 1024 to 10240 KiB; 1024 when absent.
    #[serde(rename = "MaxRecordSizeInKiB")]
    pub max_record_size_in_kib: Option<u32>,
    /// Throughput to be ready for, in MiB per second, 0 or more; only for on-demand mode.
    #[serde(rename = "WarmThroughputMiBps")]
    pub warm_throughput_mibps: Option<u32>,
    /// What decides to which shard a record goes; its partition key when absent.
    pub record_distribution_strategy: Option<RecordDistributionStrategy>,
}
