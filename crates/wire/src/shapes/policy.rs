//! Policies of streams and consumers.

use serde::{Deserialize, Serialize};

/// Input of PutResourcePolicy; the answer has no body.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct PutResourcePolicyRequest {
    /// The stream or consumer.
    #[serde(rename = "ResourceARN")]
    pub resource_arn: String,
    /// JSON text.
    pub policy: String,
}

/// Input of GetResourcePolicy.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct GetResourcePolicyRequest {
    /// The stream or consumer.
    #[serde(rename = "ResourceARN")]
    pub resource_arn: String,
}

/// Answer of GetResourcePolicy.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct GetResourcePolicyResponse {
    /// JSON text; `{}` without a policy.
    pub policy: String,
}

/// Input of DeleteResourcePolicy; the answer has no body.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct DeleteResourcePolicyRequest {
    /// The stream or consumer.
    #[serde(rename = "ResourceARN")]
    pub resource_arn: String,
}
