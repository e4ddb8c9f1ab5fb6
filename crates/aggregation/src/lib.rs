//! The aggregated record of the Kinesis Producer Library (KPL): many *user records* in one record of a stream.
//!
//! ```text
//! F3 89 9A C2 │ protocol buffer: table of partition keys, table of explicit hash keys, records │ its MD5, 16 bytes
//! ```
//!
//! [`Aggregator`] makes such records, byte for byte as the KPL does; [`Aggregate`] takes them apart by the rules of the
//! Kinesis Client Library, so that a record which only looks like one passes as what it is. Neither does any I/O.
//!
//! ```
//! use bytes::Bytes;
//! use millstream_aggregation::{Aggregate, Aggregator, UserRecord};
//!
//! let mut aggregator = Aggregator::default();
//! aggregator.push(&UserRecord::new("sensor-7", "21.5"));
//! aggregator.push(&UserRecord::new("sensor-8", "19.0"));
//! let record = aggregator.finish().expect("something was pushed");
//!
//! let aggregate = Aggregate::parse(&record.data).expect("two user records make an aggregate");
//! let keys: Vec<_> = aggregate.user_records().map(|user| user.unwrap().partition_key).collect();
//! assert_eq!(keys, ["sensor-7", "sensor-8"]);
//! ```

mod aggregate;
mod aggregator;
mod layout;

pub use aggregate::{Aggregate, MalformedUserRecord};
pub use aggregator::{Aggregator, StreamRecord};

use bytes::Bytes;
use millstream_types::HashKey;

/// What an application puts, whether or not it travels with others.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UserRecord {
    /// 1 to 256 characters.
    pub partition_key: String,
    /// Chooses the shard in the partition key's place.
    pub explicit_hash_key: Option<HashKey>,
    /// The record itself.
    pub data: Bytes,
}

impl UserRecord {
    /// A record that its partition key places.
    pub fn new(partition_key: impl Into<String>, data: impl Into<Bytes>) -> Self {
        Self {
            partition_key: partition_key.into(),
            explicit_hash_key: None,
            data: data.into(),
        }
    }

    /// Where in the hash key space it belongs: the explicit hash key, or the MD5 of the partition key.
    pub fn hash_key(&self) -> HashKey {
        self.explicit_hash_key
            .unwrap_or_else(|| HashKey::of_partition_key(&self.partition_key))
    }
}
