//! EnableEnhancedMonitoring and DisableEnhancedMonitoring.

use millstream_types::StreamName;
use serde::{Deserialize, Serialize};

/// A metric of a single shard.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum MetricsName {
    /// Bytes that were put.
    IncomingBytes,
    /// Records that were put.
    IncomingRecords,
    /// Bytes that were read.
    OutgoingBytes,
    /// Records that were read.
    OutgoingRecords,
    /// Records that were refused because of the shard's limit on writes.
    WriteProvisionedThroughputExceeded,
    /// Reads that were refused because of the shard's limit on reads.
    ReadProvisionedThroughputExceeded,
    /// How old the last record of a read was.
    IteratorAgeMilliseconds,
    /// Stands for every metric in a request; never in an answer.
    #[serde(rename = "ALL")]
    All,
}

impl MetricsName {
    /// Every metric that there is, in the model's order.
    pub const EVERY: [Self; 7] = [
        Self::IncomingBytes,
        Self::IncomingRecords,
        Self::OutgoingBytes,
        Self::OutgoingRecords,
        Self::WriteProvisionedThroughputExceeded,
        Self::ReadProvisionedThroughputExceeded,
        Self::IteratorAgeMilliseconds,
    ];
}

/// Input of EnableEnhancedMonitoring.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct EnableEnhancedMonitoringRequest {
    /// The stream by name.
    pub stream_name: Option<StreamName>,
    /// The stream by ARN.
    #[serde(rename = "StreamARN")]
    pub stream_arn: Option<String>,
    /// Metrics by name, 1 to 7; `ALL` stands for all.
    pub shard_level_metrics: Vec<MetricsName>,
}

/// Input of DisableEnhancedMonitoring.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct DisableEnhancedMonitoringRequest {
    /// The stream by name.
    pub stream_name: Option<StreamName>,
    /// The stream by ARN.
    #[serde(rename = "StreamARN")]
    pub stream_arn: Option<String>,
    /// Metrics by name, 1 to 7; `ALL` stands for all.
    pub shard_level_metrics: Vec<MetricsName>,
}

/// Answer of both.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct EnhancedMonitoringResponse {
    /// Its name.
    pub stream_name: StreamName,
    /// What was on before.
    pub current_shard_level_metrics: Vec<MetricsName>,
    /// What is on now.
    pub desired_shard_level_metrics: Vec<MetricsName>,
    /// Its ARN.
    #[serde(rename = "StreamARN")]
    pub stream_arn: String,
}
