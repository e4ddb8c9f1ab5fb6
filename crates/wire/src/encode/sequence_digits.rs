//! The digits of many sequence numbers, most of which follow each other.

use millstream_types::SequenceNumber;

/// Sequence numbers have this many digits.
pub(super) const DIGITS: usize = 56;

/// Numbers are added in words of eight digits, one in each byte.
const WORD_DIGITS: usize = 8;
const EVERY: u64 = 0x0101_0101_0101_0101;
/// Steps are below 10^32.
const STEP_WORDS: usize = 4;
/// A number grows by this if its index does by one, in two groups of fourteen digits, the least significant first: 2^80.
const PER_INDEX: [u64; 2] = [14_629_174_706_176, 12_089_258_196];
const GROUP: u64 = 100_000_000_000_000;
/// A number grows by this if its second of writing does by one.
const PER_SECOND: u64 = 1 << 36;
/// Steps up to these make no sum of [`Step::new`] overflow.
const INDEX_STEP_MAX: u64 = 1 << 19;
const SECONDS_STEP_MAX: u64 = 1 << 20;

const SLOTS: usize = 16;

/// Writes sequence numbers as decimal text. Dividing a number of 188 bits is slow; but a number that is a little above
/// another one of the same shard is that number plus some multiples of powers of two, added as text.
#[derive(Debug)]
pub(super) struct SequenceDigits {
    /// The last number of a shard, by the low bits of the shard's index.
    known: [Option<Known>; SLOTS],
    /// The last step from one number to another: the next one is mostly the same.
    step: Step,
}

#[derive(Debug, Clone, Copy)]
struct Known {
    number: SequenceNumber,
    digits: [u8; DIGITS],
}

/// What a number grows by.
#[derive(Debug, Clone, Copy)]
struct Step {
    indexes: u64,
    seconds: u64,
    /// The digits of both together, without what makes them text; the least significant word first.
    words: [u64; STEP_WORDS],
}

impl SequenceDigits {
    pub(super) fn new() -> Self {
        Self {
            known: [None; SLOTS],
            step: Step::new(1, 0),
        }
    }

    /// The decimal digits of `number`.
    pub(super) fn of(&mut self, number: SequenceNumber) -> &[u8; DIGITS] {
        let slot = &mut self.known[number.shard_index() as usize % SLOTS];
        let is_near = slot
            .as_mut()
            .is_some_and(|known| known.advance(number, &mut self.step));
        if !is_near {
            let digits = digits_of(number);
            *slot = Some(Known { number, digits });
        }
        &slot.as_ref().expect("it was just filled").digits
    }
}

/// The decimal digits of a number that stands alone.
pub(super) fn digits_of(number: SequenceNumber) -> [u8; DIGITS] {
    let mut text = Vec::with_capacity(DIGITS);
    number.write_digits(&mut text);
    text.try_into().expect("every number has as many digits")
}

impl Step {
    fn new(indexes: u64, seconds: u64) -> Self {
        let low = indexes * PER_INDEX[0] + seconds * PER_SECOND;
        let (low, high) = (low % GROUP, indexes * PER_INDEX[1] + low / GROUP);
        let middle = low / 100_000_000 + high % 100 * 1_000_000;
        let (third, fourth) = (high / 100 % 100_000_000, high / 10_000_000_000);
        let word = |number| u64::from_be_bytes(eight_digits(number)) & (0x0f * EVERY);
        Self {
            indexes,
            seconds,
            words: [low % 100_000_000, middle, third, fourth].map(word),
        }
    }
}

impl Known {
    /// Goes on to `number`, if it is a little above; else nothing changes.
    fn advance(&mut self, number: SequenceNumber, step: &mut Step) -> bool {
        let from = self.number;
        let indexes = number.seq_ix().checked_sub(from.seq_ix());
        let seconds = number.written_s().checked_sub(from.written_s());
        let (Some(indexes), Some(seconds)) = (indexes, seconds) else {
            return false;
        };
        let is_near = from.created_s() == number.created_s()
            && from.shard_index() == number.shard_index()
            && indexes <= INDEX_STEP_MAX
            && seconds <= SECONDS_STEP_MAX;
        if !is_near {
            return false;
        }
        if (step.indexes, step.seconds) != (indexes, seconds) {
            *step = Step::new(indexes, seconds);
        }
        self.add(&step.words);
        self.number = number;
        true
    }

