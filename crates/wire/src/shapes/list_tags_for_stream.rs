//! ListTagsForStream.

use millstream_types::StreamName;
use serde::{Deserialize, Serialize};

use super::Tag;

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
