//! Hash keys: the 128-bit space over which a stream's shards are spread.

mod md5_lanes;

use std::fmt;
use std::str::FromStr;

use md5::{Digest, Md5};
use md5_lanes::{LANES, MESSAGE_BYTES_MAX, digests};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A point in the hash key space, 0 to 2^128 − 1. On the wire it is a decimal string.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct HashKey(pub u128);

impl HashKey {
    /// The smallest hash key.
    pub const MIN: Self = Self(0);
    /// The largest hash key.
    pub const MAX: Self = Self(u128::MAX);

    /// The MD5 of the partition key's UTF-8 bytes, read as a big-endian number.
    pub fn of_partition_key(partition_key: &str) -> Self {
        Self(u128::from_be_bytes(
            Md5::digest(partition_key.as_bytes()).into(),
        ))
    }

    /// [`of_partition_key`](Self::of_partition_key) of each, in their order. Many take a third of the time.
    pub fn of_partition_keys(partition_keys: &[&str]) -> Vec<Self> {
        let mut hash_keys = vec![Self::MIN; partition_keys.len()];
        // Numbers of short keys until there are enough for a round.
        let (mut round, mut count) = ([0; LANES], 0);
        for (number, key) in partition_keys.iter().enumerate() {
            if key.len() > MESSAGE_BYTES_MAX {
                hash_keys[number] = Self::of_partition_key(key);
                continue;
            }
            round[count] = number;
            count += 1;
            if count == LANES {
                let digests = digests(round.map(|number| partition_keys[number].as_bytes()));
                for (number, digest) in round.into_iter().zip(digests) {
                    hash_keys[number] = Self(u128::from_be_bytes(digest));
                }
                count = 0;
            }
        }
        for number in &round[..count] {
            hash_keys[*number] = Self::of_partition_key(partition_keys[*number]);
        }
        hash_keys
    }
}

impl fmt::Display for HashKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Debug for HashKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// The text is not a decimal number from 0 to 2^128 − 1 without leading zeros.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a hash key is a decimal number from 0 to 2^128-1 without leading zeros")]
pub struct InvalidHashKey;

impl FromStr for HashKey {
    type Err = InvalidHashKey;

    fn from_str(text: &str) -> Result<Self, InvalidHashKey> {
        let canonical = text == "0" || !text.starts_with(['0', '+']);
        let number = text.parse().map_err(|_| InvalidHashKey)?;
        if canonical {
            Ok(Self(number))
        } else {
            Err(InvalidHashKey)
        }
    }
}

impl Serialize for HashKey {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for HashKey {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

/// A range of hash keys; both ends are inclusive and `start` is never above `end`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct HashKeyRange {
    /// The first hash key of the range.
    pub start: HashKey,
    /// The last hash key of the range.
    pub end: HashKey,
}

impl HashKeyRange {
    /// All hash keys.
    pub const ALL: Self = Self {
        start: HashKey::MIN,
        end: HashKey::MAX,
    };

    /// Whether `key` lies in the range.
    pub fn contains(&self, key: HashKey) -> bool {
        self.start <= key && key <= self.end
    }

    /// Whether `next` begins right after this range's end.
    pub fn is_followed_by(&self, next: &Self) -> bool {
        self.end.0.checked_add(1) == Some(next.start.0)
    }

    /// The ranges of `count` new shards, as AWS cuts them: width `floor(2^128 / count)`, the last one takes the rest.
    ///
    /// # Panics
    /// If `count` is 0.
    pub fn uniform(count: u32) -> impl Iterator<Item = Self> {
        assert!(count > 0, "a stream has at least one shard");
        let count_wide = u128::from(count);
        // 2^128 itself does not fit: floor(2^128 / n) from floor((2^128 - 1) / n).
        let (whole, rest) = (u128::MAX / count_wide, u128::MAX % count_wide);
        let width = if rest == count_wide - 1 {
            whole.wrapping_add(1)
        } else {
            whole
        };
        (0..count_wide).map(move |index| {
            let start = index.wrapping_mul(width);
            let end = if index == count_wide - 1 {
                u128::MAX
            } else {
                start + (width - 1)
            };
            Self {
                start: HashKey(start),
                end: HashKey(end),
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn partition_keys_hash_as_on_aws() {
        assert_eq!(
            HashKey::of_partition_key("sensor-7").to_string(),
            "185497173778634476434117568092435096038"
        );
        assert_eq!(
            HashKey::of_partition_key("sensor-8").to_string(),
            "103045263405929426137597224444280210429"
        );
    }

    #[test]
    fn text_is_strict() {
        assert_eq!(
            "340282366920938463463374607431768211455".parse(),
            Ok(HashKey::MAX)
        );
        for bad in [
            "",
            "01",
            "+1",
            "-1",
            "340282366920938463463374607431768211456",
            "1 ",
        ] {
            assert_eq!(bad.parse::<HashKey>(), Err(InvalidHashKey), "{bad}");
        }
    }

    /// A key of each length around the one block that fits into a lane, at every place of a round.
    #[test]
    fn keys_hash_the_same_alone_and_together() {
        let text = "ключ-🔑-abcdefghijklmnopqrstuvwxyz-0123456789-abcdefghijklmnopqrstuvwxyz";
        let ends = (0..=text.len()).filter(|end| text.is_char_boundary(*end));
        let all: Vec<&str> = ends.map(|end| &text[..end]).collect();
        assert!(all.iter().any(|key| key.len() == MESSAGE_BYTES_MAX));
        assert!(all.iter().any(|key| key.len() == MESSAGE_BYTES_MAX + 1));
        for first in 0..LANES {
            for end in first..all.len() {
                let keys = &all[first..end];
                let alone: Vec<_> = keys
                    .iter()
                    .map(|key| HashKey::of_partition_key(key))
                    .collect();
                assert_eq!(HashKey::of_partition_keys(keys), alone, "{keys:?}");
            }
        }
    }

    proptest! {
        #[test]
        fn keys_of_any_kind_hash_the_same_together(keys in prop::collection::vec(".{0,80}", 0..40)) {
            let keys: Vec<&str> = keys.iter().map(String::as_str).collect();
            let alone: Vec<_> = keys.iter().map(|key| HashKey::of_partition_key(key)).collect();
            prop_assert_eq!(HashKey::of_partition_keys(&keys), alone);
        }

        #[test]
        fn uniform_ranges_tile_the_space(count in 1u32..5000) {
            let ranges: Vec<_> = HashKeyRange::uniform(count).collect();
            prop_assert_eq!(ranges.len(), count as usize);
            prop_assert_eq!(ranges[0].start, HashKey::MIN);
            prop_assert_eq!(ranges[ranges.len() - 1].end, HashKey::MAX);
            prop_assert!(ranges.windows(2).all(|pair| pair[0].is_followed_by(&pair[1])));
        }
    }
}
