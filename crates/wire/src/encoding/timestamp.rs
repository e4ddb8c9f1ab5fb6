//! Moments: seconds with a fraction in JSON, tagged milliseconds in CBOR.

use millstream_types::TimestampMs;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// By this name of a newtype the CBOR writer knows a moment.
pub(crate) const TIMESTAMP_NAME: &str = "millstream.Timestamp";

/// A moment on the wire. Moments before 1970 are read as 1970.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Timestamp(pub TimestampMs);

impl Serialize for Timestamp {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if serializer.is_human_readable() {
            // A double holds milliseconds exactly for some 285,000 years and prints them without an exponent.
            serializer.serialize_f64(self.0.0 as f64 / 1000.0)
        } else {
            serializer.serialize_newtype_struct(TIMESTAMP_NAME, &self.0.0)
        }
    }
}

impl<'de> Deserialize<'de> for Timestamp {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let ms = if deserializer.is_human_readable() {
            let seconds = f64::deserialize(deserializer)?;
            // A cast from float saturates: before 1970 is 0.
            (seconds * 1000.0).round() as u64
        } else {
            u64::try_from(i64::deserialize(deserializer)?).unwrap_or(0)
        };
        Ok(Self(TimestampMs(ms)))
    }
}
