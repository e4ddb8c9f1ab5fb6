//! Where an offset is to be read from.

use std::sync::Arc;

use crate::caches::tail::CachedTail;
use crate::disk::DiskFile;
use crate::format::{ManifestSegment, RunRef};
use crate::state::State;
use crate::state::table::{LogRow, NOT_SEALED, SKIPPED, SegmentRef};

/// Most runs of a segment that is not sealed which one step of a read takes along.
const RUNS_MAX: usize = 1024;

#[derive(Debug)]
pub(crate) enum Plan<'a> {
    /// Nothing is there yet.
    Tail,
    /// In memory.
    Cached(&'a CachedTail),
    /// No entry has this offset; the next one that any has.
    Skipped(u64),
    /// On the disk.
    Segment(Source),
}

/// A segment that has the offset.
#[derive(Debug)]
pub(crate) struct Source {
    pub(crate) number: u32,
    /// Where the log's entries in this segment end.
    pub(crate) end: u64,
    pub(crate) place: SourcePlace,
}

#[derive(Debug)]
pub(crate) enum SourcePlace {
    /// Behind the footer of a sealed segment.
    Footer(ManifestSegment, u32),
    /// In an open segment: the runs from the one with the offset on.
    Open(Arc<dyn DiskFile>, Vec<RunRef>),
}

impl<'a> Plan<'a> {
    /// `from` lies inside the log's bounds.
    pub(crate) fn of(state: &State, log: &'a LogRow, from: u64) -> Self {
        if from >= log.next {
            return Self::Tail;
        }
        let tail = log.active.as_ref().map(|active| &active.tail);
        if let Some(tail) = tail.filter(|tail| tail.first().is_some_and(|first| first <= from)) {
            return Self::Cached(tail);
        }
        let refs = log.segments.as_slice();
        let after = refs.partition_point(|segment| segment.first() <= from);
        match after.checked_sub(1).map(|place| refs[place]) {
            Some(segment) if segment.number != SKIPPED => {
                Self::segment(state, log, from).map_or(Self::Tail, Self::Segment)
            }
            _ => refs
                .get(after)
                .map_or(Self::Tail, |next| Self::Skipped(next.first())),
        }
    }

    /// The segment that has the offset; `None` if none has.
    pub(crate) fn segment(state: &State, log: &LogRow, from: u64) -> Option<Source> {
        let refs = log.segments.as_slice();
        let after = refs.partition_point(|segment| segment.first() <= from);
        let segment = refs[after.checked_sub(1)?];
        let place = if segment.directory_index == NOT_SEALED {
            let (runs, file) = state.unsealed_runs(segment.number, log.key)?;
            let start = runs.partition_point(|run| run.first_offset <= from);
            let runs = &runs[start.saturating_sub(1)..];
            SourcePlace::Open(file, runs[..runs.len().min(RUNS_MAX)].to_vec())
        } else {
            let row = state.segments.get(&segment.number)?;
            let sealed = row.sealed.expect("a segment with a directory is sealed");
            SourcePlace::Footer(sealed, segment.directory_index)
        };
        Some(Source {
            number: segment.number,
            end: refs.get(after).map_or(log.next, SegmentRef::first),
            place,
        })
    }
}
