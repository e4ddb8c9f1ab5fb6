//! DescribeAccountSettings and UpdateAccountSettings.

use millstream_types::CommitmentStatus;
use serde::{Deserialize, Serialize};

use crate::encoding::Timestamp;

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
