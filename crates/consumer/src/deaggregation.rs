//! From the records of the stream to those that applications put, and which of them are left out: decisions without
//! I/O.
//!
//! A checkpoint holds the sequence number of the stream's record and the index of the user record in it, as the KCL's
//! does, so either library goes on in the middle of what the other one left.

use millstream_aggregation::Aggregate;
use millstream_types::{HashKey, HashKeyRange};

use crate::{Checkpoint, ExtendedSequenceNumber, Record};

/// The user records that `checkpoint` does not cover, in order, each at its own place.
///
/// A user record whose hash key is not in `range` is left out: its producer has been told that it came to the wrong
/// shard, and puts it again. (The KCL leaves out the whole record of the stream then.)
pub(crate) fn user_records(
    stream_records: Vec<Record>,
    range: Option<&HashKeyRange>,
    checkpoint: &Checkpoint,
) -> Vec<Record> {
    let done = checkpoint.place();
    let mut records = Vec::with_capacity(stream_records.len());
    for record in stream_records {
        match Aggregate::parse(&record.data) {
            Some(aggregate) => take_apart(&record, &aggregate, range, done, &mut records),
            None if done.is_none_or(|done| record.place > *done) => records.push(record),
            None => {}
        }
    }
    records
}

fn take_apart(
    outer: &Record,
    aggregate: &Aggregate,
    range: Option<&HashKeyRange>,
    done: Option<&ExtendedSequenceNumber>,
    records: &mut Vec<Record>,
) {
    for (index, user) in aggregate.user_records().enumerate() {
        let place = outer.place.at_index(index as u64);
        if done.is_some_and(|done| place <= *done) {
            continue;
        }
        let user = match user {
            Ok(user) => user,
            Err(error) => {
                tracing::error!(%place, %error, "a user record cannot be read and is left out: its producer is broken");
                continue;
            }
        };
        if range.is_some_and(|range| !range.contains(user.hash_key())) {
            tracing::debug!(%place, "user record of another shard");
            continue;
        }
        records.push(Record {
            explicit_hash_key: user.explicit_hash_key.map(|HashKey(key)| key),
            arrived_at: outer.arrived_at,
            stream: outer.stream.clone(),
            ..Record::new(place, user.partition_key, user.data)
        });
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use millstream_aggregation::{Aggregator, UserRecord};

    use super::*;
    use crate::StreamIdentifier;

    fn place(number: u64) -> ExtendedSequenceNumber {
        ExtendedSequenceNumber::new(&number.to_string(), 0).unwrap()
    }

    /// A plain record, one of three user records, and one that only looks like such.
    fn stream_records() -> Vec<Record> {
        let mut aggregator = Aggregator::default();
        for key in ["a", "b", "c"] {
            aggregator.push(&UserRecord::new(key, format!("data of {key}")));
        }
        let joined = aggregator.finish().unwrap().data;
        vec![
            Record::new(place(8), "plain", "8"),
            Record::new(place(9), "outer", joined),
            Record::new(place(10), "plain", &[0xF3, 0x89, 0x9A, 0xC2, 1][..]),
        ]
    }

    fn places(range: Option<&HashKeyRange>, checkpoint: &str, sub: u64) -> Vec<String> {
        let checkpoint = Checkpoint::parse(checkpoint, sub).unwrap();
        let records = user_records(stream_records(), range, &checkpoint);
        let places = records.iter().map(|record| record.place.to_string());
        places.collect()
    }

    #[test]
    fn each_user_record_has_its_own_place_key_and_data() {
        let records = user_records(stream_records(), None, &Checkpoint::TrimHorizon);
        let seen: Vec<_> = records
            .iter()
            .map(|record| (record.place.to_string(), record.partition_key.as_str()))
            .collect();
        let expected = [
            ("8", "plain"),
            ("9", "a"),
            ("9/1", "b"),
            ("9/2", "c"),
            ("10", "plain"),
        ];
        assert_eq!(seen, expected.map(|(place, key)| (place.to_owned(), key)));
        assert_eq!(records[2].data, "data of b");
    }

    #[test]
    fn user_records_are_of_the_stream_that_brought_them_together() {
        let orders: StreamIdentifier = "123456789012:orders:1795881602".parse().unwrap();
        let orders = Some(Arc::new(orders));
        let outer = |record| Record {
            stream: orders.clone(),
            ..record
        };
        let brought = stream_records().into_iter().map(outer).collect();
        let records = user_records(brought, None, &Checkpoint::TrimHorizon);
        assert_eq!(records.len(), 5);
        assert!(records.iter().all(|record| record.stream == orders));
    }

    #[test]
    fn a_half_processed_aggregate_goes_on_where_it_stopped() {
        assert_eq!(places(None, "8", 0), ["9", "9/1", "9/2", "10"]);
        assert_eq!(places(None, "9", 0), ["9/1", "9/2", "10"]);
        assert_eq!(places(None, "9", 1), ["9/2", "10"]);
        assert_eq!(places(None, "9", 2), ["10"]);
        assert_eq!(places(None, "10", 0), Vec::<String>::new());
    }

    #[test]
    fn a_user_record_of_another_shard_is_left_out_and_the_others_keep_their_index() {
        let only_b = HashKey::of_partition_key("b");
        let range = HashKeyRange {
            start: only_b,
            end: only_b,
        };
        assert_eq!(places(Some(&range), "TRIM_HORIZON", 0), ["8", "9/1", "10"]);
    }
}
