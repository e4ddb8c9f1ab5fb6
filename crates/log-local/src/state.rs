//! What all threads of the engine share, behind one mutex that is held for short steps only, never over I/O.

pub(crate) mod table;
pub(crate) mod waiter;

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::sync::Arc;

use crate::caches::tail::TailCache;
use crate::disk::DiskFile;
use crate::format::{LogKey, ManifestSegment, RunRef};
use crate::pending::gathering::Gathering;
use crate::pending::group::Group;
use crate::segments::index::SegmentIndex;
use crate::state::table::{LogRow, LogTable, SKIPPED};
use crate::state::waiter::Waiter;

/// Whether the engine takes writes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Phase {
    Running,
    /// Commits what was submitted, takes no more.
    Stopping,
    Stopped,
    /// A write or an fsync failed: no more writes, reads go on.
    Failed(String),
}

/// Room on the disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Room {
    /// Appends to logs of groups other than 0 are taken.
    pub(crate) records: bool,
    /// Only the reserve is left, and so many bytes of it.
    pub(crate) reserve_left: Option<u64>,
}

/// A segment in which somebody may have entries.
#[derive(Debug)]
pub(crate) struct SegmentRow {
    /// Logs with a reference to it.
    pub(crate) live_logs: u32,
    /// Where its footer is; `None` while it is written.
    pub(crate) sealed: Option<ManifestSegment>,
    /// Behind the last frame that was published, while it is written; else 0.
    pub(crate) published_end: u64,
    /// All references to it know their place in its directory.
    pub(crate) settled: bool,
    /// A run could not be read: leave it as it is.
    pub(crate) damaged: bool,
    /// Grows whenever something in it dies.
    pub(crate) changes: u32,
    /// What its footer said, when housekeeping last looked.
    pub(crate) look: Option<Look>,
}

impl SegmentRow {
    pub(crate) fn new(sealed: Option<ManifestSegment>) -> Self {
        Self {
            live_logs: 0,
            settled: sealed.is_some(),
            sealed,
            published_end: 0,
            damaged: false,
            changes: 0,
            look: None,
        }
    }

    /// The look, if nothing died since.
    pub(crate) fn current_look(&self) -> Option<Look> {
        self.look.filter(|look| look.changes == self.changes)
    }
}

/// How much of a sealed segment is alive.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Look {
    /// The segment's `changes` when it was looked at.
    pub(crate) changes: u32,
    /// Bytes that a segment would have that held what is alive and nothing else.
    pub(crate) live_bytes: u64,
    /// All runs, dead ones included.
    pub(crate) runs: u64,
}

/// The segment that is written now, and the one before while it is sealed.
#[derive(Debug)]
pub(crate) struct OpenSegment {
    pub(crate) number: u32,
    pub(crate) file: Arc<dyn DiskFile>,
    pub(crate) file_bytes: u64,
    pub(crate) index: SegmentIndex,
}

#[derive(Debug)]
pub(crate) struct State {
    pub(crate) phase: Phase,
    /// A stop was asked for, whatever the phase: no read waits any more.
    pub(crate) stopping: bool,
    /// The folder may belong to somebody else: nothing is read any more.
    pub(crate) closed: bool,
    pub(crate) room: Room,
    pub(crate) table: LogTable,
    /// Groups whose delete is on its way.
    pub(crate) deleting_groups: HashSet<u64>,
    pub(crate) cache: TailCache,
    /// Submitted, not yet taken by the committing thread.
    pub(crate) pending: Group,
    /// Submitted, not yet answered.
    pub(crate) pending_bytes: usize,
    pub(crate) gathering: Gathering,
    pub(crate) durable_lsn: u64,
    pub(crate) segments: BTreeMap<u32, SegmentRow>,
    pub(crate) open: Option<OpenSegment>,
    pub(crate) sealing: Option<(u32, Arc<dyn DiskFile>, Arc<SegmentIndex>)>,
    pub(crate) next_number: u32,
    /// Numbers of segments that have frames without a footer, or may get frames later.
    pub(crate) unsealed: BTreeSet<u32>,
    /// Starts after an unclean end in `os` mode.
    pub(crate) epoch: u32,
    /// Something for the housekeeping thread to look at.
    pub(crate) housekeeping_due: bool,
    /// Something died since the housekeeping thread last looked for segments that are mostly dead.
    pub(crate) died: bool,
    /// The committing thread is to seal the open segment although it is not full.
    pub(crate) seal_asked: bool,
    /// How many hold a moment of the folder: no segment is removed or used again meanwhile.
    pub(crate) pins: u32,
}

