//! AddTagsToStream.

use std::collections::BTreeMap;

use millstream_types::StreamName;
use serde::Deserialize;

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
