//! IncreaseStreamRetentionPeriod and DecreaseStreamRetentionPeriod.

use millstream_types::StreamName;
use serde::Deserialize;

/// Input of IncreaseStreamRetentionPeriod; the answer has no body.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct IncreaseStreamRetentionPeriodRequest {
    /// The stream by name.
    pub stream_name: Option<StreamName>,
    /// The stream by ARN.
    #[serde(rename = "StreamARN")]
    pub stream_arn: Option<String>,
    /// The new period.
    pub retention_period_hours: i32,
}

/// Input of DecreaseStreamRetentionPeriod; the answer has no body.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct DecreaseStreamRetentionPeriodRequest {
    /// The stream by name.
    pub stream_name: Option<StreamName>,
    /// The stream by ARN.
    #[serde(rename = "StreamARN")]
    pub stream_arn: Option<String>,
    /// The new period.
    pub retention_period_hours: i32,
}
