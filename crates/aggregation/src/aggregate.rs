//! Taking aggregated records apart.

use bytes::Bytes;
use millstream_types::HashKey;
use prost::Message;

use crate::UserRecord;
use crate::layout::{DIGEST_BYTES, Inner, MAGIC, Outer, digest};

/// A record that holds user records.
///
/// Holding one costs the record's bytes, which its parts share, and up to 16 bytes more for each of them: a record of
/// two-byte fields is the worst.
#[derive(Debug, Clone)]
pub struct Aggregate(Outer);

/// A user record that cannot be read, though the aggregate is whole: its writer made it so. The others can.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("user record {index} of the aggregate {what}")]
pub struct MalformedUserRecord {
    /// Which one, from 0: its sub-sequence number.
    pub index: usize,
    what: &'static str,
}

impl Aggregate {
    /// Takes a record's data for an aggregate if it begins with the magic, its digest is right and the message between
    /// can be read; by the rules of the KCL anything else is a plain record.
    pub fn parse(data: &Bytes) -> Option<Self> {
        let length = data.len().checked_sub(DIGEST_BYTES)?;
        let (message, trailer) = (data.get(MAGIC.len()..length)?, &data[length..]);
        if data[..MAGIC.len()] != MAGIC || message.is_empty() || digest(message) != *trailer {
            return None;
        }
        let outer = Outer::decode(data.slice(MAGIC.len()..length)).ok()?;
        let is_whole = |record: &Bytes| {
            Inner::decode(record.clone())
                .is_ok_and(|inner| inner.partition_key_index.is_some() && inner.data.is_some())
        };
        outer.records.iter().all(is_whole).then_some(Self(outer))
    }

    /// How many user records it holds, readable or not.
    pub fn len(&self) -> usize {
        self.0.records.len()
    }

    /// Whether it holds none.
    pub fn is_empty(&self) -> bool {
        self.0.records.is_empty()
    }

    /// The user records in order; the place of each is its sub-sequence number.
    pub fn user_records(
        &self,
    ) -> impl ExactSizeIterator<Item = Result<UserRecord, MalformedUserRecord>> {
        let records = self.0.records.iter().enumerate();
        records.map(|(index, record)| {
            self.user_record(record)
                .map_err(|what| MalformedUserRecord { index, what })
        })
    }

    fn user_record(&self, record: &Bytes) -> Result<UserRecord, &'static str> {
        let inner = Inner::decode(record.clone()).map_err(|_| "cannot be decoded")?;
        let partition_key = inner.partition_key_index;
        let partition_key = partition_key
            .and_then(|index| entry(&self.0.partition_keys, index))
            .ok_or("names a partition key that is not in the table")?;
        let explicit_hash_key = match inner.explicit_hash_key_index {
            None => None,
            Some(index) => {
                let text = entry(&self.0.explicit_hash_keys, index)
                    .ok_or("names an explicit hash key that is not in the table")?;
                let number = text
                    .parse()
                    .map_err(|_| "has an explicit hash key that is no number")?;
                Some(HashKey(number))
            }
        };
        Ok(UserRecord {
            partition_key: partition_key.to_owned(),
            explicit_hash_key,
            data: inner.data.unwrap_or_default(),
        })
    }
}

fn entry(table: &[Bytes], index: u64) -> Option<&str> {
    let bytes = table.get(usize::try_from(index).ok()?)?;
    std::str::from_utf8(bytes).ok()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::Aggregator;

    fn sealed(message: &[u8]) -> Bytes {
        [&MAGIC[..], message, &digest(message)].concat().into()
    }

    fn two_records() -> Bytes {
        let mut aggregator = Aggregator::default();
        aggregator.push(&UserRecord::new("k", "one"));
        aggregator.push(&UserRecord::new("l", "two"));
        aggregator.finish().unwrap().data
    }

    #[test]
    fn any_changed_byte_makes_it_a_plain_record() {
        let data = two_records();
        assert_eq!(Aggregate::parse(&data).unwrap().len(), 2);
        for position in 0..data.len() {
            let mut changed = data.to_vec();
            changed[position] ^= 1;
            assert!(
                Aggregate::parse(&changed.into()).is_none(),
                "byte {position}"
            );
        }
        for length in 0..data.len() {
            assert!(
                Aggregate::parse(&data.slice(..length)).is_none(),
                "{length} bytes"
            );
        }
    }

    #[test]
    fn a_message_that_cannot_be_read_is_a_plain_record() {
        // Lengths beyond the end; records without a required member.
        for message in [
            &[0x0A, 9, b'a'][..],
            &[0x1A, 200, 1],
            &[0x1A, 2, 0x08],
            &[0x1A, 0],
            &[0x1A, 2, 0x08, 0],
            &[0x1A, 3, 0x1A, 1, b'x'],
        ] {
            assert!(Aggregate::parse(&sealed(message)).is_none(), "{message:?}");
        }
        assert!(Aggregate::parse(&sealed(&[])).is_none());
    }

    #[test]
    fn one_bad_user_record_costs_no_other() {
        let message = [
            &[0x0A, 1, b'k', 0x12, 1, b'x'][..],
            &[0x1A, 5, 0x08, 0, 0x1A, 1, b'1'],
            &[0x1A, 5, 0x08, 1, 0x1A, 1, b'2'],
            &[0x1A, 7, 0x08, 0, 0x10, 0, 0x1A, 1, b'3'],
            &[0x1A, 7, 0x08, 0, 0x10, 9, 0x1A, 1, b'4'],
            &[0x1A, 5, 0x08, 0, 0x1A, 1, b'5'],
        ]
        .concat();
        let aggregate = Aggregate::parse(&sealed(&message)).unwrap();
        let read: Vec<_> = aggregate.user_records().collect();
        let data = |index: usize| read[index].as_ref().unwrap().data.clone();
        assert_eq!((data(0), data(4)), (Bytes::from("1"), Bytes::from("5")));
        let bad: Vec<usize> = read
            .iter()
            .filter_map(|read| Some(read.as_ref().err()?.index))
            .collect();
        assert_eq!(bad, [1, 2, 3]);
    }

    #[test]
    fn tags_and_unknown_fields_are_read_over() {
        let message = [
            &[0x0A, 1, b'k'][..],
            &[0x1A, 10, 0x08, 0, 0x1A, 1, b'1', 0x22, 3, 0x0A, 1, b't'],
            &[0x20, 5],
        ]
        .concat();
        let aggregate = Aggregate::parse(&sealed(&message)).unwrap();
        let read = aggregate.user_records().next().unwrap().unwrap();
        assert_eq!(read, UserRecord::new("k", "1"));
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(message in prop::collection::vec(any::<u8>(), 0..600)) {
            if let Some(aggregate) = Aggregate::parse(&sealed(&message)) {
                prop_assert_eq!(aggregate.user_records().count(), aggregate.len());
            }
        }
    }
}
