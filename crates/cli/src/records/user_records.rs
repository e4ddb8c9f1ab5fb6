//! The records that applications put, out of the records of the stream that hold them.

use aws_sdk_kinesis::primitives::Blob;
use aws_sdk_kinesis::types::Record;
use bytes::Bytes;
use millstream_aggregation::Aggregate;

/// A record to be shown.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct UserRecord {
    /// With the partition key and the data that the application gave it.
    pub(super) record: Record,
    /// Which of the records that were joined to one it is, from 0; absent of one that was put alone.
    pub(super) index: Option<u64>,
}

/// What an aggregate holds, or the record itself. Of an aggregate's records that cannot be read, the others are given.
pub(super) fn of(mut record: Record) -> Vec<UserRecord> {
    let data = Bytes::from(record.data.into_inner());
    let Some(aggregate) = Aggregate::parse(&data) else {
        record.data = Blob::new(data);
        return vec![UserRecord {
            record,
            index: None,
        }];
    };
    record.data = Blob::new(Vec::new());
    let users = aggregate.user_records().enumerate();
    let users = users.filter_map(|(index, user)| {
        let user = user.ok()?;
        let mut record = record.clone();
        record.partition_key = Some(user.partition_key);
        record.data = Blob::new(user.data);
        Some(UserRecord {
            record,
            index: Some(index as u64),
        })
    });
    users.collect()
}

#[cfg(test)]
mod tests {
    use millstream_aggregation::{Aggregator, UserRecord as Put};

    use super::*;

    fn record(data: impl Into<Vec<u8>>) -> Record {
        Record::builder()
            .sequence_number("4959")
            .partition_key("outer")
            .data(Blob::new(data))
            .build()
            .unwrap()
    }

    #[test]
    fn a_joined_record_is_shown_as_what_was_put() {
        let mut aggregator = Aggregator::default();
        aggregator.push(&Put::new("k", "one"));
        aggregator.push(&Put::new("l", "two"));
        let joined = aggregator.finish().unwrap().data;
        let shown = of(record(joined));
        let seen: Vec<_> = shown
            .iter()
            .map(|shown| {
                let key = shown.record.partition_key.as_deref().unwrap();
                (key, shown.record.data.as_ref(), shown.index)
            })
            .collect();
        assert_eq!(seen, [("k", &b"one"[..], Some(0)), ("l", b"two", Some(1))]);
        assert!(
            shown
                .iter()
                .all(|shown| shown.record.sequence_number == "4959")
        );
    }

    #[test]
    fn any_other_record_is_shown_as_it_is() {
        for data in [&b"plain"[..], &[0xF3, 0x89, 0x9A, 0xC2, 1], b""] {
            let plain = UserRecord {
                record: record(data),
                index: None,
            };
            assert_eq!(of(record(data)), [plain]);
        }
    }
}
