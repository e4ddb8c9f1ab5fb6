//! A fan-out consumer in an answer.

use millstream_types::ConsumerStatus;
use serde::Serialize;

use crate::encoding::Timestamp;

/// A consumer in a list and after its registration.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct Consumer {
    /// Unique on its stream.
    pub consumer_name: String,
    /// Its ARN, which ends in its creation second.
    #[serde(rename = "ConsumerARN")]
    pub consumer_arn: String,
    /// Where it is in its life.
    pub consumer_status: ConsumerStatus,
    /// When it was registered; whole seconds.
    pub consumer_creation_timestamp: Timestamp,
}