    /// Most steps change the lower half only.
    fn add(&mut self, words: &[u64; STEP_WORDS]) {
        let mut carry = false;
        let (digits, _) = self.digits.as_chunks_mut::<WORD_DIGITS>();
        for (place, digits) in digits.iter_mut().rev().enumerate() {
            let added = match words.get(place) {
                Some(added) => *added,
                None if carry => 0,
                None => break,
            };
            (*digits, carry) = sum(*digits, added + u64::from(carry));
        }
    }
}

/// Eight digits as text and as many as numbers, added; whether a one is carried to the next word. Each byte of text becomes
/// 246 more than its digit, so that sums of ten and more leave it, as they should, and the others are told apart.
fn sum(digits: [u8; WORD_DIGITS], added: u64) -> ([u8; WORD_DIGITS], bool) {
    let raised = u64::from_be_bytes(digits) + (246 - u64::from(b'0')) * EVERY;
    let (sum, is_carried) = raised.overflowing_add(added);
    let stayed = (sum >> 4) & EVERY;
    let digits = (sum & (0x0f * EVERY)) - 6 * stayed;
    let text = digits | (u64::from(b'0') * EVERY);
    (text.to_be_bytes(), is_carried)
}

/// The decimal digits of a number below 10^8: halves, quarters and eighths of it side by side in one word.
pub(super) fn eight_digits(number: u64) -> [u8; 8] {
    let halves = (number / 10_000) | ((number % 10_000) << 32);
    // Multiplying by 10486 and shifting by 20 divides by 100, below 10,000.
    let hundreds = ((halves * 10_486) >> 20) & 0x7f_0000_007f;
    let quarters = hundreds | ((halves - hundreds * 100) << 16);
    // Multiplying by 103 and shifting by 10 divides by 10, below 100.
    let tens = ((quarters * 103) >> 10) & 0x000f_000f_000f_000f;
    let digits = tens | ((quarters - tens * 10) << 8);
    (digits | 0x3030_3030_3030_3030).to_le_bytes()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::test_cases::cases;

    #[test]
    fn eight_digits_of_every_kind() {
        let numbers = (0..100_000)
            .chain((0..100_000_000).step_by(997))
            .chain(99_990_000..100_000_000);
        for number in numbers {
            assert_eq!(eight_digits(number), format!("{number:08}").as_bytes());
        }
    }

    /// Steps from one number to the next: mostly small and forwards, also large, backwards and to other shards.
    fn any_steps() -> impl Strategy<Value = Vec<SequenceNumber>> {
        let number = (
            0u64..16_025_175_000,
            0u32..40,
            0..=SequenceNumber::SEQ_IX_MAX,
            0u64..1 << 36,
        );
        let index_step = prop_oneof![
            Just(1u64),
            0u64..70_000,
            Just(1 << 15),
            0..=(1u64 << 19) + 2,
            any::<u64>()
        ];
        let seconds_step = prop_oneof![Just(0u64), 0u64..3, 0..=(1u64 << 20) + 2, any::<u64>()];
        let step = (0u32..3, index_step, seconds_step, any::<bool>());
        (number, prop::collection::vec(step, 1..60)).prop_map(
            |((created, shard, mut index, mut written), steps)| {
                let step_to_number =
                    |(other_shard, index_step, seconds_step, is_other_stream): (
                        u32,
                        u64,
                        u64,
                        bool,
                    )| {
                        index = index.wrapping_add(index_step) & SequenceNumber::SEQ_IX_MAX;
                        written = (written + seconds_step % (1 << 36)) % (1 << 36);
                        let created = if is_other_stream && other_shard == 2 {
                            created / 2
                        } else {
                            created
                        };
                        SequenceNumber::new(created, shard + 16 * (other_shard % 2), index, written)
                    };
                steps.into_iter().map(step_to_number).collect()
            },
        )
    }

    proptest! {
        #![proptest_config(cases("digits of neighbours", 1500))]
        #[test]
        fn digits_are_those_of_the_number(numbers in any_steps()) {
            let mut digits = SequenceDigits::new();
            for number in numbers {
                prop_assert_eq!(digits.of(number).to_vec(), number.to_string().into_bytes());
            }
        }
    }
}
