//! Which sealed segments are worth a compaction: a pure function of how much of each is alive.
//!
//! A segment of which less than half is alive is worth it for its room. What is copied is then never more than what
//! is freed, and when none is left the sealed segments hold no more than twice what is alive. Small neighbours, and
//! segments whose logs are interleaved, are worth it for the readers, while there is room to spare.

use std::ops::Range;

use crate::format::{ManifestSegment, SegmentKind};
use crate::state::Look;

/// The newest segments are not tidied: they are likely to be read from the tail cache, and to change.
const NEWEST_SPARED: usize = 2;

/// So many small segments that follow each other become one.
const SMALL_RUN: usize = 4;

/// Runs shorter than this on average make reading one log slow.
const INTERLEAVED_RUN_BYTES: u64 = 4 << 10;

/// ... if there are several of them per log.
const INTERLEAVED_RUNS_PER_LOG: u64 = 4;

/// A sealed segment, in order of lsn.
#[derive(Debug, Clone, Copy)]
pub(super) struct Candidate {
    pub(super) segment: ManifestSegment,
    /// `None`: it is not to be touched.
    pub(super) look: Option<Look>,
}

impl Candidate {
    fn live_bytes(&self) -> u64 {
        self.look
            .map_or(self.segment.file_bytes, |look| look.live_bytes)
    }

    pub(super) fn is_mostly_dead(&self) -> bool {
        self.look.is_some() && self.live_bytes() < self.segment.file_bytes.div_ceil(2)
    }

    fn is_interleaved(&self) -> bool {
        let entries = u64::from(self.segment.directory_entries).max(1);
        self.look.is_some_and(|look| {
            let runs = look.runs.max(1);
            self.segment.kind == SegmentKind::Appended
                && self.segment.data_end / runs < INTERLEAVED_RUN_BYTES
                && runs / entries >= INTERLEAVED_RUNS_PER_LOG
        })
    }

    fn is_small(&self, target_bytes: u64) -> bool {
        self.look.is_some() && self.segment.file_bytes < target_bytes / SMALL_RUN as u64
    }
}

/// What there is to write to.
#[derive(Debug, Clone, Copy)]
pub(super) struct OutputRoom {
    /// No new segment is to be longer, unless it is made of a single one.
    pub(super) target_bytes: u64,
    /// No new segment can be longer.
    pub(super) free_bytes: u64,
    /// Whether to spend room for the readers' sake.
    pub(super) is_ample: bool,
}

/// Neighbours that should become one segment.
pub(super) fn choose(candidates: &[Candidate], room: OutputRoom) -> Option<Range<usize>> {
    mostly_dead(candidates, room).or_else(|| {
        let end = candidates.len().saturating_sub(NEWEST_SPARED);
        let older = &candidates[..end];
        if room.is_ample {
            interleaved(older, room).or_else(|| small(older, room))
        } else {
            None
        }
    })
}

/// The segment that frees most for each byte copied, with the neighbours that are mostly dead too.
fn mostly_dead(candidates: &[Candidate], room: OutputRoom) -> Option<Range<usize>> {
    let fits = |candidate: &Candidate| {
        candidate.is_mostly_dead() && candidate.live_bytes() <= room.free_bytes
    };
    let part = |place: &usize| {
        let candidate = &candidates[*place];
        u128::from(candidate.live_bytes()) * (1 << 32) / u128::from(candidate.segment.file_bytes)
    };
    let best = (0..candidates.len())
        .filter(|place| fits(&candidates[*place]))
        .min_by_key(part)?;
    let bytes_max = room.target_bytes.min(room.free_bytes);
    let mut bytes = candidates[best].live_bytes();
    let mut joins = |candidate: &Candidate| {
        let is_joined = candidate.is_mostly_dead() && bytes + candidate.live_bytes() <= bytes_max;
        bytes += if is_joined { candidate.live_bytes() } else { 0 };
        is_joined
    };
    let (mut start, mut end) = (best, best + 1);
    while end < candidates.len() && joins(&candidates[end]) {
        end += 1;
    }
    while start > 0 && joins(&candidates[start - 1]) {
        start -= 1;
    }
    Some(start..end)
}

fn interleaved(candidates: &[Candidate], room: OutputRoom) -> Option<Range<usize>> {
    let start = candidates.iter().position(Candidate::is_interleaved)?;
    let (mut bytes, mut end) = (candidates[start].live_bytes(), start + 1);
    while let Some(next) = candidates.get(end).filter(|next| next.is_interleaved()) {
        bytes += next.live_bytes();
        if bytes > room.target_bytes {
            break;
        }
        end += 1;
    }
    Some(start..end)
}

/// Several small ones, of which none makes up more than half: what is copied then at least doubles the segment that
/// it is in, so that no byte is copied more than log2(target / its first segment) times.
fn small(candidates: &[Candidate], room: OutputRoom) -> Option<Range<usize>> {
    (0..candidates.len()).find_map(|start| {
        let (mut bytes, mut largest, mut end) = (0, 0, start);
        while let Some(next) = candidates.get(end)
            && next.is_small(room.target_bytes)
            && bytes + next.live_bytes() <= room.target_bytes
        {
            bytes += next.live_bytes();
            largest = largest.max(next.live_bytes());
            end += 1;
        }
        (end - start >= SMALL_RUN && largest * 2 <= bytes).then_some(start..end)
    })
}

#[cfg(test)]
mod tests;
