//! What holds for an account in a region: limits, and the commitment to on-demand streams.

use millstream_types::CommitmentStatus;
use serde::{Deserialize, Serialize};

use crate::encoding::Timestamp;

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

/// Input of DescribeAccountSettings.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct DescribeAccountSettingsRequest {}

/// Input of UpdateAccountSettings.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct UpdateAccountSettingsRequest {
    /// What to change.
    pub minimum_throughput_billing_commitment: CommitmentChange,
}

/// A change of the commitment.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct CommitmentChange {
    /// On or off; ENABLED_UNTIL_EARLIEST_ALLOWED_END is never asked for.
    pub status: CommitmentStatus,
}

/// Answer of both.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct AccountSettingsResponse {
    /// After the change.
    pub minimum_throughput_billing_commitment: Commitment,
}

/// The commitment of an account.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct Commitment {
    /// On or off.
    pub status: CommitmentStatus,
    /// When it was switched on last.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub started_at: Option<Timestamp>,
    /// When it was switched off.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ended_at: Option<Timestamp>,
    /// Before this it cannot end.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub earliest_allowed_end_at: Option<Timestamp>,
}
