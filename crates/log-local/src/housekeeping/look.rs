//! How much of a sealed segment is alive, from its footer.

use std::time::Duration;

use super::pause;
use super::select::Candidate;
use crate::disk::Waiting;
use crate::format::segment_path;
use crate::format::{
    DIRECTORY_ENTRY_BYTES, DirectoryEntry, FRAME_HEADER_BYTES, ManifestSegment, RUN_REF_BYTES,
    RunRef, SEGMENT_HEADER_BYTES, SegmentKind, TRAILER_BYTES, decode_run_refs,
};
use crate::read::{ReadError, read_exact};
use crate::segments::index::run_weight_bytes;
use crate::shared::Shared;
use crate::state::{Look, Phase};

/// Logs whose bounds are read under one lock.
const LOGS_AT_ONCE: usize = 1024;

/// Run references are read at once up to so many bytes, or one log's.
const REFS_AT_ONCE_BYTES: u64 = 256 << 10;

/// What a segment has besides runs and what the footer says of them.
const SEGMENT_OVERHEAD_BYTES: u64 =
    SEGMENT_HEADER_BYTES + TRAILER_BYTES + FRAME_HEADER_BYTES as u64;

/// All sealed segments in order of lsn. Reads the footers of those in which something died since they were looked
/// at; what is read counts as compaction does.
pub(super) fn look_around(shared: &Shared) -> Vec<Candidate> {
    let stale: Vec<(ManifestSegment, u32)> = {
        let state = shared.state.lock();
        let settled = state.segments.values().filter(|row| row.settled);
        settled
            .filter(|row| !row.damaged && row.live_logs > 0 && row.current_look().is_none())
            .filter_map(|row| Some((row.sealed?, row.changes)))
            .collect()
    };
    for (segment, changes) in stale {
        let found = look(shared, &segment, changes);
        let mut state = shared.state.lock();
        if state.phase != Phase::Running {
            return Vec::new();
        }
        match found {
            Ok(look) => {
                if let Some(row) = state.segments.get_mut(&segment.number) {
                    row.look = Some(look);
                }
                drop(state);
                let bytes = segment.file_bytes - segment.runs_start;
                let budget = shared.settings.compaction_bytes_per_s as f64;
                let time = Duration::from_secs_f64(bytes as f64 / budget);
                if time > Duration::from_millis(1) {
                    pause(shared, time);
                }
            }
            Err(reason) => {
                drop(state);
                set_damaged(shared, segment.number, &reason);
            }
        }
    }
    let state = shared.state.lock();
    let settled = state.segments.values().filter(|row| row.settled);
    let mut candidates: Vec<Candidate> = settled
        .filter_map(|row| {
            let is_movable = !row.damaged && row.live_logs > 0;
            Some(Candidate {
                segment: row.sealed?,
                look: row.look.filter(|_| is_movable),
            })
        })
        .collect();
    candidates.sort_unstable_by_key(|candidate| candidate.segment.first_lsn);
    candidates
}

/// A segment that cannot be read whole is left as it is: what can be read of it stays readable.
pub(super) fn set_damaged(shared: &Shared, number: u32, reason: &str) {
    tracing::error!(reason, "a segment cannot be compacted");
    if let Some(segment) = shared.state.lock().segments.get_mut(&number) {
        segment.damaged = true;
    }
}

fn read(
    shared: &Shared,
    segment: &ManifestSegment,
    position: u64,
    bytes: u64,
) -> Result<Vec<u8>, String> {
    let read = read_exact(shared, segment.number, position, bytes, Waiting::Allowed);
    read.map_err(|error| match error {
        ReadError::Failed(reason) => reason,
        ReadError::WouldBlock => "the disk could not be waited for".to_owned(),
    })
}

/// The directory of a sealed segment, verified.
pub(super) fn read_directory(
    shared: &Shared,
    segment: &ManifestSegment,
) -> Result<Vec<DirectoryEntry>, String> {
    let bytes = u64::from(segment.directory_entries) * DIRECTORY_ENTRY_BYTES;
    let (number, start) = (segment.number, segment.directory_start);
    let bytes = read(shared, segment, start, bytes)?;
    (start..)
        .step_by(DIRECTORY_ENTRY_BYTES as usize)
        .zip(bytes.chunks_exact(DIRECTORY_ENTRY_BYTES as usize))
        .map(|(position, entry)| {
            DirectoryEntry::decode(entry, u64::from(number), position).ok_or_else(|| {
                let path = segment_path(number);
                format!("{path} at byte {position}: an entry of the directory is damaged")
            })
        })
        .collect()
}

fn look(shared: &Shared, segment: &ManifestSegment, changes: u32) -> Result<Look, String> {
    let directory = read_directory(shared, segment)?;
    let mut weights = Weights::default();
    for entries in directory.chunks(LOGS_AT_ONCE) {
        let firsts: Vec<Option<u64>> = {
            let state = shared.state.lock();
            let log = |entry: &DirectoryEntry| state.table.by_key(entry.key);
            let first = |entry| log(entry).map(|log| log.first);
            entries.iter().map(first).collect()
        };
        let mut rest = entries.iter().zip(firsts).peekable();
        while let Some(first) = rest.peek().map(|(entry, _)| *entry) {
            let mut batch = Vec::new();
            let mut bytes = 0;
            while let Some((entry, _)) = rest.peek() {
                let refs_bytes = u64::from(entry.runs) * RUN_REF_BYTES;
                if !batch.is_empty() && bytes + refs_bytes > REFS_AT_ONCE_BYTES {
                    break;
                }
                bytes += refs_bytes;
                batch.extend(rest.next());
            }
            let position = segment.runs_start + u64::from(first.first_run) * RUN_REF_BYTES;
            let refs = read(shared, segment, position, bytes)?;
            for (entry, first_live) in batch {
                let runs = runs_of(&refs, first, entry).ok_or_else(|| {
                    let path = segment_path(segment.number);
                    format!("{path} at byte {position}: the list of runs is damaged")
                })?;
                weights.add(entry, &runs, first_live);
            }
        }
    }
    Ok(Look {
        changes,
        live_bytes: weights.live_bytes(segment),
        runs: weights.runs,
    })
}

