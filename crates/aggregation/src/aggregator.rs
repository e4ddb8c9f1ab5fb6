//! Making aggregated records.

use std::collections::HashMap;

use bytes::{BufMut, Bytes, BytesMut};
use millstream_types::HashKey;
use prost::Message;

use crate::UserRecord;
use crate::layout::{DIGEST_BYTES, EXPLICIT_HASH_KEY, Inner, MAGIC, PARTITION_KEY, RECORD, digest};

/// The partition key of every aggregated record; its explicit hash key places it.
const OUTER_PARTITION_KEY: &str = "a";

/// A record as it is put on a stream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StreamRecord {
    /// The user record's own if it travels alone, else `a`.
    pub partition_key: String,
    /// Where the record belongs: the hash key of the first user record in it.
    pub explicit_hash_key: HashKey,
    /// The user record's own if it travels alone, else the aggregate.
    pub data: Bytes,
    /// How many user records are in it.
    pub user_records: usize,
}

/// Collects user records into one record of a stream.
///
/// All of them go to the shard of the first, so whoever collects gives records of one shard to one aggregator.
#[derive(Debug, Default)]
pub struct Aggregator {
    partition_keys: Table,
    explicit_hash_keys: Table,
    /// Fields 3, encoded.
    records: BytesMut,
    count: usize,
    first: Option<UserRecord>,
}

/// Texts in the order of their first use, each once.
#[derive(Debug, Default)]
struct Table {
    places: HashMap<String, u64>,
    /// The fields, encoded.
    encoded: BytesMut,
}

impl Table {
    /// The index of a text, and how many bytes it adds to the message if it is new.
    fn look_up(&self, text: &str) -> (u64, usize) {
        match self.places.get(text) {
            Some(index) => (*index, 0),
            None => (self.places.len() as u64, field_bytes(text.len())),
        }
    }

    fn index(&mut self, tag: u8, text: &str) -> u64 {
        if let Some(index) = self.places.get(text) {
            return *index;
        }
        let index = self.places.len() as u64;
        self.places.insert(text.to_owned(), index);
        put_field(&mut self.encoded, tag, text.as_bytes());
        index
    }
}

impl Aggregator {
    /// User records so far.
    pub fn count(&self) -> usize {
        self.count
    }

    /// Whether nothing was pushed.
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// Exact bytes of the aggregate's data as it is; of a single user record too, though that travels without it.
    pub fn size_bytes(&self) -> usize {
        MAGIC.len() + self.message_bytes() + DIGEST_BYTES
    }

    /// What [`size_bytes`](Self::size_bytes) would be with one more record.
    pub fn size_bytes_with(&self, record: &UserRecord) -> usize {
        let (key_index, key_bytes) = self.partition_keys.look_up(&record.partition_key);
        let hash_key = record.explicit_hash_key.map(|key| key.to_string());
        let hash_key = hash_key.map(|text| self.explicit_hash_keys.look_up(&text));
        let inner = Inner {
            partition_key_index: Some(key_index),
            explicit_hash_key_index: hash_key.map(|(index, _)| index),
            data: Some(record.data.clone()),
        };
        let hash_key_bytes = hash_key.map_or(0, |(_, bytes)| bytes);
        self.size_bytes() + key_bytes + hash_key_bytes + field_bytes(inner.encoded_len())
    }

    /// Adds a record unless [`size_bytes`](Self::size_bytes) would then be above `size_bytes_max`; whether it was added.
    pub fn push_within(&mut self, record: &UserRecord, size_bytes_max: usize) -> bool {
        // What it takes at most, which is cheap to tell: both texts new, the longest indices and lengths.
        let most = record.partition_key.len() + record.data.len() + 100;
        let fits = self.size_bytes() + most <= size_bytes_max
            || self.size_bytes_with(record) <= size_bytes_max;
        if fits {
            self.push(record);
        }
        fits
    }

    /// Adds a record.
    pub fn push(&mut self, record: &UserRecord) {
        let key_index = self
            .partition_keys
            .index(PARTITION_KEY, &record.partition_key);
        let hash_key_index = record.explicit_hash_key.map(|key| {
            self.explicit_hash_keys
                .index(EXPLICIT_HASH_KEY, &key.to_string())
        });
        let inner = Inner {
            partition_key_index: Some(key_index),
            explicit_hash_key_index: hash_key_index,
            data: Some(record.data.clone()),
        };
        self.records.put_u8(RECORD);
        inner
            .encode_length_delimited(&mut self.records)
            .expect("the buffer grows");
        self.count += 1;
        if self.first.is_none() {
            self.first = Some(record.clone());
        }
    }

    /// The record to put, and an empty aggregator again; `None` if nothing was pushed. One user record travels as it is.
    pub fn finish(&mut self) -> Option<StreamRecord> {
        let done = std::mem::take(self);
        let first = done.first.as_ref()?;
        let explicit_hash_key = first.hash_key();
        if done.count == 1 {
            return Some(StreamRecord {
                partition_key: first.partition_key.clone(),
                explicit_hash_key,
                data: first.data.clone(),
                user_records: 1,
            });
        }
        let mut data = BytesMut::with_capacity(done.size_bytes());
        data.put_slice(&MAGIC);
        data.put_slice(&done.partition_keys.encoded);
        data.put_slice(&done.explicit_hash_keys.encoded);
        data.put_slice(&done.records);
        let digest = digest(&data[MAGIC.len()..]);
        data.put_slice(&digest);
        Some(StreamRecord {
            partition_key: OUTER_PARTITION_KEY.to_owned(),
            explicit_hash_key,
            data: data.freeze(),
            user_records: done.count,
        })
    }

