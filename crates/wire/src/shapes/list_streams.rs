//! ListStreams.

use millstream_types::StreamName;
use serde::{Deserialize, Serialize};

use super::{StreamModeDetails, StreamStatus};
use crate::encoding::Timestamp;

/// Input of ListStreams.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct ListStreamsRequest {
    /// Most names, 1 to 10,000; never more than 100 are listed.
    pub limit: Option<u32>,
    /// List names after this one; it need not exist.
    pub exclusive_start_stream_name: Option<String>,
    /// Where the page before ended.
    pub next_token: Option<String>,
}

/// Answer of ListStreams.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct ListStreamsResponse {
    /// In order of code points.
    pub stream_names: Vec<StreamName>,
    /// Whether the page is not the last.
    pub has_more_streams: bool,
    /// Only if the page is not the last.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next_token: Option<String>,
    /// One for each name, in the same order.
    pub stream_summaries: Vec<StreamSummary>,
}

/// A stream in a list.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct StreamSummary {
    /// Its name.
    pub stream_name: StreamName,
    /// Its ARN.
    #[serde(rename = "StreamARN")]
    pub stream_arn: String,
    /// Where it is in its life.
    pub stream_status: StreamStatus,
    /// Its capacity mode.
    pub stream_mode_details: StreamModeDetails,
    /// When it was created; whole seconds.
    pub stream_creation_timestamp: Timestamp,
}
