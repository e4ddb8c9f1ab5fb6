//! DeleteStream.

use millstream_types::StreamName;
use serde::Deserialize;

/// Input of DeleteStream; the answer has no body.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct DeleteStreamRequest {
    /// The stream by name.
    pub stream_name: Option<StreamName>,
    /// The stream by ARN.
    #[serde(rename = "StreamARN")]
    pub stream_arn: Option<String>,
    /// Delete it even though consumers are registered.
    pub enforce_consumer_deletion: Option<bool>,
}
