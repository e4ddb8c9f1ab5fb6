//! What a stream is set to: retention, encryption, metrics of shards, record size, mode, distribution, warm throughput.

use millstream_types::{MetricsName, RecordDistributionStrategy, StreamName};
use serde::{Deserialize, Serialize};

use super::{EncryptionType, StreamModeDetails, WarmThroughput};

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

/// Input of StartStreamEncryption; the answer has no body.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct StartStreamEncryptionRequest {
    /// The stream by name.
    pub stream_name: Option<StreamName>,
    /// The stream by ARN.
    #[serde(rename = "StreamARN")]
    pub stream_arn: Option<String>,
    /// Only KMS is accepted by the service.
    pub encryption_type: EncryptionType,
    /// A key id, key ARN, alias or alias ARN, 1 to 2048 characters.
    pub key_id: String,
}

/// Input of StopStreamEncryption; the answer has no body.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct StopStreamEncryptionRequest {
    /// The stream by name.
    pub stream_name: Option<StreamName>,
    /// The stream by ARN.
    #[serde(rename = "StreamARN")]
    pub stream_arn: Option<String>,
    /// Only KMS is accepted by the service.
    pub encryption_type: EncryptionType,
    /// A key id, key ARN, alias or alias ARN, 1 to 2048 characters.
    pub key_id: String,
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

/// Input of UpdateMaxRecordSize; the answer has no body.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct UpdateMaxRecordSizeRequest {
    /// The stream by ARN.
    #[serde(rename = "StreamARN")]
    pub stream_arn: Option<String>,
    /// Largest record, 1024 to 10240 KiB.
    #[serde(rename = "MaxRecordSizeInKiB")]
    pub max_record_size_in_kib: u32,
}

/// Input of UpdateStreamMode; the answer has no body.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct UpdateStreamModeRequest {
    /// Whose: this operation takes no name.
    #[serde(rename = "StreamARN")]
    pub stream_arn: String,
    /// The new mode.
    pub stream_mode_details: StreamModeDetails,
    /// MiB per second, 0 or more.
    #[serde(rename = "WarmThroughputMiBps")]
    pub warm_throughput_mibps: Option<u32>,
}

/// Input of UpdateStreamRecordDistributionStrategy; the answer has no body.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct UpdateStreamRecordDistributionStrategyRequest {
    /// Whose: this operation takes no name.
    #[serde(rename = "StreamARN")]
    pub stream_arn: String,
    /// The new strategy.
    pub record_distribution_strategy: RecordDistributionStrategy,
}

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
