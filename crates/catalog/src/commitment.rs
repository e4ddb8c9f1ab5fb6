//! An account's commitment to a least throughput, which unlocks warm throughput.

use millstream_types::{CommitmentStatus, TimestampMs};
use serde::{Deserialize, Serialize};

/// The commitment of an account in a region: the present one, or the last that there was.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Commitment {
    /// When it began.
    pub started_ms: TimestampMs,
    /// Before this it cannot end.
    pub earliest_end_ms: TimestampMs,
    /// When it ends or ended; `None` while nobody asked for that.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub end_ms: Option<TimestampMs>,
}

impl Commitment {
    /// How it stands at `now`.
    pub fn status(&self, now: TimestampMs) -> CommitmentStatus {
        match self.end_ms {
            None => CommitmentStatus::Enabled,
            Some(end) if now < end => CommitmentStatus::EnabledUntilEarliestAllowedEnd,
            Some(_) => CommitmentStatus::Disabled,
        }
    }
}
