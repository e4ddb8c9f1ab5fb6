//! RegisterStreamConsumer.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::Consumer;

/// Input of RegisterStreamConsumer.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct RegisterStreamConsumerRequest {
    /// The stream.
    #[serde(rename = "StreamARN")]
    pub stream_arn: String,
    /// The new consumer.
    pub consumer_name: String,
    /// Tags from the start.
    #[serde(default)]
    pub tags: BTreeMap<String, String>,
}

/// Answer of RegisterStreamConsumer.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct RegisterStreamConsumerResponse {
    /// The consumer, usually still being created.
    pub consumer: Consumer,
}
