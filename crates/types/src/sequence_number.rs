//! Sequence numbers in the layout that AWS itself uses.

use std::cmp::Ordering;
use std::fmt;
use std::str::FromStr;

/// Version field of today's layout.
const VERSION: u128 = 2;
/// Seconds fields are 36 bits wide.
pub(crate) const SECONDS_END: u64 = 1 << 36;
/// AWS refuses creation times from this second on.
pub(crate) const CREATED_SECS_END: u64 = 16_025_175_000;

/// The place of a record in its shard, as clients see it: a decimal number of 56 digits.
///
/// The layout (least significant bit first) is AWS's version 2: version (4 bits), shard index (32), second of the
/// write (36), zero (8), index (64, top bit 0), low nibble of the shard index (4), second of the shard's creation
/// (36), the digit 2. Numbers compare as integers, hence first by the shard's creation, then by
/// [`seq_ix`](Self::seq_ix), whatever the clock did.
///
/// Verified against numbers that AWS issued in 2018, 2019, 2025 and 2026.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct SequenceNumber {
    created_s: u64,
    seq_ix: u64,
    shard_index: u32,
    written_s: u64,
}

impl SequenceNumber {
    /// Largest index: a closed shard's ending number carries it.
    pub const SEQ_IX_MAX: u64 = (1 << 63) - 1;

    /// The number with these parts.
    ///
    /// * `created_s`: second of the shard's creation, below 16,025,175,000.
    /// * `seq_ix`: index in the shard, at most [`SEQ_IX_MAX`](Self::SEQ_IX_MAX).
    /// * `written_s`: second of the write, below 2^36.
    ///
    /// # Panics
    /// If a part is out of its bounds; callers hold parts that the service itself made.
    pub fn new(created_s: u64, shard_index: u32, seq_ix: u64, written_s: u64) -> Self {
        assert!(
            created_s < CREATED_SECS_END && written_s < SECONDS_END,
            "seconds fit the layout"
        );
        assert!(seq_ix <= Self::SEQ_IX_MAX, "the index fits the layout");
        Self {
            created_s,
            seq_ix,
            shard_index,
            written_s,
        }
    }

    /// Second of the shard's creation.
    pub fn created_s(self) -> u64 {
        self.created_s
    }

    /// Index in the shard; strictly increasing from record to record.
    pub fn seq_ix(self) -> u64 {
        self.seq_ix
    }

    /// Index of the shard.
    pub fn shard_index(self) -> u32 {
        self.shard_index
    }

    /// Second of the write.
    pub fn written_s(self) -> u64 {
        self.written_s
    }

    /// Bits 128 to 187 and bits 0 to 127 of the number.
    fn halves(self) -> (u64, u128) {
        let nibble = u64::from(self.shard_index & 0xf);
        let high = (2 << 56) | (self.created_s << 20) | (nibble << 16) | (self.seq_ix >> 48);
        let index_low = u128::from(self.seq_ix & 0xffff_ffff_ffff);
        let low = (index_low << 80)
            | (u128::from(self.written_s) << 36)
            | (u128::from(self.shard_index) << 4)
            | VERSION;
        (high, low)
    }

    fn from_halves(high: u64, low: u128) -> Result<Self, InvalidSequenceNumber> {
        let seconds = |bits: u128| u64::try_from(bits & u128::from(SECONDS_END - 1)).unwrap_or(0);
        let shard_index = u32::try_from((low >> 4) & 0xffff_ffff).unwrap_or(0);
        let seq_ix = ((high & 0xffff) << 48) | u64::try_from(low >> 80).unwrap_or(0);
        let created_s = (high >> 20) & (SECONDS_END - 1);
        let well_formed = high >> 56 == 2
            && low & 0xf == VERSION
            && seq_ix <= Self::SEQ_IX_MAX
            && created_s < CREATED_SECS_END
            && (low >> 72) & 0xff == 0
            && (high >> 16) & 0xf == u64::from(shard_index & 0xf);
        if !well_formed {
            return Err(InvalidSequenceNumber);
        }
        Ok(Self {
            created_s,
            seq_ix,
            shard_index,
            written_s: seconds(low >> 36),
        })
    }

    /// Writes the decimal digits to the end of `out`; always 56 of them.
    pub fn write_digits(self, out: &mut Vec<u8>) {
        const CHUNK: u128 = 10_000_000_000_000_000_000; // 10^19, the most a u64 holds
        let (high, low) = self.halves();
        let mut limbs = [high, (low >> 64) as u64, low as u64];
        let mut digits = [0u8; 57]; // three chunks of 19
        for chunk_end in [57, 38, 19] {
            let mut rest = 0u128;
            for limb in &mut limbs {
                let value = (rest << 64) | u128::from(*limb);
                *limb = (value / CHUNK) as u64;
                rest = value % CHUNK;
            }
            let mut rest = rest as u64;
            for digit in digits[chunk_end - 19..chunk_end].iter_mut().rev() {
                *digit = b'0' + (rest % 10) as u8;
                rest /= 10;
            }
        }
        out.extend_from_slice(&digits[1..]);
    }
}

