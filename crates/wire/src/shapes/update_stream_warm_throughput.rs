//! UpdateStreamWarmThroughput.

use millstream_types::StreamName;
use serde::{Deserialize, Serialize};

/// Input of UpdateStreamWarmThroughput.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct UpdateStreamWarmThroughputRequest {
    /// The stream by name.
    pub stream_name: Option<StreamName>,
    /// The stream by ARN.
    #[serde(rename = "StreamARN")]
    pub stream_arn: Option<String>,
    /// MiB per second, 0 or more.
    #[serde(rename = "WarmThroughputMiBps")]
    pub warm_throughput_mibps: u32,
}

/// Answer of UpdateStreamWarmThroughput.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct UpdateStreamWarmThroughputResponse {
    /// Its name.
    pub stream_name: StreamName,
    /// Its ARN.
    #[serde(rename = "StreamARN")]
    pub stream_arn: String,
    /// Before and after.
    pub warm_throughput: WarmThroughput,
}

/// Throughput that a stream is ready for.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct WarmThroughput {
    /// After the change, in MiB per second.
    #[serde(rename = "TargetMiBps")]
    pub target_mibps: u32,
    /// Now, in MiB per second.
    #[serde(rename = "CurrentMiBps")]
    pub current_mibps: u32,
}
