//! RemoveTagsFromStream.

use millstream_types::StreamName;
use serde::Deserialize;

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
