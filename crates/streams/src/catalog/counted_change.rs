//! Changes of a stream of which there may be only so many within 24 hours.

use millstream_types::TimestampMs;
use serde::{Deserialize, Serialize};

use super::{Rejected, Stream};

const DAY_MS: u64 = 24 * 60 * 60 * 1000;

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
}

impl Stream {
    /// Counts a change at `now`, and forgets those that are older than 24 hours.
    ///
    /// # Errors
    /// [`Rejected::TooOften`] if there were `max` within 24 hours already.
    pub(super) fn count_change(
        &mut self,
        kind: CountedChange,
        now: TimestampMs,
        max: Option<u32>,
    ) -> Result<(), Rejected> {
        let times = self.counted_changes.entry(kind).or_default();
        times.retain(|time| now.ms_since(*time) < DAY_MS);
        if max.is_some_and(|max| times.len() >= max as usize) {
            return Err(Rejected::TooOften);
        }
        times.push(now);
        Ok(())
    }
}
