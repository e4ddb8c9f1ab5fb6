//! TagResource.

use std::collections::BTreeMap;

use serde::Deserialize;

/// Input of TagResource; the answer has no body.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct TagResourceRequest {
    /// The stream or consumer.
    #[serde(rename = "ResourceARN")]
    pub resource_arn: String,
    /// Keys and values, 1 to 200.
    pub tags: BTreeMap<String, String>,
}
