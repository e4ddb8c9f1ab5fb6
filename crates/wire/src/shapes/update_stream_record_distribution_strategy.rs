//! UpdateStreamRecordDistributionStrategy.

use serde::{Deserialize, Serialize};

/// Input of UpdateStreamRecordDistributionStrategy; the answer has no body.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct UpdateStreamRecordDistributionStrategyRequest {
    /// The stream.
    #[serde(rename = "StreamARN")]
    pub stream_arn: String,
    /// The new strategy.
    pub record_distribution_strategy: RecordDistributionStrategy,
}

/// What decides to which shard a record goes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum RecordDistributionStrategy {
    /// The service.
    Auto,
    /// The record's partition key.
    #[default]
    UserPartitionKey,
}
