//! What says where a record goes: its partition key, a hash key of its own, or the service.

use millstream_catalog::Stream;
use millstream_types::{HashKey, RecordDistributionStrategy};
use millstream_wire::shapes::RecordToPut;

use super::spread::Spread;

/// Why a record has no place in the stream.
pub(crate) enum Unplaced<'a> {
    /// It has no partition key, and the stream needs one.
    NoPartitionKey,
    /// Its explicit hash key, as text, is out of range.
    HashKey(&'a str),
    /// No shard takes records now.
    NoShard,
}

/// What says where a record goes.
enum Placing<'a> {
    /// Its partition key, hashed.
    Key(&'a str),
    /// A hash key that it gives itself.
    Explicit(&'a str),
    /// The service decides.
    Auto,
}

impl<'a> Placing<'a> {
    fn of(stream: &Stream, record: &'a RecordToPut<'_>) -> Result<Self, Unplaced<'a>> {
        if stream.record_distribution == RecordDistributionStrategy::Auto {
            return Ok(Self::Auto);
        }
        match (&record.partition_key, record.explicit_hash_key.as_deref()) {
            (None, _) => Err(Unplaced::NoPartitionKey),
            (Some(key), None) => Ok(Self::Key(key)),
            (Some(_), Some(text)) => Ok(Self::Explicit(text)),
        }
    }

    fn hash_key(
        self,
        stream: &Stream,
        spread: &Spread,
        hash: impl FnOnce(&str) -> HashKey,
    ) -> Result<HashKey, Unplaced<'a>> {
        match self {
            Self::Key(key) => Ok(hash(key)),
            Self::Explicit(text) => text.parse().map_err(|_| Unplaced::HashKey(text)),
            Self::Auto => spread.next(stream).ok_or(Unplaced::NoShard),
        }
    }
}

/// The hash key that decides where a record goes.
pub(crate) fn hash_key<'a>(
    stream: &Stream,
    spread: &Spread,
    record: &'a RecordToPut<'_>,
) -> Result<HashKey, Unplaced<'a>> {
    Placing::of(stream, record)?.hash_key(stream, spread, HashKey::of_partition_key)
}

/// [`hash_key`] of each record, in their order: keys are hashed several at once.
pub(crate) fn hash_keys<'a>(
    stream: &Stream,
    spread: &Spread,
    records: &'a [RecordToPut<'_>],
) -> impl Iterator<Item = Result<HashKey, Unplaced<'a>>> {
    let keys: Vec<&str> = records
        .iter()
        .filter_map(|record| match Placing::of(stream, record) {
            Ok(Placing::Key(key)) => Some(key),
            Ok(Placing::Explicit(_) | Placing::Auto) | Err(_) => None,
        })
        .collect();
    let mut hashed = HashKey::of_partition_keys(&keys).into_iter();
    records.iter().map(move |record| {
        let next = |_: &str| hashed.next().expect("one for each key");
        Placing::of(stream, record)?.hash_key(stream, spread, next)
    })
}
