//! Opening a data folder: the manifest, the footers of segments that are newer, a scan of the last one.

mod candidates;
mod replay;
mod scan;
mod write_again;

use std::io;
use std::sync::Arc;

use millstream_types::TimestampMs;

use crate::disk::{Disk, Waiting};
use crate::durability::Durability;
use crate::format::{LogKey, Manifest, ManifestLog, ManifestSegment};
use crate::format::{SEGMENTS, segment_path};
use crate::settings::LocalSettings;
use crate::state::table::{ActiveLog, LogRow, SKIPPED, SegmentRef};
use crate::state::{SegmentRow, State};

pub(crate) use candidates::read_footer;
pub(crate) use scan::{ScannedFrame, Scanner, indexed};
pub(crate) use write_again::write_again;

/// Offsets left out in every log that is not closed after an unclean end in `os` mode. A log would have to lose
/// more entries than that in one power cut for an offset to be given twice; the entries of a log that were written
/// and not synced are bounded by the size of one segment.
pub(crate) const OFFSETS_SKIPPED: u64 = 1 << 20;

/// The file of the manifest, and what it is written aside to.
pub(crate) const MANIFEST: &str = "manifest";
pub(crate) const MANIFEST_NEW: &str = "manifest.new";

/// Why a data folder cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// Another process has it. Stop that one, or choose another folder.
    #[error("the data folder is in use by another process")]
    InUse,
    /// The settings contradict themselves.
    #[error("invalid settings: {0}")]
    Settings(String),
    /// Stored bytes are damaged: starting would lose acknowledged entries. [`Salvage`](crate::Salvage) tells all that is
    /// wrong and makes a folder of the rest.
    #[error("{file} at byte {position}: {what}")]
    Damaged {
        /// The file, relative to the data folder.
        file: String,
        /// Where in the file.
        position: u64,
        /// What is wrong there.
        what: String,
    },
    /// The disk failed.
    #[error("{what}: {source}")]
    Io {
        /// What was tried.
        what: String,
        /// How it failed.
        source: io::Error,
    },
}

impl OpenError {
    pub(crate) fn io(what: impl Into<String>) -> impl FnOnce(io::Error) -> Self {
        let what = what.into();
        move |source| Self::Io { what, source }
    }

    pub(crate) fn damaged(file: impl Into<String>, position: u64, what: impl Into<String>) -> Self {
        Self::Damaged {
            file: file.into(),
            position,
            what: what.into(),
        }
    }
}

/// What opening found.
#[derive(Debug)]
pub(crate) struct Recovered {
    pub(crate) state: State,
    /// The manifest has to be written before anything is served.
    pub(crate) manifest_due: bool,
    /// Segments that the manifest does not list any more. Only once another one is durable they may go.
    pub(crate) dead: Vec<u32>,
}

/// Reads a data folder that is locked, at a time.
pub(crate) fn recover(
    disk: &Arc<dyn Disk>,
    settings: &LocalSettings,
    now: TimestampMs,
) -> Result<Recovered, OpenError> {
    let disk = &**disk;
    for directory in [SEGMENTS, crate::snapshots::SNAPSHOTS] {
        disk.create_directory(directory)
            .map_err(OpenError::io(format!("creating {directory}")))?;
    }
    // What a process saw before it was killed may not be durable yet.
    for directory in ["", SEGMENTS, crate::snapshots::SNAPSHOTS] {
        disk.sync_directory(directory)
            .map_err(OpenError::io("syncing the data folder"))?;
    }
    let numbers = list_segments(disk)?;
    let mut state = State::new(settings.tail_cache_bytes);
    let Some(manifest) = read_manifest(disk)? else {
        if let Some(number) = numbers.first() {
            let what = "segments are there, the manifest is not";
            return Err(OpenError::damaged(segment_path(*number), 0, what));
        }
        return Ok(Recovered {
            state,
            manifest_due: true,
            dead: Vec::new(),
        });
    };
    load(&mut state, &manifest, &numbers)?;
    let (newer, older): (Vec<u32>, Vec<u32>) = numbers
        .iter()
        .partition(|number| **number >= manifest.next_number || manifest.unsealed.contains(number));
    let replayed = candidates::find(disk, newer.iter().copied(), manifest.covered_lsn)?;
    for segment in replayed {
        replay::replay(&mut state, segment)?;
    }
    let newest = numbers.last().map_or(0, |number| number + 1);
    state.next_number = manifest.next_number.max(newest);
    remove_leftovers(disk, &state, &newer);
    let is_dead = |number: &u32| !state.segments.contains_key(number);
    let dead = older.into_iter().filter(is_dead).collect();
    let was_os = manifest.durability == Durability::Os;
    if manifest.is_copy {
        skip_offsets(&mut state, |next| never_given(next, now));
        tracing::info!(
            "the data folder is a copy: offsets that the copied one may have given since are left out in every log"
        );
    } else if was_os && !manifest.clean {
        skip_offsets(&mut state, |next| next + OFFSETS_SKIPPED);
        tracing::warn!(
            epoch = state.epoch,
            offsets = OFFSETS_SKIPPED,
            "the last process ended uncleanly in os mode: entries may be lost, offsets are left out in every log"
        );
    }
    settle(&mut state)?;
    Ok(Recovered {
        state,
        manifest_due: was_os || manifest.is_copy || settings.durability == Durability::Os,
        dead,
    })
}

