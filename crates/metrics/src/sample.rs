//! What is put.

use millstream_types::TimestampMs;

use crate::{Aggregate, Series};

/// A minute: whole minutes since the Unix epoch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Minute(pub u32);

impl Minute {
    /// The minute that a moment lies in; the last one there is for moments beyond it.
    pub fn of(time: TimestampMs) -> Self {
        Self(u32::try_from(time.0 / 60_000).unwrap_or(u32::MAX))
    }

    /// Seconds since the epoch at which it begins.
    pub fn as_secs(self) -> u64 {
        u64::from(self.0) * 60
    }

    /// The minute so many minutes before, or the first of all.
    pub(crate) fn minus(self, minutes: u32) -> Self {
        Self(self.0.saturating_sub(minutes))
    }

    /// The first of the five minutes that it is one of.
    pub(crate) fn five(self) -> Self {
        Self(self.0 - self.0 % 5)
    }
}

/// Samples of one series in one minute.
#[derive(Debug, Clone, PartialEq)]
pub struct Sample {
    /// Of what.
    pub series: Series,
    /// When.
    pub minute: Minute,
    /// Which.
    pub aggregate: Aggregate,
}
