//! UpdateStreamMode.

use serde::Deserialize;

use super::StreamModeDetails;

/// Input of UpdateStreamMode; the answer has no body.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct UpdateStreamModeRequest {
    /// The stream.
    #[serde(rename = "StreamARN")]
    pub stream_arn: String,
    /// The new mode.
    pub stream_mode_details: StreamModeDetails,
    /// MiB per second, 0 or more.
    #[serde(rename = "WarmThroughputMiBps")]
    pub warm_throughput_mibps: Option<u32>,
}