fn read_manifest(disk: &dyn Disk) -> Result<Option<Manifest>, OpenError> {
    let file = match disk.open(MANIFEST) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(OpenError::io("opening the manifest")(error)),
    };
    let read = || -> io::Result<Vec<u8>> {
        let mut bytes = vec![0; file.len_bytes()? as usize];
        file.read_at(&mut bytes, 0, Waiting::Allowed)?;
        Ok(bytes)
    };
    let bytes = read().map_err(OpenError::io("reading the manifest"))?;
    Manifest::decode(&bytes)
        .map(Some)
        .map_err(|error| OpenError::damaged(MANIFEST, 0, error.to_string()))
}

/// Numbers of the segment files, in order. Removes what compactions left behind.
fn list_segments(disk: &dyn Disk) -> Result<Vec<u32>, OpenError> {
    let names = disk
        .list(SEGMENTS)
        .map_err(OpenError::io("listing the segments"))?;
    let mut numbers = Vec::new();
    for name in names {
        if name.ends_with(".tmp") {
            disk.unlink(&format!("{SEGMENTS}/{name}"))
                .map_err(OpenError::io(format!("removing {name}")))?;
        }
        let number: Option<u32> = name
            .strip_suffix(".seg")
            .and_then(|number| number.parse().ok());
        numbers.extend(number);
    }
    numbers.sort_unstable();
    Ok(numbers)
}

/// Fills the table from the manifest.
fn load(state: &mut State, manifest: &Manifest, numbers: &[u32]) -> Result<(), OpenError> {
    for segment in &manifest.segments {
        if numbers.binary_search(&segment.number).is_err() {
            let path = segment_path(segment.number);
            return Err(OpenError::damaged(path, 0, "the file is missing"));
        }
        state.segments.insert(segment.number, sealed_row(*segment));
    }
    state.durable_lsn = manifest.covered_lsn;
    state.epoch = manifest.epoch;
    state.table.tombstones = manifest.tombstones.clone();
    state.table.reserve(manifest.logs.len());
    for log in &manifest.logs {
        if !state.table.tombstones.contain(log.key) {
            insert_log(state, log)?;
        }
    }
    Ok(())
}

pub(crate) fn sealed_row(segment: ManifestSegment) -> SegmentRow {
    SegmentRow::new(Some(segment))
}

fn insert_log(state: &mut State, log: &ManifestLog) -> Result<(), OpenError> {
    let damaged = |what: &str| {
        let LogKey { group, log } = log.key;
        OpenError::damaged(MANIFEST, 0, format!("log {group}/{log}: {what}"))
    };
    if state.table.find(log.key).is_some() {
        return Err(damaged("it is listed twice"));
    }
    let mut row = LogRow::new(log.key);
    (row.first, row.next) = (log.first, log.next);
    (row.last_time, row.closed, row.created) = (log.last_time, log.closed, true);
    let mut refs = Vec::with_capacity(log.segments.len());
    for (number, index, first) in &log.segments {
        let listed = state
            .segments
            .get(number)
            .and_then(|segment| segment.sealed)
            .is_some_and(|sealed| *index < sealed.directory_entries);
        if (*number != SKIPPED && !listed) || *first >= crate::state::table::OFFSET_LIMIT {
            return Err(damaged("it is in a segment that is not listed"));
        }
        refs.push(SegmentRef::new(*number, *index, *first));
    }
    row.segments.replace(refs);
    if !log.ids.is_empty() {
        row.active = Some(Box::new(ActiveLog {
            ids: log.ids.iter().copied().collect(),
            ..ActiveLog::default()
        }));
    }
    state.table.insert(row);
    Ok(())
}

/// What no manifest has ever listed. Best effort: a file that stays is removed by the next start.
fn remove_leftovers(disk: &dyn Disk, state: &State, newer: &[u32]) {
    for number in newer {
        if !state.segments.contains_key(number)
            && let Err(error) = disk.unlink(&segment_path(*number))
        {
            tracing::warn!(number, %error, "a segment without entries could not be removed");
        }
    }
    match disk.unlink(MANIFEST_NEW) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            tracing::warn!(%error, "an unfinished manifest could not be removed");
        }
        _ => {}
    }
}

/// An offset that no log which is at `next` can have reached by now: none takes in more than an entry a millisecond over
/// the decades. Whole steps are left out.
pub(crate) fn never_given(next: u64, now: TimestampMs) -> u64 {
    let steps = now.0.saturating_sub(next).div_ceil(OFFSETS_SKIPPED);
    next + steps.max(1) * OFFSETS_SKIPPED
}

/// Nobody knows which offsets were given: leave some out.
fn skip_offsets(state: &mut State, go_on_at: impl Fn(u64) -> u64) {
    state.epoch += 1;
    for log in state.table.iter_mut().filter(|log| !log.closed) {
        let skipped_from = log.next;
        log.next = go_on_at(log.next);
        if log.next >= crate::state::table::OFFSET_LIMIT {
            log.next = skipped_from;
            continue;
        }
        // What was left out is not trimmed: an offset that somebody kept stays one to read on from.
        let last = log.segments.as_slice().last();
        if last.is_none_or(|last| last.number != SKIPPED) {
            log.segments.push(SegmentRef::new(SKIPPED, 0, skipped_from));
        }
    }
}

/// Drops references to what is trimmed and counts the others.
fn settle(state: &mut State) -> Result<(), OpenError> {
    let State {
        table, segments, ..
    } = state;
    for log in table.iter_mut() {
        if log.first > log.next {
            let LogKey { group, log } = log.key;
            let what = format!("log {group}/{log} is trimmed above its end");
            return Err(OpenError::damaged(MANIFEST, 0, what));
        }
        let (first, next) = (log.first, log.next);
        log.segments.drop_below(first, next, |_| ());
        log.settle();
        for reference in log.segments.as_slice() {
            if let Some(segment) = segments.get_mut(&reference.number) {
                segment.live_logs += 1;
            }
        }
    }
    state.housekeeping_due = true;
    Ok(())
}
