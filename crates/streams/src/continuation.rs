//! Sequence numbers that stand for a position in a shard, and the way back.
//!
//! A subscription tells where it is by a number that is no record's own: between two records, behind the last one,
//! before the first one. Such a number lies above every record before the position and below every record behind it, and
//! grows with the time while the position stays.
//!
//! * Behind an entry: the number that a last record of it would have, if entries held as many records as indexes count.
//!   Its second of writing is the present one.
//! * Within an entry: the number of the record before, as if it had been written a second after the present one.
//! * At the very start of the log: index 0, as the first record, with a second of writing below the shard's creation,
//!   which no record has. It counts the seconds since the creation. A shard's starting number is the lowest of them.

use millstream_catalog::{ENVELOPE_RECORDS_MAX, Shard, ShardNumbers};
use millstream_types::{SequenceNumber, TimestampMs};

use crate::tokens::Position;

/// The number that a read after which goes on exactly at `position`. It is no record's own if `now` is not before the
/// time at which the record before the position was written.
pub(crate) fn number_before(
    numbers: ShardNumbers,
    position: Position,
    now: TimestampMs,
) -> SequenceNumber {
    let last_index = u16::try_from(ENVELOPE_RECORDS_MAX - 1).expect("15 bits fit");
    match (
        position.offset.checked_sub(1),
        position.index.checked_sub(1),
    ) {
        (_, Some(index)) => {
            let later = TimestampMs(now.0.saturating_add(1000));
            numbers.sequence_number(position.offset, index.min(last_index), later)
        }
        (Some(offset), None) => numbers.sequence_number(offset, last_index, now),
        (None, None) => {
            let created_s = numbers.created_s;
            let age_s = now.as_secs().saturating_sub(created_s);
            let written_s = age_s.min(created_s.saturating_sub(1));
            SequenceNumber::new(created_s, numbers.id.index(), 0, written_s)
        }
    }
}

/// Where a read at a number begins: with its record, or with the next one if no record has it.
pub(crate) fn position_at(number: SequenceNumber) -> Position {
    let (offset, index) = Shard::place_in_log(number);
    Position {
        offset,
        index,
        ..Position::default()
    }
}

/// Where a read after a number begins: with the record behind it.
pub(crate) fn position_after(number: SequenceNumber) -> Position {
    let position = position_at(number);
    if number.written_s() < number.created_s() {
        return position;
    }
    // Behind the last record that an entry could hold is the next entry: the one before may be damaged or gone.
    if usize::from(position.index) + 1 >= ENVELOPE_RECORDS_MAX {
        return Position {
            offset: position.offset + 1,
            index: 0,
            ..position
        };
    }
    Position {
        index: position.index + 1,
        ..position
    }
}

#[cfg(test)]
mod tests {
    use millstream_types::ShardId;
    use proptest::prelude::*;

    use super::*;

    const CREATED_S: u64 = 1_793_620_837;

    fn numbers() -> ShardNumbers {
        ShardNumbers {
            id: ShardId::new(3).unwrap(),
            created_s: CREATED_S,
        }
    }

    fn at(offset: u64, index: u16) -> Position {
        Position {
            offset,
            index,
            ..Position::default()
        }
    }

    /// Whether a read from `position` returns record `index` of the entry at `offset`.
    fn reads(position: Position, offset: u64, index: u16) -> bool {
        (offset, index) >= (position.offset, position.index)
    }

    fn seconds() -> impl Strategy<Value = u64> {
        prop_oneof![
            CREATED_S - 5..CREATED_S + 5,
            CREATED_S..CREATED_S + 40_000_000
        ]
    }

    proptest! {
        /// Entries hold at most 500 records, as a request does.
        #[test]
        fn reading_on_after_or_at_a_continuation_skips_nothing(
            offset in 0u64..5, index in 0u16..500, now_s in seconds(),
            other_offset in 0u64..5, other_index in 0u16..500, other_s in seconds(),
        ) {
            let position = at(offset, index);
            let number = number_before(numbers(), position, TimestampMs(now_s * 1000));
            let text: SequenceNumber = number.to_string().parse().unwrap();
            let after = position_after(text);
            prop_assert_eq!(
                reads(after, other_offset, other_index),
                reads(position, other_offset, other_index)
            );
            // Reading at the number may repeat the one record before, which is no loss.
            if reads(position, other_offset, other_index) {
                prop_assert!(reads(position_at(text), other_offset, other_index));
            }
            let other = numbers().sequence_number(other_offset, other_index, TimestampMs(other_s * 1000));
            if reads(position, other_offset, other_index) {
                prop_assert!(number < other);
            } else if other_s <= now_s {
                prop_assert!(number > other);
            }
        }

        #[test]
        fn a_continuation_is_above_the_record_that_was_written_in_the_same_second(
            offset in 0u64..5, index in 0u16..500, is_last in any::<bool>(), now_ms in CREATED_S * 1000..CREATED_S * 1000 + 5_000,
        ) {
            let now = TimestampMs(now_ms);
            let behind = if is_last { at(offset + 1, 0) } else { at(offset, index + 1) };
            let record = numbers().sequence_number(offset, index, now);
            prop_assert!(number_before(numbers(), behind, now) > record);
        }

        #[test]
        fn reading_after_a_shards_starting_number_skips_nothing(now_s in CREATED_S..CREATED_S + 40_000_000) {
            let start: SequenceNumber = numbers().start().to_string().parse().unwrap();
            prop_assert_eq!(position_after(start), at(0, 0));
            prop_assert_eq!(position_at(start), at(0, 0));
            prop_assert!(start < numbers().sequence_number(0, 0, TimestampMs(now_s * 1000)));
            prop_assert!(start <= number_before(numbers(), at(0, 0), TimestampMs(now_s * 1000)));
        }

        #[test]
        fn a_continuation_grows_while_the_position_stays(
            offset in 0u64..3, index in 0u16..3, now_s in CREATED_S..CREATED_S + 40_000_000, later_s in 1u64..1000,
        ) {
            let number = |now_s: u64| number_before(numbers(), at(offset, index), TimestampMs(now_s * 1000));
            prop_assert!(number(now_s + later_s) > number(now_s));
        }
    }
}
