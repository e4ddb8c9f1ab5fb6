//! Changes of a stream of which there may be only so many within 24 hours.

use serde::{Deserialize, Serialize};

/// A kind of change that is counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CountedChange {
    /// StartStreamEncryption.
    StartEncryption,
    /// StopStreamEncryption.
    StopEncryption,
    /// A switch between the capacity modes.
    SwitchMode,
    /// UpdateShardCount; counted only while it is limited.
    UpdateShardCount,
}
