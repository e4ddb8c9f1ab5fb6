//! One log in memory.

use std::collections::VecDeque;

use bytes::Bytes;
use millstream_types::TimestampMs;

use super::recent_ids::RecentIds;
use super::waiters::Waiters;
use crate::{AppendId, Appended, Bounds, Entry, EntryKind, ReadOutcome};

/// What an entry counts towards the engine's room besides its payload.
pub(super) const ENTRY_BYTES: usize = 96;

/// Entries, bounds, remembered ids and the reads that wait at the tail.
#[derive(Debug, Default)]
pub(super) struct MemoryLog {
    entries: VecDeque<Entry>,
    first: u64,
    last_time: TimestampMs,
    is_closed: bool,
    entry_bytes: usize,
    pub(super) ids: RecentIds,
    pub(super) waiters: Waiters,
}

impl MemoryLog {
    pub(super) fn bounds(&self) -> Bounds {
        Bounds {
            first: self.first,
            next: self.first + self.entries.len() as u64,
            last_time: self.last_time,
        }
    }

    pub(super) fn is_closed(&self) -> bool {
        self.is_closed
    }

    /// Bytes that this log counts towards the engine's room.
    pub(super) fn held_bytes(&self) -> usize {
        self.entry_bytes + self.ids.held_bytes()
    }

    /// Adds an entry that was found acceptable, and wakes who waits for it.
    pub(super) fn push(
        &mut self,
        now: TimestampMs,
        kind: EntryKind,
        payload: Bytes,
        id: Option<(AppendId, usize)>,
    ) -> Appended {
        let appended = Appended {
            offset: self.bounds().next,
            time: self.last_time.max(now),
        };
        self.last_time = appended.time;
        self.is_closed |= kind == EntryKind::Close;
        self.entry_bytes += ENTRY_BYTES + payload.len();
        self.entries.push_back(Entry {
            offset: appended.offset,
            time: appended.time,
            kind,
            payload,
        });
        if let Some((id, kept)) = id {
            self.ids.insert(id, appended, kept);
        }
        self.waiters.wake_all();
        appended
    }

    pub(super) fn read(&self, from: u64, bytes_max: usize) -> ReadOutcome {
        let bounds = self.bounds();
        if from < bounds.first || from > bounds.next {
            return ReadOutcome::OutOfRange(bounds);
        }
        let mut bytes = 0usize;
        let entries = self
            .entries
            .range(self.index(from)..)
            .enumerate()
            .take_while(|(position, entry)| {
                bytes = bytes.saturating_add(entry.payload.len());
                *position == 0 || bytes <= bytes_max
            })
            .map(|(_, entry)| entry.clone())
            .collect();
        ReadOutcome::Entries { entries, bounds }
    }

    pub(super) fn offset_for_time(&self, time: TimestampMs) -> u64 {
        self.first + self.entries.partition_point(|entry| entry.time < time) as u64
    }

    pub(super) fn trim(&mut self, before: u64) {
        let before = before.clamp(self.first, self.bounds().next);
        let dropped = self.entries.drain(..self.index(before));
        self.entry_bytes -= dropped
            .map(|entry| ENTRY_BYTES + entry.payload.len())
            .sum::<usize>();
        self.first = before;
    }

    /// Position in `entries` of an offset from `first` to `next`.
    fn index(&self, offset: u64) -> usize {
        usize::try_from(offset - self.first).expect("what lies in memory can be counted")
    }
}
