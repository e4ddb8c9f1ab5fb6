//! UpdateStreamRecordDistributionStrategy.

use millstream_types::RecordDistributionStrategy;
use serde::Deserialize;

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
