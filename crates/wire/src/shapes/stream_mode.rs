//! Capacity modes.

use millstream_types::StreamMode;
use serde::{Deserialize, Serialize};

/// The wrapper that the API puts around a mode.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct StreamModeDetails {
    /// The mode.
    pub stream_mode: StreamMode,
}
