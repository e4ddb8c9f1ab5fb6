//! Capacity modes.

use serde::{Deserialize, Serialize};

/// How a stream's number of shards is decided.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum StreamMode {
    /// By its owner.
    Provisioned,
    /// By its traffic.
    OnDemand,
}

/// The wrapper that the API puts around a mode.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct StreamModeDetails {
    /// The mode.
    pub stream_mode: StreamMode,
}