impl PartialOrd for SequenceNumber {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for SequenceNumber {
    fn cmp(&self, other: &Self) -> Ordering {
        self.halves().cmp(&other.halves())
    }
}

impl fmt::Display for SequenceNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut digits = Vec::with_capacity(56);
        self.write_digits(&mut digits);
        f.write_str(std::str::from_utf8(&digits).map_err(|_| fmt::Error)?)
    }
}

/// The text is not a sequence number of the version 2 layout.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a sequence number of this service")]
pub struct InvalidSequenceNumber;

impl FromStr for SequenceNumber {
    type Err = InvalidSequenceNumber;

    fn from_str(text: &str) -> Result<Self, InvalidSequenceNumber> {
        if text.len() != 56 {
            return Err(InvalidSequenceNumber);
        }
        let [low, middle, high] = limbs(text)?;
        Self::from_halves(high, (u128::from(middle) << 64) | u128::from(low))
    }
}

/// A decimal number below 2^192 in three limbs, the least significant first.
pub(crate) fn limbs(text: &str) -> Result<[u64; 3], InvalidSequenceNumber> {
    if text.is_empty() || !text.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(InvalidSequenceNumber);
    }
    let mut limbs = [0u64; 3];
    for byte in text.bytes() {
        let mut carry = u128::from(byte - b'0');
        for limb in &mut limbs {
            let value = u128::from(*limb) * 10 + carry;
            *limb = value as u64;
            carry = value >> 64;
        }
        if carry != 0 {
            return Err(InvalidSequenceNumber);
        }
    }
    Ok(limbs)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Numbers that AWS itself issued, with the parts that they hold.
    #[test]
    fn reads_and_writes_what_aws_issues() {
        let first = "49594189147623985939251953501666965394405037144469929986";
        let number: SequenceNumber = first.parse().unwrap();
        assert_eq!(
            (number.created_s(), number.seq_ix(), number.shard_index()),
            (1_553_568_712, 195, 0)
        );
        assert_eq!(number.to_string(), first);

        let second = "49674026002850188218576229259473476449429298564223254594";
        let number: SequenceNumber = second.parse().unwrap();
        assert_eq!(
            (number.seq_ix(), number.shard_index()),
            (21_689_507_110, 3076)
        );
        assert_eq!(number.written_s() - number.created_s(), 781);
        assert_eq!(number.to_string(), second);

        let third = "49670023483232461788730612813735157811693693431491592722";
        assert_eq!(third.parse::<SequenceNumber>().unwrap().shard_index(), 33);
    }

    #[test]
    fn refuses_other_text() {
        for bad in [
            "",
            "0",
            "49",
            &"9".repeat(56),
            &"4".repeat(57),
            "4959418914762398593925195350166696539440503714446992998x",
        ] {
            assert_eq!(
                bad.parse::<SequenceNumber>(),
                Err(InvalidSequenceNumber),
                "{bad}"
            );
        }
    }

    prop_compose! {
        fn any_number()(created in 0..CREATED_SECS_END, shard in 0..=i32::MAX.unsigned_abs(),
                        ix in 0..=SequenceNumber::SEQ_IX_MAX, written in 0..SECONDS_END) -> SequenceNumber {
            SequenceNumber::new(created, shard, ix, written)
        }
    }

    proptest! {
        #[test]
        fn round_trips(number in any_number()) {
            prop_assert_eq!(number.to_string().parse(), Ok(number));
        }

        #[test]
        fn orders_by_index_within_a_shard(number in any_number(), ix in 0..=SequenceNumber::SEQ_IX_MAX, later in 0..SECONDS_END) {
            let other = SequenceNumber::new(number.created_s(), number.shard_index(), ix, later);
            if ix != number.seq_ix() {
                prop_assert_eq!(number.cmp(&other), number.seq_ix().cmp(&ix));
                prop_assert_eq!(number.to_string().cmp(&other.to_string()), number.seq_ix().cmp(&ix));
            }
        }

        #[test]
        fn digits_that_are_read_are_written_back(text in "4[0-9]{54,56}") {
            if let Ok(number) = text.parse::<SequenceNumber>() {
                prop_assert_eq!(number.to_string(), text);
            }
        }
    }
}
