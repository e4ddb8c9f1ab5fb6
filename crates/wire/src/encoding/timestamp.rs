//! Moments: seconds with a fraction in JSON, tagged milliseconds in CBOR.

use millstream_types::TimestampMs;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A moment on the wire.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Timestamp(pub TimestampMs);

impl Serialize for Timestamp {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        // A double holds milliseconds exactly for some 285,000 years.
        serializer.serialize_f64(self.0.0 as f64 / 1000.0)
    }
}

impl<'de> Deserialize<'de> for Timestamp {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let seconds = f64::deserialize(deserializer)?;
        // A cast from float saturates: before 1970 is 0.
        Ok(Self(TimestampMs((seconds * 1000.0).round() as u64)))
    }
}