/// The runs of an entry, out of references that were read from those of `first` on.
fn runs_of(refs: &[u8], first: &DirectoryEntry, entry: &DirectoryEntry) -> Option<Vec<RunRef>> {
    let start = entry.first_run.checked_sub(first.first_run)? as usize * RUN_REF_BYTES as usize;
    let end = start + entry.runs as usize * RUN_REF_BYTES as usize;
    decode_run_refs(refs.get(start..end)?, entry)
}

/// Sums over the logs of a segment.
#[derive(Debug, Default)]
struct Weights {
    all: u64,
    live: u64,
    runs: u64,
}

impl Weights {
    /// `first_live`: the log's first entry; `None`: the log is gone. The part of a run is what its offsets are.
    fn add(&mut self, entry: &DirectoryEntry, runs: &[RunRef], first_live: Option<u64>) {
        self.all += DIRECTORY_ENTRY_BYTES;
        self.runs += runs.len() as u64;
        if first_live.is_some_and(|first| first < entry.next_offset) {
            self.live += DIRECTORY_ENTRY_BYTES;
        }
        let ends = runs.iter().skip(1).map(|run| run.first_offset);
        let ends = ends.chain(std::iter::once(entry.next_offset));
        for (run, end) in runs.iter().zip(ends) {
            let weight = run_weight_bytes(run);
            self.all += weight;
            let Some(first) = first_live else {
                continue;
            };
            let offsets = end.saturating_sub(run.first_offset).max(1);
            let live = end.saturating_sub(first.max(run.first_offset)).min(offsets);
            self.live += (u128::from(weight) * u128::from(live) / u128::from(offsets)) as u64;
        }
    }

    /// An appended segment has much that a compaction leaves out: room at its end, headers of frames, control
    /// operations. A compacted one has nothing to gain but what is dead: as long as all of it is alive it counts
    /// whole, so that it is never compacted for its overhead again and again.
    fn live_bytes(&self, segment: &ManifestSegment) -> u64 {
        if self.live == 0 {
            return 0;
        }
        let live = match segment.kind {
            SegmentKind::Appended => self.live + SEGMENT_OVERHEAD_BYTES,
            SegmentKind::Compacted => {
                let part = u128::from(segment.file_bytes) * u128::from(self.live);
                (part / u128::from(self.all)) as u64
            }
        };
        live.min(segment.file_bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::format::LogKey;

    fn run(first_offset: u64, bytes: u32) -> RunRef {
        RunRef {
            first_offset,
            first_time: 0,
            position_eighths: 8,
            bytes,
        }
    }

    fn entry(first_offset: u64, next_offset: u64, runs: u32) -> DirectoryEntry {
        DirectoryEntry {
            key: LogKey { group: 1, log: 1 },
            first_offset,
            next_offset,
            first_time: 0,
            last_time: 0,
            first_run: 0,
            runs,
            closed: false,
            runs_crc: 0,
        }
    }

    fn live(kind: SegmentKind, first_live: Option<u64>, gap: u64) -> u64 {
        let segment = ManifestSegment {
            number: 1,
            kind,
            directory_entries: 1,
            file_bytes: 20_000,
            data_end: 19_000,
            runs_start: 19_000,
            directory_start: 19_500,
            first_lsn: 1,
            last_lsn: 1,
        };
        let runs = [run(0, 8000), run(10, 1000), run(11 + gap, 1000)];
        let mut weights = Weights::default();
        weights.add(&entry(0, 12 + gap, 3), &runs, first_live);
        weights.live_bytes(&segment)
    }

    #[test]
    fn what_is_alive_is_weighed_in_bytes() {
        let weight = |bytes: u64| bytes + RUN_REF_BYTES;
        let rest = DIRECTORY_ENTRY_BYTES + SEGMENT_OVERHEAD_BYTES;
        let appended = |first| live(SegmentKind::Appended, first, 0);
        assert_eq!(appended(Some(0)), weight(8000) + 2 * weight(1000) + rest);
        assert_eq!(
            appended(Some(5)),
            weight(8000) / 2 + 2 * weight(1000) + rest
        );
        assert_eq!(appended(Some(10)), 2 * weight(1000) + rest);
        assert_eq!(appended(Some(12)), 0);
        assert_eq!(appended(None), 0);
    }

    /// After an unclean end in `os` mode offsets are left out: they hold no bytes, alive or dead.
    #[test]
    fn offsets_without_entries_make_no_segment_worth_a_compaction() {
        let gap = 1 << 20;
        for first in [0, 9, 10] {
            let (with, without) = [gap, 0]
                .map(|gap| live(SegmentKind::Appended, Some(first), gap))
                .into();
            assert_eq!(with, without, "trimmed to {first}");
        }
        assert_eq!(live(SegmentKind::Compacted, Some(0), gap), 20_000);
        let behind = live(SegmentKind::Compacted, Some(11 + gap), gap);
        assert_eq!(behind, live(SegmentKind::Compacted, Some(11), 0));
    }
}
