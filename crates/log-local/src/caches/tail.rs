//! Recent durable entries of all logs, in memory, first in first out, inside one byte budget.

use std::collections::VecDeque;

use bytes::Bytes;
use millstream_log::{Entry, EntryKind};
use millstream_types::TimestampMs;

/// Memory of an entry besides its payload: this record, the payload's own header, its share of the queue.
const OVERHEAD_BYTES: usize = size_of::<CachedEntry>() + 64;

/// One log's entries in the cache: `first` and up, without gaps, up to the log's `next`.
#[derive(Debug, Default)]
pub(crate) struct CachedTail {
    first: u64,
    entries: VecDeque<CachedEntry>,
}

#[derive(Debug)]
struct CachedEntry {
    time: u64,
    kind: EntryKind,
    payload: Bytes,
}

impl CachedEntry {
    fn cost_bytes(&self) -> usize {
        OVERHEAD_BYTES + self.payload.len()
    }
}

impl CachedTail {
    pub(crate) fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Offset of the oldest entry; `None` if there are none.
    pub(crate) fn first(&self) -> Option<u64> {
        (!self.entries.is_empty()).then_some(self.first)
    }

    /// Entries from an offset that is not below [`first`](Self::first), up to `bytes_max` of payload, at least one.
    pub(crate) fn read(&self, from: u64, bytes_max: usize, out: &mut Vec<Entry>) {
        let mut bytes: usize = out.iter().map(|entry| entry.payload.len()).sum();
        let skipped = (from - self.first) as usize;
        for (offset, entry) in (from..).zip(self.entries.iter().skip(skipped)) {
            bytes += entry.payload.len();
            if bytes > bytes_max && !out.is_empty() {
                return;
            }
            out.push(Entry {
                offset,
                time: TimestampMs(entry.time),
                kind: entry.kind,
                payload: entry.payload.clone(),
            });
        }
    }

    /// Offset of the first cached entry appended at or after `time`, if the cache alone can tell.
    pub(crate) fn offset_for_time(&self, time: u64) -> Option<u64> {
        let before = self.entries.partition_point(|entry| entry.time < time);
        (before > 0).then_some(self.first + before as u64)
    }

    fn pop(&mut self) -> usize {
        let Some(entry) = self.entries.pop_front() else {
            return 0;
        };
        self.first += 1;
        if self.entries.is_empty() {
            self.entries = VecDeque::new();
        }
        entry.cost_bytes()
    }
}

/// Who holds which place in the queue.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Turn {
    pub(crate) row: u32,
    pub(crate) incarnation: u32,
    entries: u32,
}

/// A place in the queue counts until its turn comes, also if its log is gone by then.
const TURN_BYTES: usize = size_of::<Turn>();

/// The budget and the order of eviction. The entries themselves are in the logs' rows.
#[derive(Debug)]
pub(crate) struct TailCache {
    bytes: usize,
    bytes_max: usize,
    turns: VecDeque<Turn>,
}

impl TailCache {
    pub(crate) fn new(bytes_max: usize) -> Self {
        Self {
            bytes: 0,
            bytes_max,
            turns: VecDeque::new(),
        }
    }

    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }

    /// Adds the entry at `offset`, which is the log's newest.
    pub(crate) fn push(
        &mut self,
        tail: &mut CachedTail,
        offset: u64,
        time: u64,
        kind: EntryKind,
        payload: Bytes,
    ) {
        if tail.entries.is_empty() {
            tail.first = offset;
        }
        debug_assert_eq!(
            tail.first + tail.entries.len() as u64,
            offset,
            "the cached tail has no gaps"
        );
        let entry = CachedEntry {
            time,
            kind,
            payload,
        };
        self.bytes += entry.cost_bytes();
        tail.entries.push_back(entry);
    }

    /// Queues entries that were pushed for one log.
    pub(crate) fn queue(&mut self, row: u32, incarnation: u32, entries: u32) {
        self.bytes += TURN_BYTES;
        self.turns.push_back(Turn {
            row,
            incarnation,
            entries,
        });
    }

    /// Whose entries to evict next, while the cache is over its budget.
    pub(crate) fn over_budget(&mut self) -> Option<Turn> {
        if self.bytes <= self.bytes_max {
            return None;
        }
        let turn = self.turns.pop_front()?;
        self.bytes -= TURN_BYTES;
        Some(turn)
    }

    /// Evicts what a turn stands for from its log's tail.
    pub(crate) fn evict(&mut self, turn: Turn, tail: &mut CachedTail) {
        for _ in 0..turn.entries {
            self.bytes -= tail.pop();
        }
    }

    /// Forgets the tail of a log that is gone; its turns find nobody.
    pub(crate) fn forget(&mut self, tail: &CachedTail) {
        let bytes: usize = tail.entries.iter().map(CachedEntry::cost_bytes).sum();
        self.bytes -= bytes;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_queue_is_bounded_where_logs_come_and_go() {
        let mut cache = TailCache::new(10_000);
        for row in 0..100_000 {
            let mut tail = CachedTail::default();
            let payload = Bytes::from_static(b"payload");
            cache.push(&mut tail, 0, 0, EntryKind::Data, payload);
            cache.queue(row, row, 1);
            cache.forget(&tail);
            // Its log is gone when a turn comes.
            while cache.over_budget().is_some() {}
        }
        assert!(cache.bytes() <= 10_000);
        assert!(cache.turns.len() * TURN_BYTES <= 10_000);
    }

    #[test]
    fn the_oldest_entries_go_first() {
        let mut cache = TailCache::new(1000);
        let mut tail = CachedTail::default();
        for offset in 5..25 {
            let payload = Bytes::from(vec![0; 100]);
            cache.push(&mut tail, offset, offset * 10, EntryKind::Data, payload);
            cache.queue(0, 0, 1);
            while let Some(turn) = cache.over_budget() {
                cache.evict(turn, &mut tail);
            }
            assert!(cache.bytes() <= 1000);
        }
        let first = tail.first().unwrap();
        assert!(first > 15 && first < 25);
        let mut entries = Vec::new();
        tail.read(first + 1, 150, &mut entries);
        assert_eq!((entries.len(), entries[0].offset), (1, first + 1));
        assert_eq!(
            tail.offset_for_time(first * 10),
            None,
            "older ones may be on the disk"
        );
        assert_eq!(tail.offset_for_time(first * 10 + 1), Some(first + 1));
    }
}
