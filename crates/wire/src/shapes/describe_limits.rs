//! DescribeLimits.

use serde::{Deserialize, Serialize};

/// Input of DescribeLimits.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct DescribeLimitsRequest {}

/// Answer of DescribeLimits.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct DescribeLimitsResponse {
    /// Most shards of the account's provisioned streams.
    pub shard_limit: u32,
    /// How many of those are open.
    pub open_shard_count: u32,
    /// How many streams scale by their traffic.
    pub on_demand_stream_count: u32,
    /// Most of those.
    pub on_demand_stream_count_limit: u32,
}
