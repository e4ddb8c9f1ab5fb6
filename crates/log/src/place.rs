//! How logs are named.

use std::fmt;

/// A group of logs that is deleted as one; the service uses one per stream. Never reused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct GroupId(pub u64);

impl GroupId {
    /// The group of the command log. Engines keep room in reserve for it, so that what frees room can be written
    /// when there is none for records.
    pub const COMMANDS: Self = Self(0);

    /// The group of the logs of metrics; no stream's, whatever its number.
    pub const METRICS: Self = Self(u64::MAX);
}

/// A log, as its creator numbers it. Never reused, not even after a delete.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LogId(pub u64);

/// Where an engine keeps a log: made by [`LogEngine::create`](crate::LogEngine::create), kept by the caller,
/// understood by the engine alone. Valid across restarts.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Place([u8; Place::BYTES]);

impl Place {
    /// Length of a place.
    pub const BYTES: usize = 24;

    /// For engines, and for callers that stored [`to_bytes`](Self::to_bytes).
    pub fn from_bytes(bytes: [u8; Self::BYTES]) -> Self {
        Self(bytes)
    }

    /// The bytes to store.
    pub fn to_bytes(self) -> [u8; Self::BYTES] {
        self.0
    }
}

impl fmt::Debug for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Place(")?;
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))?;
        f.write_str(")")
    }
}
