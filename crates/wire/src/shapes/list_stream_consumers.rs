//! ListStreamConsumers.

use serde::{Deserialize, Serialize};

use super::Consumer;
use crate::encoding::Timestamp;

/// Input of ListStreamConsumers.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct ListStreamConsumersRequest {
    /// The stream.
    #[serde(rename = "StreamARN")]
    pub stream_arn: String,
    /// Where the page before ended.
    pub next_token: Option<String>,
    /// Most consumers, 1 to 10,000; never more than 100 are listed.
    pub max_results: Option<u32>,
    /// Tells streams that had the same name apart.
    pub stream_creation_timestamp: Option<Timestamp>,
}

/// Answer of ListStreamConsumers.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct ListStreamConsumersResponse {
    /// A page of them.
    pub consumers: Vec<Consumer>,
    /// Only if the page is not the last.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next_token: Option<String>,
}
