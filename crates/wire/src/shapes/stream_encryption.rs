//! StartStreamEncryption and StopStreamEncryption.

use millstream_types::StreamName;
use serde::Deserialize;

use super::EncryptionType;

/// Input of StartStreamEncryption; the answer has no body.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct StartStreamEncryptionRequest {
    /// The stream by name.
    pub stream_name: Option<StreamName>,
    /// The stream by ARN.
    #[serde(rename = "StreamARN")]
    pub stream_arn: Option<String>,
    /// Only KMS is accepted by the service.
    pub encryption_type: EncryptionType,
    /// A key id, key ARN, alias or alias ARN, 1 to 2048 characters.
    pub key_id: String,
}

/// Input of StopStreamEncryption; the answer has no body.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct StopStreamEncryptionRequest {
    /// The stream by name.
    pub stream_name: Option<StreamName>,
    /// The stream by ARN.
    #[serde(rename = "StreamARN")]
    pub stream_arn: Option<String>,
    /// Only KMS is accepted by the service.
    pub encryption_type: EncryptionType,
    /// A key id, key ARN, alias or alias ARN, 1 to 2048 characters.
    pub key_id: String,
}
