//! DeregisterStreamConsumer.

use serde::Deserialize;

/// Input of DeregisterStreamConsumer; the answer has no body.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct DeregisterStreamConsumerRequest {
    /// The stream by ARN.
    #[serde(rename = "StreamARN")]
    pub stream_arn: Option<String>,
    /// The consumer by name, together with the stream.
    pub consumer_name: Option<String>,
    /// The consumer by ARN.
    #[serde(rename = "ConsumerARN")]
    pub consumer_arn: Option<String>,
}
