//! Shard ids: `shardId-000000000007`.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// A shard of a stream by its index: 0 to 2^31 − 1, never reused within a stream's life.
///
/// Displayed as AWS writes it, with twelve digits: `shardId-000000000007`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ShardId(u32);

impl ShardId {
    /// The shard with index 0.
    pub const FIRST: Self = Self(0);

    /// The shard with this index, or `None` above 2^31 − 1.
    pub fn new(index: u32) -> Option<Self> {
        (index <= i32::MAX.unsigned_abs()).then_some(Self(index))
    }

    /// The shard's index in its stream.
    pub fn index(self) -> u32 {
        self.0
    }
}

impl fmt::Display for ShardId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "shardId-{:012}", self.0)
    }
}

impl fmt::Debug for ShardId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// The text cannot name a shard.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a shard id ends in a decimal number from 0 to 2147483647")]
pub struct InvalidShardId;

impl FromStr for ShardId {
    type Err = InvalidShardId;

    /// Lenient, as AWS is: what follows the first `-` (or the whole text) must be decimal, 0 to 2147483647.
    /// So `0`, `shardId-0` and `shardId-000000000000` are the same shard.
    fn from_str(text: &str) -> Result<Self, InvalidShardId> {
        let digits = text.split_once('-').map_or(text, |(_, rest)| rest);
        if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(InvalidShardId);
        }
        digits
            .parse()
            .ok()
            .and_then(Self::new)
            .ok_or(InvalidShardId)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_lenient_as_on_aws() {
        let seven = ShardId::new(7).unwrap();
        for text in [
            "7",
            "shardId-7",
            "shardId-000000000007",
            "foo-007",
            "00000000000000000007",
        ] {
            assert_eq!(text.parse(), Ok(seven), "{text}");
        }
        for bad in [
            "",
            "shardId-",
            "shardId--1",
            "shardId-2147483648",
            "x",
            "shardId-1a",
        ] {
            assert_eq!(bad.parse::<ShardId>(), Err(InvalidShardId), "{bad}");
        }
        assert_eq!(seven.to_string(), "shardId-000000000007");
    }
}