impl State {
    pub(crate) fn new(tail_cache_bytes: usize) -> Self {
        Self {
            phase: Phase::Running,
            stopping: false,
            closed: false,
            room: Room {
                records: true,
                reserve_left: None,
            },
            table: LogTable::default(),
            deleting_groups: HashSet::new(),
            cache: TailCache::new(tail_cache_bytes),
            pending: Group::default(),
            pending_bytes: 0,
            gathering: Gathering::default(),
            durable_lsn: 0,
            segments: BTreeMap::new(),
            open: None,
            sealing: None,
            next_number: 1,
            unsealed: BTreeSet::new(),
            epoch: 0,
            housekeeping_due: false,
            died: false,
            seal_asked: false,
            pins: 0,
        }
    }

    pub(crate) fn take_number(&mut self) -> u32 {
        let number = self.next_number;
        self.next_number += 1;
        assert!(
            self.next_number < SKIPPED,
            "segment numbers are never reused"
        );
        number
    }

    /// A number for a segment that frames are going to be appended to.
    pub(crate) fn take_unsealed_number(&mut self) -> u32 {
        let number = self.take_number();
        self.unsealed.insert(number);
        number
    }

    /// Counts a log's references to segments up or down.
    pub(crate) fn count_reference(&mut self, number: u32, added: bool) {
        let Some(segment) = self.segments.get_mut(&number) else {
            return;
        };
        if added {
            segment.live_logs += 1;
        } else {
            segment.live_logs -= 1;
            segment.changes = segment.changes.wrapping_add(1);
            self.died = true;
            self.housekeeping_due |= segment.live_logs == 0 && segment.settled;
        }
    }

    /// Makes entries below `first` unreadable and lets go of the segments that only held such.
    pub(crate) fn raise_first(&mut self, row: u32, first: u64) -> Vec<Arc<Waiter>> {
        let Some(log) = self.table.get_mut(row) else {
            return Vec::new();
        };
        let (key, first_before) = (log.key, log.first);
        log.first = log.first.max(first.min(log.next));
        let mut dropped = Vec::new();
        let (first, next) = (log.first, log.next);
        log.segments
            .drop_below(first, next, |number| dropped.push(number));
        let waiters = log
            .active
            .as_mut()
            .map(|active| std::mem::take(&mut active.waiters));
        log.settle();
        let partly = log.segments.as_slice().first().map(|first| first.number);
        for number in dropped {
            self.count_reference(number, false);
        }
        if first > first_before {
            self.died = true;
            if let Some(segment) = partly.and_then(|number| self.segments.get_mut(&number)) {
                segment.changes = segment.changes.wrapping_add(1);
            }
            if let Some(open) = &mut self.open {
                open.index.trim(key, first);
            }
        }
        waiters.unwrap_or_default()
    }

    /// Forgets a log that is deleted. Returns who waits at its tail.
    pub(crate) fn remove_log(&mut self, key: LogKey) -> Vec<Arc<Waiter>> {
        let Some(log) = self.table.remove(key) else {
            return Vec::new();
        };
        for segment in log.segments.as_slice() {
            self.count_reference(segment.number, false);
        }
        if let Some(open) = &mut self.open {
            open.index.remove(key);
        }
        match log.active {
            Some(active) => {
                self.cache.forget(&active.tail);
                active.waiters
            }
            None => Vec::new(),
        }
    }

    /// Evicts entries until the tail cache keeps its budget.
    pub(crate) fn evict(&mut self) {
        while let Some(turn) = self.cache.over_budget() {
            let Some(log) = self.table.get_mut(turn.row) else {
                continue;
            };
            if log.incarnation != turn.incarnation {
                continue;
            }
            if let Some(active) = &mut log.active {
                self.cache.evict(turn, &mut active.tail);
            }
            log.settle();
        }
    }

    /// Runs of a log in a segment that is not sealed yet.
    pub(crate) fn unsealed_runs(
        &self,
        number: u32,
        key: LogKey,
    ) -> Option<(&[RunRef], Arc<dyn DiskFile>)> {
        if let Some(open) = self.open.as_ref().filter(|open| open.number == number) {
            return Some((open.index.runs(key), Arc::clone(&open.file)));
        }
        let (_, file, index) = self
            .sealing
            .as_ref()
            .filter(|(sealing, ..)| *sealing == number)?;
        Some((index.runs(key), Arc::clone(file)))
    }

    /// A log that may be read: its create is durable.
    pub(crate) fn readable(&self, key: LogKey) -> Option<&LogRow> {
        self.table.by_key(key).filter(|log| log.created)
    }
}
