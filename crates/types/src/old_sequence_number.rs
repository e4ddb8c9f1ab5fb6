//! Sequence numbers in the two layouts that AWS used before today's.

use std::str::FromStr;

use crate::sequence_number::{CREATED_SECS_END, InvalidSequenceNumber, SECONDS_END, limbs};

/// A well-formed number of version 0 or 1. No stream of ours ever gave one; they are told apart from nonsense because
/// AWS does, with errors of their own.
///
/// Version 0 (least significant bit first): shard index (16 bits), random (64), one byte, second of the shard's creation
/// (36), the digit 1; a number below 2^124 is read as if it had that digit. Version 1: version (4), shard index (32),
/// index (8), random (56), second of the write (36), one byte, low nibble of the shard index (4), second of the shard's
/// creation (36), the digit 2.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OldSequenceNumber {
    /// 0 or 1.
    pub version: u8,
    /// Index of the shard.
    pub shard_index: u32,
    /// Latest second in the number: of the write, or, where that is not in it, of the shard's creation.
    pub written_s: u64,
}

impl FromStr for OldSequenceNumber {
    type Err = InvalidSequenceNumber;

    fn from_str(text: &str) -> Result<Self, InvalidSequenceNumber> {
        let [low, middle, high] = limbs(text)?;
        let low = (u128::from(middle) << 64) | u128::from(low);
        let seconds = |bits: u128| u64::try_from(bits & u128::from(SECONDS_END - 1)).unwrap_or(0);
        let found = if high == 0 && low >> 125 == 0 {
            Self {
                version: 0,
                shard_index: u32::try_from(low & 0xffff).unwrap_or(0),
                written_s: seconds(low >> 88),
            }
        } else if high >> 56 == 2 && low & 0xf == 1 {
            Self {
                version: 1,
                shard_index: u32::try_from((low >> 4) & 0xffff_ffff).unwrap_or(0),
                written_s: seconds(low >> 100 | u128::from(high) << 28)
                    .max((high >> 20) & (SECONDS_END - 1)),
            }
        } else {
            return Err(InvalidSequenceNumber);
        };
        // Only version 0 is held to the bound; of version 1 AWS says nothing.
        let is_too_late = found.version == 0 && found.written_s >= CREATED_SECS_END;
        if is_too_late {
            Err(InvalidSequenceNumber)
        } else {
            Ok(found)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn number(hex: &str) -> String {
        let value = u128::from_str_radix(hex, 16).unwrap();
        value.to_string()
    }

    #[test]
    fn small_numbers_are_of_version_0() {
        for (text, shard_index) in [("0", 0), ("5", 5), ("65536", 0), ("65543", 7)] {
            let old: OldSequenceNumber = text.parse().unwrap();
            assert_eq!(
                (old.version, old.shard_index, old.written_s),
                (0, shard_index, 0)
            );
        }
        let full: OldSequenceNumber = number("10553f21500000000000000000000003").parse().unwrap();
        assert_eq!(
            (full.version, full.shard_index, full.written_s),
            (0, 3, 0x0_553f_2150)
        );
    }

    #[test]
    fn version_1_has_a_second_of_the_write() {
        let text = "49550169954348684330108789320729787687894417480460795937";
        let old: OldSequenceNumber = text.parse().unwrap();
        assert_eq!(
            (old.version, old.shard_index, old.written_s),
            (1, 2, 0x0_553f_2199)
        );
        let zero = "49039857307708443467467104868809893875799651909875269633";
        let old: OldSequenceNumber = zero.parse().unwrap();
        assert_eq!((old.version, old.shard_index, old.written_s), (1, 0, 0));
    }

    #[test]
    fn other_text_is_refused() {
        let too_late = number("13bb2cc3d80000000000000000000000");
        for bad in ["", "-1", "1x", &too_late, &"9".repeat(56), &"9".repeat(129)] {
            assert_eq!(
                bad.parse::<OldSequenceNumber>(),
                Err(InvalidSequenceNumber),
                "{bad}"
            );
        }
    }
}
