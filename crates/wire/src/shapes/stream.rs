//! Streams: made, deleted, described, listed.

use std::collections::BTreeMap;

use millstream_types::{EncryptionType, MetricsName, StreamMode, StreamName, StreamStatus};
use serde::{Deserialize, Serialize};

use super::{RecordDistributionStrategy, Shard};
use crate::encoding::Timestamp;

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

/// Input of DeleteStream; the answer has no body.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct DeleteStreamRequest {
    /// The stream by name.
    pub stream_name: Option<StreamName>,
    /// The stream by ARN.
    #[serde(rename = "StreamARN")]
    pub stream_arn: Option<String>,
    /// Delete it even though consumers are registered.
    pub enforce_consumer_deletion: Option<bool>,
}

/// Input of DescribeStream.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct DescribeStreamRequest {
    /// The stream by name.
    pub stream_name: Option<StreamName>,
    /// The stream by ARN.
    #[serde(rename = "StreamARN")]
    pub stream_arn: Option<String>,
    /// Most shards to list, 1 to 10,000; never more than 100 are.
    pub limit: Option<u32>,
    /// List shards after this one.
    pub exclusive_start_shard_id: Option<String>,
}

/// Shard-level metrics that are switched on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct EnhancedMetrics {
    /// Which; empty when off.
    pub shard_level_metrics: Vec<MetricsName>,
}

/// Answer of DescribeStream.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct DescribeStreamResponse {
    /// The stream and a page of its shards.
    pub stream_description: StreamDescription,
}

/// A stream and a page of its shards.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct StreamDescription {
    /// Its name.
    pub stream_name: StreamName,
    /// Its ARN.
    #[serde(rename = "StreamARN")]
    pub stream_arn: String,
    /// Where it is in its life.
    pub stream_status: StreamStatus,
    /// Its capacity mode.
    pub stream_mode_details: StreamModeDetails,
    /// Shards by id; empty while creating and deleting.
    pub shards: Vec<Shard>,
    /// Whether the page is not the last.
    pub has_more_shards: bool,
    /// How long records are kept, in hours.
    pub retention_period_hours: u32,
    /// When it was created; whole seconds.
    pub stream_creation_timestamp: Timestamp,
    /// Always one element.
    pub enhanced_monitoring: Vec<EnhancedMetrics>,
    /// Whether records are encrypted.
    pub encryption_type: EncryptionType,
    /// With which key.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub key_id: Option<String>,
}

/// Input of DescribeStreamSummary.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct DescribeStreamSummaryRequest {
    /// The stream by name.
    pub stream_name: Option<StreamName>,
    /// The stream by ARN.
    #[serde(rename = "StreamARN")]
    pub stream_arn: Option<String>,
}

/// Answer of DescribeStreamSummary.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct DescribeStreamSummaryResponse {
    /// The stream without its shards.
    pub stream_description_summary: StreamDescriptionSummary,
}

/// A stream without its shards.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct StreamDescriptionSummary {
    /// Its name.
    pub stream_name: StreamName,
    /// Its ARN.
    #[serde(rename = "StreamARN")]
    pub stream_arn: String,
    /// Where it is in its life.
    pub stream_status: StreamStatus,
    /// Its capacity mode.
    pub stream_mode_details: StreamModeDetails,
    /// How long records are kept, in hours.
    pub retention_period_hours: u32,
    /// When it was created; whole seconds.
    pub stream_creation_timestamp: Timestamp,
    /// Always one element.
    pub enhanced_monitoring: Vec<EnhancedMetrics>,
    /// Whether records are encrypted.
    pub encryption_type: EncryptionType,
    /// With which key.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub key_id: Option<String>,
    /// How many shards take records.
    pub open_shard_count: u32,
    /// How many fan-out consumers are registered.
    pub consumer_count: u32,
    /// Largest record, in KiB.
    #[serde(rename = "MaxRecordSizeInKiB")]
    pub max_record_size_in_kib: u32,
    /// Throughput that the stream is ready for; only in on-demand mode, and only once it was set.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub warm_throughput: Option<WarmThroughput>,
    /// What decides to which shard a record goes; only in on-demand mode.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub record_distribution_strategy: Option<RecordDistributionStrategy>,
}

/// Input of ListStreams.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct ListStreamsRequest {
    /// Most names, 1 to 10,000; never more than 100 are listed.
    pub limit: Option<u32>,
    /// List names after this one; it need not exist.
    pub exclusive_start_stream_name: Option<String>,
    /// Where the page before ended.
    pub next_token: Option<String>,
}

/// Answer of ListStreams.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct ListStreamsResponse {
    /// In order of code points.
    pub stream_names: Vec<StreamName>,
    /// Whether the page is not the last.
    pub has_more_streams: bool,
    /// Only if the page is not the last.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next_token: Option<String>,
    /// One for each name, in the same order.
    pub stream_summaries: Vec<StreamSummary>,
}

/// A stream in a list.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct StreamSummary {
    /// Its name.
    pub stream_name: StreamName,
    /// Its ARN.
    #[serde(rename = "StreamARN")]
    pub stream_arn: String,
    /// Where it is in its life.
    pub stream_status: StreamStatus,
    /// Its capacity mode.
    pub stream_mode_details: StreamModeDetails,
    /// When it was created; whole seconds.
    pub stream_creation_timestamp: Timestamp,
}

/// The wrapper that the API puts around a mode.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct StreamModeDetails {
    /// The mode.
    pub stream_mode: StreamMode,
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
