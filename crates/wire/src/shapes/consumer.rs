//! A fan-out consumer in an answer.

use serde::{Deserialize, Serialize};

use crate::encoding::Timestamp;

/// Where a consumer is in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum ConsumerStatus {
    /// Not yet usable.
    Creating,
    /// On its way out.
    Deleting,
    /// Usable.
    Active,
}

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
