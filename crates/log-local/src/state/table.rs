//! The table of logs: one row per log, and little more than its numbers.

mod groups;

use std::hash::BuildHasher;

use hashbrown::{DefaultHashBuilder, HashTable};

use crate::caches::tail::CachedTail;
use crate::format::{LogKey, RecentId, Tombstones};
use crate::state::waiter::Waiter;
use groups::Groups;

/// Stands in a list of segments for offsets that were skipped and never given to an entry.
pub(crate) const SKIPPED: u32 = u32::MAX;

/// A directory index that is not known because the segment is not sealed yet.
pub(crate) const NOT_SEALED: u32 = u32::MAX;

/// Offsets are numbers of 48 bits: that is what fits into a sequence number.
pub(crate) const OFFSET_LIMIT: u64 = 1 << 48;

/// From `first` on, up to the next reference, the log's entries are in this segment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct SegmentRef {
    pub(crate) number: u32,
    pub(crate) directory_index: u32,
    first_low: u32,
    first_high: u16,
}

impl SegmentRef {
    pub(crate) fn new(number: u32, directory_index: u32, first: u64) -> Self {
        debug_assert!(first < OFFSET_LIMIT, "offsets have 48 bits");
        Self {
            number,
            directory_index,
            first_low: first as u32,
            first_high: (first >> 32) as u16,
        }
    }

    pub(crate) fn first(&self) -> u64 {
        u64::from(self.first_high) << 32 | u64::from(self.first_low)
    }
}

/// In order of offset. Most logs of a large table have one reference or none.
#[derive(Debug, Clone, Default)]
pub(crate) enum SegmentRefs {
    #[default]
    Empty,
    One(SegmentRef),
    Many(Vec<SegmentRef>),
}

impl SegmentRefs {
    pub(crate) fn as_slice(&self) -> &[SegmentRef] {
        match self {
            Self::Empty => &[],
            Self::One(one) => std::slice::from_ref(one),
            Self::Many(many) => many,
        }
    }

    pub(crate) fn as_mut_slice(&mut self) -> &mut [SegmentRef] {
        match self {
            Self::Empty => &mut [],
            Self::One(one) => std::slice::from_mut(one),
            Self::Many(many) => many,
        }
    }

    pub(crate) fn push(&mut self, segment: SegmentRef) {
        match self {
            Self::Empty => *self = Self::One(segment),
            Self::One(one) => *self = Self::Many(vec![*one, segment]),
            Self::Many(many) => many.push(segment),
        }
    }

    pub(crate) fn replace(&mut self, refs: Vec<SegmentRef>) {
        *self = match refs.as_slice() {
            [] => Self::Empty,
            [one] => Self::One(*one),
            _ => Self::Many(refs),
        };
    }

    /// Removes the references whose entries all lie below `first`; `next` ends the last one's.
    pub(crate) fn drop_below(&mut self, first: u64, next: u64, mut dropped: impl FnMut(u32)) {
        let refs = self.as_slice();
        let ends = refs
            .iter()
            .skip(1)
            .map(SegmentRef::first)
            .chain(std::iter::once(next));
        let dead = ends.take_while(|end| *end <= first).count().min(refs.len());
        if dead == 0 {
            return;
        }
        refs[..dead]
            .iter()
            .for_each(|segment| dropped(segment.number));
        self.replace(refs[dead..].to_vec());
    }
}

/// What only logs need that are written or read at the tail now, or that use append ids.
#[derive(Debug, Default)]
pub(crate) struct ActiveLog {
    /// Assigned by the sequencer and not yet durable: entries, and the time of the last one.
    pub(crate) pending: u64,
    pub(crate) pending_time: u64,
    /// A CLOSE is on its way.
    pub(crate) closing: bool,
    /// A delete is on its way.
    pub(crate) deleting: bool,
    /// Oldest first, those on their way included.
    pub(crate) ids: std::collections::VecDeque<RecentId>,
    pub(crate) tail: CachedTail,
    pub(crate) waiters: Vec<std::sync::Arc<Waiter>>,
}

impl ActiveLog {
    fn is_idle(&self) -> bool {
        self.pending == 0
            && !self.deleting
            && self.ids.is_empty()
            && self.tail.is_empty()
            && self.waiters.is_empty()
    }
}

