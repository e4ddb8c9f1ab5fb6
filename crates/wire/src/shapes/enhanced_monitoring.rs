//! EnableEnhancedMonitoring and DisableEnhancedMonitoring.

use millstream_types::{MetricsName, StreamName};
use serde::{Deserialize, Serialize};

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
