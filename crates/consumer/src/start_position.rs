//! Where the reading of a shard begins, and which records it leaves out: decisions without I/O.

use millstream_types::TimestampMs;

use crate::{Checkpoint, InitialPosition, IteratorPosition, Record};

/// The first four bytes of a record in the KPL's aggregated format.
const AGGREGATE_MAGIC: [u8; 4] = [0xF3, 0x89, 0x9A, 0xC2];

/// Where the first iterator of a lease starts. `latest_at` is the moment that a LATEST of this lease stands for, once
/// somebody has opened the shard.
pub(crate) fn first_position(
    checkpoint: &Checkpoint,
    latest_at: Option<TimestampMs>,
    initial: InitialPosition,
) -> IteratorPosition {
    match (checkpoint, latest_at, initial) {
        (Checkpoint::TrimHorizon | Checkpoint::ShardEnd, ..) => IteratorPosition::TrimHorizon,
        (Checkpoint::Latest, Some(moment), _) => IteratorPosition::AtTimestamp(moment),
        (Checkpoint::Latest, None, _) => IteratorPosition::Latest,
        (Checkpoint::AtTimestamp, _, InitialPosition::AtTimestamp(moment)) => {
            IteratorPosition::AtTimestamp(moment)
        }
        // The row was made by a worker with other settings; leave nothing out.
        (Checkpoint::AtTimestamp, _, InitialPosition::TrimHorizon | InitialPosition::Latest) => {
            IteratorPosition::TrimHorizon
        }
        // At, not after: an aggregate may be half processed.
        (Checkpoint::At(place), ..) => {
            IteratorPosition::AtSequenceNumber(place.sequence_number().to_owned())
        }
    }
}

/// Leaves out what `checkpoint` covers.
///
/// Records are not taken apart here, so an aggregate is one record. One whose checkpoint may cover only a part (a
/// sub-sequence number, or number 0 of what looks like an aggregate) comes again as a whole, and its place is that of
/// the checkpoint: a checkpoint on it does not go back.
pub(crate) fn not_yet_processed(mut records: Vec<Record>, checkpoint: &Checkpoint) -> Vec<Record> {
    let Checkpoint::At(processed) = checkpoint else {
        return records;
    };
    records.retain_mut(|record| {
        if record.place.sequence_number() != processed.sequence_number() {
            return record.place > *processed;
        }
        let is_half =
            processed.sub_sequence_number() > 0 || record.data.starts_with(&AGGREGATE_MAGIC);
        record.place = processed.clone();
        is_half
    });
    records
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ExtendedSequenceNumber;

    const MOMENT: TimestampMs = TimestampMs(1_795_881_602_000);

    fn record(number: u64, data: &[u8]) -> Record {
        Record {
            sequence_number: number.to_string(),
            place: ExtendedSequenceNumber::new(&number.to_string(), 0).unwrap(),
            partition_key: "k".into(),
            data: data.to_vec(),
            approximate_arrival: None,
        }
    }

    fn places(checkpoint: &str, sub: u64) -> Vec<String> {
        let aggregate = [0xF3, 0x89, 0x9A, 0xC2, 1];
        let records = vec![
            record(8, b"a"),
            record(9, &aggregate),
            record(10, &aggregate),
            record(11, b"b"),
        ];
        let checkpoint = Checkpoint::parse(checkpoint, sub).unwrap();
        let rest = not_yet_processed(records, &checkpoint);
        rest.iter().map(|record| record.place.to_string()).collect()
    }

    #[test]
    fn a_time_is_a_time_and_latest_is_fixed_once() {
        let first = |checkpoint: Checkpoint, latest_at, initial| {
            first_position(&checkpoint, latest_at, initial)
        };
        let at = IteratorPosition::AtTimestamp(MOMENT);
        assert_eq!(
            first(
                Checkpoint::AtTimestamp,
                None,
                InitialPosition::AtTimestamp(MOMENT)
            ),
            at
        );
        assert_eq!(
            first(Checkpoint::AtTimestamp, None, InitialPosition::Latest),
            IteratorPosition::TrimHorizon
        );
        assert_eq!(
            first(Checkpoint::Latest, None, InitialPosition::Latest),
            IteratorPosition::Latest
        );
        assert_eq!(
            first(Checkpoint::Latest, Some(MOMENT), InitialPosition::Latest),
            at
        );
    }

    #[test]
    fn a_half_processed_aggregate_comes_again_and_its_checkpoint_does_not_go_back() {
        assert_eq!(places("8", 0), ["9", "10", "11"], "a plain record is done");
        assert_eq!(places("9", 3), ["9/3", "10", "11"]);
        assert_eq!(places("10", 0), ["10", "11"], "maybe only its first part");
        assert_eq!(places("11", 0), Vec::<String>::new());
        assert_eq!(places("TRIM_HORIZON", 0), ["8", "9", "10", "11"]);
    }
}