/// A log.
#[derive(Debug)]
pub(crate) struct LogRow {
    pub(crate) key: LogKey,
    /// Durable bounds.
    pub(crate) first: u64,
    pub(crate) next: u64,
    pub(crate) last_time: u64,
    pub(crate) segments: SegmentRefs,
    pub(crate) active: Option<Box<ActiveLog>>,
    /// Tells this log from one that had the same row before.
    pub(crate) incarnation: u32,
    /// A durable CLOSE.
    pub(crate) closed: bool,
    /// The create is durable.
    pub(crate) created: bool,
}

impl LogRow {
    pub(crate) fn new(key: LogKey) -> Self {
        Self {
            key,
            first: 0,
            next: 0,
            last_time: 0,
            segments: SegmentRefs::Empty,
            active: None,
            incarnation: 0,
            closed: false,
            created: false,
        }
    }

    pub(crate) fn active_mut(&mut self) -> &mut ActiveLog {
        self.active.get_or_insert_default()
    }

    /// Gives memory back if nothing needs it.
    pub(crate) fn settle(&mut self) {
        if self.active.as_ref().is_some_and(|active| active.is_idle()) {
            self.active = None;
        }
    }

    pub(crate) fn is_deleting(&self) -> bool {
        self.active.as_ref().is_some_and(|active| active.deleting)
    }
}

/// All logs, and which ones were deleted.
#[derive(Debug, Default)]
pub(crate) struct LogTable {
    rows: Vec<Option<LogRow>>,
    free: Vec<u32>,
    index: HashTable<u32>,
    groups: Groups,
    hasher: DefaultHashBuilder,
    incarnations: u32,
    pub(crate) tombstones: Tombstones,
    /// How often somebody walked over all rows.
    #[cfg(test)]
    pub(crate) walks: std::cell::Cell<u32>,
}

impl LogTable {
    pub(crate) fn find(&self, key: LogKey) -> Option<u32> {
        let hash = self.hasher.hash_one(key);
        let rows = &self.rows;
        self.index
            .find(hash, |row| has_key(rows, *row, key))
            .copied()
    }

    pub(crate) fn get(&self, row: u32) -> Option<&LogRow> {
        self.rows.get(row as usize)?.as_ref()
    }

    pub(crate) fn get_mut(&mut self, row: u32) -> Option<&mut LogRow> {
        self.rows.get_mut(row as usize)?.as_mut()
    }

    pub(crate) fn by_key(&self, key: LogKey) -> Option<&LogRow> {
        self.get(self.find(key)?)
    }

    pub(crate) fn by_key_mut(&mut self, key: LogKey) -> Option<&mut LogRow> {
        let row = self.find(key)?;
        self.get_mut(row)
    }

    /// Adds a log that is not there.
    pub(crate) fn insert(&mut self, mut log: LogRow) -> u32 {
        let hash = self.hasher.hash_one(log.key);
        self.incarnations = self.incarnations.wrapping_add(1);
        log.incarnation = self.incarnations;
        let group = log.key.group;
        let row = match self.free.pop() {
            Some(row) => {
                self.rows[row as usize] = Some(log);
                row
            }
            None => {
                self.rows.push(Some(log));
                u32::try_from(self.rows.len() - 1).expect("fewer than 2^32 logs fit in memory")
            }
        };
        self.groups.add(group, row);
        let (rows, hasher) = (&self.rows, &self.hasher);
        self.index.insert_unique(hash, row, |row| {
            let log = rows[*row as usize].as_ref();
            hasher.hash_one(log.expect("the index names rows that are filled").key)
        });
        row
    }

    pub(crate) fn remove(&mut self, key: LogKey) -> Option<LogRow> {
        let hash = self.hasher.hash_one(key);
        let rows = &self.rows;
        let found = self
            .index
            .find_entry(hash, |row| has_key(rows, *row, key))
            .ok()?;
        let (row, _) = found.remove();
        self.free.push(row);
        self.groups.remove(key.group, row);
        self.rows[row as usize].take()
    }

    /// Rows are numbered below this.
    pub(crate) fn row_limit(&self) -> u32 {
        self.rows.len() as u32
    }

    pub(crate) fn len(&self) -> usize {
        self.index.len()
    }

