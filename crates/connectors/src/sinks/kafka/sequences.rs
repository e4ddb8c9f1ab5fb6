//! The sequence numbers of one producer: what a broker tells a repetition by. Pure.

use std::collections::HashMap;
use std::sync::Arc;

use super::batch::ProducerId;

/// Most records of one batch.
const RECORDS_MAX: usize = 10_000;
/// Most bytes of a batch of several records: below what a broker takes unless it is told otherwise (1,048,588).
const BATCH_BYTES_MAX: usize = 900 * 1024;

/// What an item is told by.
pub(super) type Name = (Arc<str>, u32);

/// One producer's place in each partition. A batch of which nobody knows whether it was appended is the next batch of its
/// partition again, with the same records and the same sequence, so that the broker recognises it.
#[derive(Debug, Default)]
pub(super) struct Sequences {
    producer: Option<ProducerId>,
    partitions: HashMap<usize, Partition>,
}

#[derive(Debug)]
struct Partition {
    /// Of the next record.
    next: i32,
    /// The batch that was sent last, unless it was answered.
    in_doubt: Vec<Name>,
    /// Most records of the next batch: fewer after one was refused.
    records_max: usize,
}

impl Default for Partition {
    fn default() -> Self {
        Self {
            next: 0,
            in_doubt: Vec::new(),
            records_max: RECORDS_MAX,
        }
    }
}

/// What is sent next: so many records, from this sequence number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Next {
    pub(super) producer: ProducerId,
    pub(super) sequence: i32,
    pub(super) count: usize,
}

impl Sequences {
    /// Whether a producer has to be asked for.
    pub(super) fn needs_producer(&self) -> bool {
        self.producer.is_none()
    }

    pub(super) fn begin(&mut self, producer: ProducerId) {
        self.producer = Some(producer);
        self.partitions.clear();
    }

    /// Forgets the producer, and with it which batches are in doubt.
    pub(super) fn start_over(&mut self) {
        self.producer = None;
        self.partitions.clear();
    }

    /// The next batch of a partition whose items wait in this order, each with its bytes, where there is room for so many
    /// bytes; there is one item at least, and no more are looked at than fit and one. None if a producer has to be asked
    /// for: also where others wait than those in doubt, which the broker would take for them.
    pub(super) fn next(
        &mut self,
        partition: usize,
        waiting: impl Iterator<Item = (Name, usize)>,
        room: usize,
    ) -> Option<Next> {
        let producer = self.producer?;
        let state = self.partitions.entry(partition).or_default();
        if state.in_doubt.is_empty() {
            let mut bytes = 0;
            for (name, more) in waiting.take(state.records_max) {
                bytes += more;
                if bytes > BATCH_BYTES_MAX.min(room) && !state.in_doubt.is_empty() {
                    break;
                }
                state.in_doubt.push(name);
            }
        } else {
            let again = waiting.map(|(name, _)| name).take(state.in_doubt.len());
            if !again.eq(state.in_doubt.iter().cloned()) {
                self.start_over();
                return None;
            }
        }
        Some(Next {
            producer,
            sequence: state.next,
            count: state.in_doubt.len(),
        })
    }

    /// The batch is appended.
    pub(super) fn taken(&mut self, partition: usize) {
        let state = self.partitions.entry(partition).or_default();
        let count = i64::try_from(state.in_doubt.len()).unwrap_or(0);
        // Numbers begin at 0 again behind the highest.
        let next = (i64::from(state.next) + count) & i64::from(i32::MAX);
        state.next = i32::try_from(next).unwrap_or(0);
        state.in_doubt.clear();
        state.records_max = (state.records_max * 2).min(RECORDS_MAX);
    }

    /// Nothing of the batch is appended, nor will be: the next one has half of its records. Or, of a single record, it was
    /// this one.
    pub(super) fn refused(&mut self, partition: usize) {
        let state = self.partitions.entry(partition).or_default();
        state.records_max = (state.in_doubt.len() / 2).max(1);
        state.in_doubt.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PRODUCER: ProducerId = ProducerId { id: 1, epoch: 0 };

    const ROOM: usize = usize::MAX;

    fn waiting(names: std::ops::Range<u32>) -> impl Iterator<Item = (Name, usize)> {
        names.map(|number| ((number.to_string().into(), 0), 1))
    }

    #[test]
    fn numbers_begin_again_behind_the_highest() {
        let mut sequences = Sequences::default();
        assert_eq!(sequences.next(0, waiting(0..3), ROOM), None);
        sequences.begin(PRODUCER);
        sequences.partitions.entry(0).or_default().next = i32::MAX - 1;
        assert_eq!(sequences.next(0, waiting(0..3), ROOM).unwrap().count, 3);
        sequences.taken(0);
        // 2147483646, 2147483647 and 0 are given.
        assert_eq!(sequences.next(0, waiting(3..4), ROOM).unwrap().sequence, 1);
    }

    #[test]
    fn others_than_those_in_doubt_are_another_producers() {
        let mut sequences = Sequences::default();
        sequences.begin(PRODUCER);
        let first = sequences.next(4, waiting(0..3), ROOM).unwrap();
        assert_eq!(sequences.next(4, waiting(0..9), ROOM), Some(first));
        assert_eq!(sequences.next(4, waiting(1..9), ROOM), None);
        assert!(sequences.needs_producer());
        sequences.begin(PRODUCER);
        assert_eq!(sequences.next(4, waiting(1..9), ROOM).unwrap().count, 8);
        assert_eq!(sequences.next(4, waiting(1..4), ROOM), None);
    }

    #[test]
    fn a_batch_has_a_bound_and_one_that_is_larger_goes_alone() {
        let mut sequences = Sequences::default();
        sequences.begin(PRODUCER);
        let large = |bytes: usize| (0..4_u32).map(move |n| ((n.to_string().into(), 0), bytes));
        let mut count = |partition, bytes| {
            let next = sequences.next(partition, large(bytes), ROOM);
            next.unwrap().count
        };
        assert_eq!(count(0, BATCH_BYTES_MAX / 2), 2);
        assert_eq!(count(1, BATCH_BYTES_MAX * 3), 1);
        assert_eq!(count(2, 1), 4);
    }

    #[test]
    fn a_batch_keeps_to_the_room_that_is_left_unless_it_is_in_doubt() {
        let mut sequences = Sequences::default();
        sequences.begin(PRODUCER);
        let next = |sequences: &mut Sequences, room| {
            let mut looked_at = 0;
            let waiting = waiting(0..9).inspect(|_| looked_at += 1);
            (sequences.next(0, waiting, room).unwrap().count, looked_at)
        };
        assert_eq!(next(&mut sequences, 3), (3, 4));
        // It was sent, and must be the same again.
        assert_eq!(next(&mut sequences, 1), (3, 3));
        sequences.taken(0);
        assert_eq!(next(&mut sequences, 0), (1, 2));
    }
}
