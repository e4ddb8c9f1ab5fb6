//! Where records go that no key places.

use std::sync::atomic::{AtomicU64, Ordering};

use millstream_catalog::Stream;
use millstream_types::HashKey;

/// 2^64 divided by the golden ratio: its multiples, modulo 2^64, fall evenly between each other, and so does every
/// n-th of them. So streams that take turns with the one counter are each served evenly.
const GOLDEN: u64 = 0x9e37_79b9_7f4a_7c15;

/// Spreads records over open shards; one counter for all streams.
#[derive(Debug, Default)]
pub(crate) struct Spread(AtomicU64);

impl Spread {
    /// The hash key for the next record; `None` if no shard takes records.
    pub(crate) fn next(&self, stream: &Stream) -> Option<HashKey> {
        let turn = self.0.fetch_add(1, Ordering::Relaxed);
        stream.hash_key_at(turn.wrapping_mul(GOLDEN))
    }
}