    /// The rows of a group's logs. Costs what they are, however many others there are.
    pub(crate) fn rows_of_group(&self, group: u64) -> Vec<u32> {
        self.groups.rows(group).collect()
    }

    /// The keys of a group's logs, likewise.
    pub(crate) fn keys_of_group(&self, group: u64) -> Vec<LogKey> {
        let rows = self.groups.rows(group);
        rows.filter_map(|row| Some(self.get(row)?.key)).collect()
    }

    /// All logs: for starts and stops, not for a single call while others wait.
    pub(crate) fn iter_mut(&mut self) -> impl Iterator<Item = &mut LogRow> {
        #[cfg(test)]
        self.walks.set(self.walks.get() + 1);
        self.rows.iter_mut().flatten()
    }

    pub(crate) fn reserve(&mut self, logs: usize) {
        let (rows, hasher) = (&self.rows, &self.hasher);
        self.index.reserve(logs, |row| {
            let log = rows[*row as usize].as_ref();
            hasher.hash_one(log.expect("the index names rows that are filled").key)
        });
        self.rows.reserve_exact(logs);
        self.groups.reserve(logs);
    }
}

fn has_key(rows: &[Option<LogRow>], row: u32, key: LogKey) -> bool {
    rows[row as usize]
        .as_ref()
        .is_some_and(|log| log.key == key)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_is_small() {
        assert!(
            size_of::<Option<LogRow>>() <= 88,
            "{}",
            size_of::<Option<LogRow>>()
        );
    }

    #[test]
    fn references_below_the_first_offset_are_dropped_and_named() {
        let mut refs = SegmentRefs::Empty;
        for (number, first) in [(1, 0), (2, 10), (SKIPPED, 20), (3, 1 << 40)] {
            refs.push(SegmentRef::new(number, NOT_SEALED, first));
        }
        let mut dropped = Vec::new();
        refs.drop_below(10, (1 << 40) + 5, |number| dropped.push(number));
        assert_eq!(dropped, [1]);
        refs.drop_below(19, (1 << 40) + 5, |number| dropped.push(number));
        assert_eq!(dropped, [1]);
        refs.drop_below(1 << 40, (1 << 40) + 5, |number| dropped.push(number));
        assert_eq!(dropped, [1, 2, SKIPPED]);
        assert_eq!(refs.as_slice()[0].first(), 1 << 40);
        refs.drop_below((1 << 40) + 5, (1 << 40) + 5, |number| dropped.push(number));
        assert_eq!(dropped, [1, 2, SKIPPED, 3]);
        assert!(refs.as_slice().is_empty());
    }

    #[test]
    fn rows_are_found_by_key_until_they_are_removed() {
        let mut table = LogTable::default();
        let key = |log| LogKey {
            group: log % 3,
            log,
        };
        for log in 0..1000 {
            table.insert(LogRow::new(key(log)));
        }
        for log in (0..1000).step_by(2) {
            assert_eq!(table.remove(key(log)).unwrap().key, key(log));
        }
        for log in 0..1000 {
            assert_eq!(table.by_key(key(log)).is_some(), log % 2 == 1);
        }
        table.insert(LogRow::new(key(0)));
        assert_eq!(
            (table.len(), table.row_limit()),
            (501, 1000),
            "rows are used again"
        );
    }

    #[test]
    fn the_logs_of_a_group_are_those_that_were_added_and_not_removed() {
        let mut table = LogTable::default();
        let mut there = std::collections::BTreeSet::new();
        // As good as random, and the same each time.
        let numbers = (1..20_000u64).map(|n| n.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 40);
        for number in numbers {
            let key = LogKey {
                group: number % 7,
                log: number / 7 % 50,
            };
            if there.insert((key.group, key.log)) {
                table.insert(LogRow::new(key));
            } else {
                there.remove(&(key.group, key.log));
                table.remove(key);
            }
            let keys = table.keys_of_group(key.group).into_iter();
            let found: Vec<_> = keys.map(|key| (key.group, key.log)).collect();
            let expected = there.range((key.group, 0)..(key.group + 1, 0));
            assert_eq!(found.len(), expected.clone().count());
            assert!(expected.into_iter().all(|key| found.contains(key)));
        }
        assert!(table.rows_of_group(8).is_empty());
    }
}
