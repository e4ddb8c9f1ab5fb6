//! What one shard admits, and one consumer at one shard.

use std::time::Duration;

use super::allowances::Allowance;
use super::bucket::{Bucket, Rate};
use super::values::ShardValues;
use crate::EventRoom;

/// A shard saves up what it takes in so many seconds, for records that are larger than what it takes in one.
const LARGE_RECORDS_S: u64 = 10;

/// What is left of a shard's limits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct ShardAllowance {
    write_bytes: Bucket,
    /// For records of more than a second's worth; every byte that is written counts here too. A full tank takes any one.
    large_records: Bucket,
    write_records: Bucket,
    read_bytes: Bucket,
    /// A read took the last of it: nothing is read until all is there again.
    reads_pause: bool,
    read_calls: Bucket,
    iterators: Bucket,
}

impl ShardAllowance {
    pub(super) fn full(values: ShardValues, now_ms: u64) -> Self {
        let full = |per_s| Bucket::full(Rate::per_second(per_s), now_ms);
        let large = Rate {
            per_s: values.write_bytes_per_s,
            burst: values.write_bytes_per_s.saturating_mul(LARGE_RECORDS_S),
        };
        Self {
            write_bytes: full(values.write_bytes_per_s),
            large_records: Bucket::full(large, now_ms),
            write_records: full(values.write_records_per_s),
            read_bytes: full(values.read_bytes_per_s),
            reads_pause: false,
            read_calls: full(values.read_calls_per_s),
            iterators: full(values.iterators_per_s),
        }
    }

    /// Whether the shard takes a record of so many bytes, partition key included; counts it if it does.
    pub(super) fn write(&mut self, now_ms: u64, bytes: u64) -> bool {
        let is_large = bytes > self.write_bytes.per_s();
        let fits = self.write_records.has(now_ms, 1)
            && if is_large {
                self.large_records.has(now_ms, bytes) || self.large_records.is_full(now_ms)
            } else {
                self.write_bytes.has(now_ms, bytes)
            };
        if !fits {
            return false;
        }
        self.write_records.take(now_ms, 1);
        self.write_bytes.take_what_is_there(now_ms, bytes);
        self.large_records.take_what_is_there(now_ms, bytes);
        true
    }

    /// Whether a GetRecords is let in; counts the call if it is. Its bytes are known [afterwards](Self::note_read).
    pub(super) fn read(&mut self, now_ms: u64) -> bool {
        if self.reads_pause {
            self.reads_pause = !self.read_bytes.is_full(now_ms);
        }
        !self.reads_pause && self.read_calls.try_take(now_ms, 1)
    }

    /// Counts what a GetRecords gave. One that takes the last of what there was, and be it more, is followed by a pause
    /// until all is there again: of 5 s after 10 MiB, and of 1 s at least, which is what AWS documents.
    pub(super) fn note_read(&mut self, now_ms: u64, bytes: u64) {
        self.read_bytes.take(now_ms, bytes);
        self.reads_pause |= !self.read_bytes.has_any(now_ms);
    }

    /// Whether a GetShardIterator is let in; counts it if it is.
    pub(super) fn iterator(&mut self, now_ms: u64) -> bool {
        self.iterators.try_take(now_ms, 1)
    }
}

impl Allowance for ShardAllowance {
    fn is_whole(&mut self, now_ms: u64) -> bool {
        self.write_bytes.is_full(now_ms)
            && self.large_records.is_full(now_ms)
            && self.write_records.is_full(now_ms)
            && self.read_bytes.is_full(now_ms)
            && self.read_calls.is_full(now_ms)
            && self.iterators.is_full(now_ms)
    }
}

/// What is left of a consumer's limits at a shard.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct FanOutAllowance {
    subscribes: Bucket,
    bytes: Bucket,
}

impl FanOutAllowance {
    pub(super) fn full(values: ShardValues, now_ms: u64) -> Self {
        let full = |per_s| Bucket::full(Rate::per_second(per_s), now_ms);
        Self {
            subscribes: full(values.subscribes_per_s),
            bytes: full(values.fan_out_bytes_per_s),
        }
    }

    /// Whether a SubscribeToShard is let in; counts it if it is.
    pub(super) fn subscribe(&mut self, now_ms: u64) -> bool {
        self.subscribes.try_take(now_ms, 1)
    }

    /// How much an event may hold now. A quarter of a second's worth is waited for, so that a consumer that is behind
    /// gets few events of some size and not many small ones.
    pub(super) fn room(&mut self, now_ms: u64) -> EventRoom {
        let least = (self.bytes.per_s() / 4).max(1);
        if self.bytes.has(now_ms, least) {
            return EventRoom::Bytes(self.bytes.left(now_ms));
        }
        EventRoom::After(Duration::from_millis(self.bytes.ms_until(now_ms, least)))
    }

    /// Counts what an event held.
    pub(super) fn note_event(&mut self, now_ms: u64, bytes: u64) {
        self.bytes.take(now_ms, bytes);
    }
}

impl Allowance for FanOutAllowance {
    fn is_whole(&mut self, now_ms: u64) -> bool {
        self.subscribes.is_full(now_ms) && self.bytes.is_full(now_ms)
    }
}

#[cfg(test)]
mod tests;
