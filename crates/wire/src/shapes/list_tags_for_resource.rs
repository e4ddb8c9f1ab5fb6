//! ListTagsForResource.

use serde::{Deserialize, Serialize};

use super::Tag;

/// Input of ListTagsForResource.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct ListTagsForResourceRequest {
    /// The stream or consumer.
    #[serde(rename = "ResourceARN")]
    pub resource_arn: String,
}

/// Answer of ListTagsForResource.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct ListTagsForResourceResponse {
    /// All tags by key, in order of code points.
    pub tags: Vec<Tag>,
}
