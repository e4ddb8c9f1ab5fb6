//! Which sealed segments are worth a compaction.

use std::collections::HashMap;

use crate::disk::Waiting;
use crate::format::{DIRECTORY_ENTRY_BYTES, DirectoryEntry, ManifestSegment, SegmentKind};
use crate::reader::{ReadError, read_exact};
use crate::shared::Shared;

/// Segments whose directories are read in one round.
const LOOKS_PER_ROUND: usize = 16;

/// The newest segments are left alone: they are likely to be read from the tail cache, and to change.
const NEWEST_SPARED: usize = 2;

/// A segment with less than this part alive is mostly dead.
const LIVE_PART: f64 = 0.5;

/// So many small segments that follow each other become one.
const SMALL_RUN: usize = 4;

/// Runs shorter than this on average make reading one log slow.
const INTERLEAVED_RUN_BYTES: u64 = 4 << 10;

/// ... if there are several of them per log.
const INTERLEAVED_RUNS_PER_LOG: u64 = 4;

/// What the directory of a segment said, and how many logs were alive in it then.
#[derive(Debug, Clone, Copy)]
struct Look {
    live_logs: u32,
    live_part: f64,
    runs: u64,
}

#[derive(Debug, Default)]
pub(super) struct Selection {
    looks: HashMap<u32, Look>,
}

impl Selection {
    /// Segments that follow each other and should become one; in order.
    pub(super) fn choose(&mut self, shared: &Shared) -> Option<Vec<ManifestSegment>> {
        let mut candidates: Vec<(ManifestSegment, u32, bool)> = {
            let state = shared.state.lock();
            let settled = state.segments.values().filter(|segment| segment.settled);
            settled
                .filter_map(|segment| Some((segment.sealed?, segment.live_logs, segment.damaged)))
                .collect()
        };
        candidates.sort_unstable_by_key(|(segment, ..)| segment.first_lsn);
        candidates.truncate(candidates.len().saturating_sub(NEWEST_SPARED));
        self.look_around(shared, &candidates);
        let target = *shared.settings.segment_bytes.last()?;
        let wishes: Vec<Wish> = candidates
            .iter()
            .map(|(segment, live_logs, damaged)| {
                if *damaged || *live_logs == 0 {
                    Wish::None
                } else {
                    self.wish(segment, *live_logs, target)
                }
            })
            .collect();
        let segments: Vec<ManifestSegment> =
            candidates.iter().map(|(segment, ..)| *segment).collect();
        best_run(&segments, &wishes, target)
    }

    /// Reads the directories of some segments that changed since.
    fn look_around(&mut self, shared: &Shared, candidates: &[(ManifestSegment, u32, bool)]) {
        self.looks.retain(|number, _| {
            candidates
                .iter()
                .any(|(segment, ..)| segment.number == *number)
        });
        let mut looked = 0;
        for (segment, live_logs, damaged) in candidates {
            let known = self.looks.get(&segment.number);
            let is_current = known.is_some_and(|look| look.live_logs == *live_logs);
            if *damaged || *live_logs == 0 || is_current {
                continue;
            }
            looked += 1;
            if looked > LOOKS_PER_ROUND {
                return;
            }
            match look(shared, segment, *live_logs) {
                Ok(look) => {
                    self.looks.insert(segment.number, look);
                }
                Err(reason) => set_damaged(shared, segment.number, &reason),
            }
        }
    }

    fn wish(&self, segment: &ManifestSegment, live_logs: u32, target: u64) -> Wish {
        let Some(look) = self.looks.get(&segment.number) else {
            return Wish::None;
        };
        if look.live_logs == live_logs && look.live_part < LIVE_PART {
            return Wish::Alone;
        }
        let runs = look.runs.max(1);
        let entries = u64::from(segment.directory_entries).max(1);
        let is_interleaved = segment.kind == SegmentKind::Appended
            && segment.data_end / runs < INTERLEAVED_RUN_BYTES
            && runs / entries >= INTERLEAVED_RUNS_PER_LOG;
        if is_interleaved {
            return Wish::Alone;
        }
        if segment.data_end < target / SMALL_RUN as u64 {
            Wish::WithOthers
        } else {
            Wish::None
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Wish {
    None,
    /// Small: worth it with neighbours.
    WithOthers,
    Alone,
}

/// The first run of neighbours that is worth it, not larger than one segment.
fn best_run(
    segments: &[ManifestSegment],
    wishes: &[Wish],
    target: u64,
) -> Option<Vec<ManifestSegment>> {
    let mut start = 0;
    while start < segments.len() {
        let (mut bytes, mut end, mut alone) = (0, start, false);
        while end < segments.len() && wishes[end] != Wish::None {
            bytes += segments[end].data_end;
            if end > start && bytes > target {
                break;
            }
            alone |= wishes[end] == Wish::Alone;
            end += 1;
        }
        if alone || end - start >= SMALL_RUN {
            return Some(segments[start..end].to_vec());
        }
        start = end.max(start + 1);
    }
    None
}

/// The directory of a sealed segment, verified.
pub(super) fn read_directory(
    shared: &Shared,
    segment: &ManifestSegment,
) -> Result<Vec<DirectoryEntry>, String> {
    let bytes = u64::from(segment.directory_entries) * DIRECTORY_ENTRY_BYTES;
    let number = segment.number;
    let start = segment.directory_start;
    let read = read_exact(shared, number, start, bytes, Waiting::Allowed);
    let bytes = read.map_err(|error| match error {
        ReadError::Failed(reason) => reason,
        ReadError::WouldBlock => "the disk could not be waited for".to_owned(),
    })?;
    (start..)
        .step_by(DIRECTORY_ENTRY_BYTES as usize)
        .zip(bytes.chunks_exact(DIRECTORY_ENTRY_BYTES as usize))
        .map(|(position, entry)| {
            DirectoryEntry::decode(entry, u64::from(number), position).ok_or_else(|| {
                let path = crate::shared::segment_path(number);
                format!("{path} at byte {position}: an entry of the directory is damaged")
            })
        })
        .collect()
}

fn look(shared: &Shared, segment: &ManifestSegment, live_logs: u32) -> Result<Look, String> {
    let directory = read_directory(shared, segment)?;
    let state = shared.state.lock();
    let (mut live, mut all, mut runs) = (0u64, 0u64, 0u64);
    for entry in &directory {
        all += entry.next_offset - entry.first_offset;
        runs += u64::from(entry.runs);
        if let Some(log) = state.table.by_key(entry.key) {
            let first = entry.first_offset.max(log.first);
            live += entry.next_offset.saturating_sub(first);
        }
    }
    Ok(Look {
        live_logs,
        live_part: live as f64 / all.max(1) as f64,
        runs,
    })
}

/// A segment that cannot be read whole is left as it is: what can be read of it stays readable.
pub(super) fn set_damaged(shared: &Shared, number: u32, reason: &str) {
    tracing::error!(reason, "a segment cannot be compacted");
    if let Some(segment) = shared.state.lock().segments.get_mut(&number) {
        segment.damaged = true;
    }
}
