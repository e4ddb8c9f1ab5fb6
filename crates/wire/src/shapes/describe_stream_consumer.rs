//! DescribeStreamConsumer.

use serde::{Deserialize, Serialize};

use super::ConsumerStatus;
use crate::encoding::Timestamp;

/// Input of DescribeStreamConsumer.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct DescribeStreamConsumerRequest {
    /// The stream by ARN.
    #[serde(rename = "StreamARN")]
    pub stream_arn: Option<String>,
    /// The consumer by name, together with the stream.
    pub consumer_name: Option<String>,
    /// The consumer by ARN.
    #[serde(rename = "ConsumerARN")]
    pub consumer_arn: Option<String>,
}

/// Answer of DescribeStreamConsumer.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct DescribeStreamConsumerResponse {
    /// The consumer and its stream.
    pub consumer_description: ConsumerDescription,
}

/// A consumer and its stream.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct ConsumerDescription {
    /// Unique on its stream.
    pub consumer_name: String,
    /// Its ARN, which ends in its creation second.
    #[serde(rename = "ConsumerARN")]
    pub consumer_arn: String,
    /// Where it is in its life.
    pub consumer_status: ConsumerStatus,
    /// When it was registered; whole seconds.
    pub consumer_creation_timestamp: Timestamp,
    /// Its stream.
    #[serde(rename = "StreamARN")]
    pub stream_arn: String,
}
