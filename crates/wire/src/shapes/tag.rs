//! Tags of streams and consumers.

use std::collections::BTreeMap;

use millstream_types::StreamName;
use serde::{Deserialize, Serialize};

/// A tag.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct Tag {
    /// Unique on its stream or consumer.
    pub key: String,
    /// May be empty.
    pub value: String,
}

/// Input of AddTagsToStream; the answer has no body.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct AddTagsToStreamRequest {
    /// The stream by name.
    pub stream_name: Option<StreamName>,
    /// The stream by ARN.
    #[serde(rename = "StreamARN")]
    pub stream_arn: Option<String>,
    /// Keys and values, 1 to 200.
    pub tags: BTreeMap<String, String>,
}

/// Input of ListTagsForStream.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct ListTagsForStreamRequest {
    /// The stream by name.
    pub stream_name: Option<StreamName>,
    /// The stream by ARN.
    #[serde(rename = "StreamARN")]
    pub stream_arn: Option<String>,
    /// List tags with keys after this one; it need not exist.
    pub exclusive_start_tag_key: Option<String>,
    /// Most tags, 1 to 50; all when absent.
    pub limit: Option<u32>,
}

/// Answer of ListTagsForStream.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct ListTagsForStreamResponse {
    /// By key, in order of code points.
    pub tags: Vec<Tag>,
    /// Whether the page is not the last.
    pub has_more_tags: bool,
}

/// Input of RemoveTagsFromStream; the answer has no body.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct RemoveTagsFromStreamRequest {
    /// The stream by name.
    pub stream_name: Option<StreamName>,
    /// The stream by ARN.
    #[serde(rename = "StreamARN")]
    pub stream_arn: Option<String>,
    /// Keys, 1 to 50; unknown ones are no error.
    pub tag_keys: Vec<String>,
}

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