    fn message_bytes(&self) -> usize {
        self.partition_keys.encoded.len()
            + self.explicit_hash_keys.encoded.len()
            + self.records.len()
    }
}

/// A tag byte, a length, and so many bytes.
fn field_bytes(length: usize) -> usize {
    1 + prost::length_delimiter_len(length) + length
}

fn put_field(buffer: &mut BytesMut, tag: u8, bytes: &[u8]) {
    buffer.put_u8(tag);
    prost::encode_length_delimiter(bytes.len(), buffer).expect("the buffer grows");
    buffer.put_slice(bytes);
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::Aggregate;

    #[test]
    fn the_bytes_are_frozen() {
        let mut aggregator = Aggregator::default();
        aggregator.push(&UserRecord::new("a", "x"));
        aggregator.push(&UserRecord {
            explicit_hash_key: Some(HashKey(7)),
            ..UserRecord::new("b", "")
        });
        aggregator.push(&UserRecord::new("a", "yz"));
        let record = aggregator.finish().unwrap();
        let message = [
            &[0x0A, 1, b'a', 0x0A, 1, b'b'][..], // partition keys, each once
            &[0x12, 1, b'7'],                    // explicit hash keys, decimal
            &[0x1A, 5, 0x08, 0, 0x1A, 1, b'x'],  // index 0 is written
            &[0x1A, 6, 0x08, 1, 0x10, 0, 0x1A, 0], // so is empty data
            &[0x1A, 6, 0x08, 0, 0x1A, 2, b'y', b'z'],
        ]
        .concat();
        let digest = digest(&message);
        assert_eq!(record.data, [&MAGIC[..], &message, &digest].concat());
        assert_eq!(record.partition_key, "a");
        assert_eq!(record.explicit_hash_key, HashKey::of_partition_key("a"));
        assert_eq!(record.user_records, 3);
        assert!(aggregator.is_empty());
    }

    /// Written by `aws_kinesis_agg` 1.2.3 for Python, for the same three records.
    const OF_ANOTHER_LIBRARY: &str = "f3899ac20a0873656e736f722d370a0873656e736f722d3812273334303238323336363932303933\
         3834363334363333373436303734333137363832313134353512013\
         01a0808001a0432312e351a06080110001a001a08080010011a0200fff1ec805cd10976ede849092c7a3b1211";

    #[test]
    fn another_library_writes_the_same_bytes_and_they_are_read() {
        let placed = |partition_key: &str, hash_key, data: &'static [u8]| UserRecord {
            explicit_hash_key: Some(HashKey(hash_key)),
            ..UserRecord::new(partition_key, data)
        };
        let records = [
            UserRecord::new("sensor-7", "21.5"),
            placed("sensor-8", u128::MAX, b""),
            placed("sensor-7", 0, &[0x00, 0xFF]),
        ];
        let digits = OF_ANOTHER_LIBRARY.as_bytes().chunks(2);
        let byte =
            |pair: &[u8]| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap();
        let theirs: Bytes = digits.map(byte).collect();
        let mut aggregator = Aggregator::default();
        records.iter().for_each(|record| aggregator.push(record));
        assert_eq!(aggregator.finish().unwrap().data, theirs);
        let aggregate = Aggregate::parse(&theirs).unwrap();
        let read: Vec<_> = aggregate.user_records().map(Result::unwrap).collect();
        assert_eq!(read, records);
    }

    #[test]
    fn a_single_record_travels_as_it_is() {
        let mut aggregator = Aggregator::default();
        assert_eq!(aggregator.finish(), None);
        aggregator.push(&UserRecord::new("sensor-7", "21.5"));
        let record = aggregator.finish().unwrap();
        assert_eq!(
            (record.partition_key.as_str(), &record.data[..]),
            ("sensor-7", &b"21.5"[..])
        );
        assert_eq!(
            record.explicit_hash_key,
            HashKey::of_partition_key("sensor-7")
        );
    }

    fn user_record() -> impl Strategy<Value = UserRecord> {
        let data = prop::collection::vec(any::<u8>(), 0..300);
        let hash_key = prop::option::weighted(0.3, prop_oneof![0..4u128, any::<u128>()]);
        ("[a-d]|\\PC{1,256}", hash_key, data).prop_map(|(partition_key, hash_key, data)| {
            UserRecord {
                partition_key,
                explicit_hash_key: hash_key.map(HashKey),
                data: data.into(),
            }
        })
    }

    proptest! {
        #[test]
        fn an_aggregate_is_filled_up_to_a_size_and_never_over_it(
            records in prop::collection::vec(user_record(), 1..60),
            size_bytes_max in 64usize..3000,
        ) {
            let mut aggregator = Aggregator::default();
            for record in &records {
                let fits = aggregator.size_bytes_with(record) <= size_bytes_max;
                prop_assert_eq!(aggregator.push_within(record, size_bytes_max), fits);
                prop_assert!(aggregator.is_empty() || aggregator.size_bytes() <= size_bytes_max);
            }
        }

        #[test]
        fn what_is_pushed_comes_out_and_sizes_are_exact(
            records in prop::collection::vec(user_record(), 2..200),
        ) {
            let mut aggregator = Aggregator::default();
            for record in &records {
                let expected = aggregator.size_bytes_with(record);
                aggregator.push(record);
                prop_assert_eq!(aggregator.size_bytes(), expected);
            }
            let size_bytes = aggregator.size_bytes();
            let record = aggregator.finish().unwrap();
            prop_assert_eq!(record.data.len(), size_bytes);
            let aggregate = Aggregate::parse(&record.data).unwrap();
            let read: Vec<_> = aggregate.user_records().map(Result::unwrap).collect();
            prop_assert_eq!(read, records);
        }
    }
}
