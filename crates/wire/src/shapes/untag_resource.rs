//! UntagResource.

use serde::Deserialize;

/// Input of UntagResource; the answer has no body.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct UntagResourceRequest {
    /// The stream or consumer.
    #[serde(rename = "ResourceARN")]
    pub resource_arn: String,
    /// Keys, 1 to 50; unknown ones are no error.
    pub tag_keys: Vec<String>,
}
