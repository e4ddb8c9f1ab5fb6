//! Applying segments that are newer than the manifest; sealing those that are not sealed.

use std::io::IoSlice;
use std::ops::Range;
use std::sync::Arc;

use super::candidates::{Candidate, Contents};
use super::{OpenError, Scanner, sealed_row, write_again};
use crate::commit::sealed_segment;
use crate::format::segment_path;
use crate::format::{ControlOp, FooterTables, LogKey, RecentId, Trailer};
use crate::segments::index::{APPEND_IDS_KEPT, SegmentIndex};
use crate::state::State;
use crate::state::table::{LogRow, NOT_SEALED, OFFSET_LIMIT, SegmentRef};

/// Applies one segment and makes sure that it is sealed and durable.
pub(super) fn replay(state: &mut State, candidate: Candidate) -> Result<(), OpenError> {
    let trailer = match &candidate.contents {
        Contents::Sealed(trailer, tables) => {
            apply_tables(state, candidate.number, tables)?;
            // What stands before it was durable before it was written.
            make_durable(&candidate, trailer.runs_start..candidate.file_bytes)?;
            *trailer
        }
        Contents::Unsealed { last_lsn } => scan_and_seal(state, &candidate, *last_lsn)?,
    };
    let sealed = sealed_segment(candidate.number, candidate.file_bytes, &trailer);
    state.segments.insert(candidate.number, sealed_row(sealed));
    state.durable_lsn = state.durable_lsn.max(trailer.last_lsn);
    Ok(())
}

/// A process that was killed may have left it in the page cache.
fn make_durable(candidate: &Candidate, range: Range<u64>) -> Result<(), OpenError> {
    let path = segment_path(candidate.number);
    let file = &*candidate.file;
    let written = write_again(file, range).and_then(|()| file.sync_data());
    written.map_err(OpenError::io(format!("making {path} durable")))
}

fn apply_tables(state: &mut State, number: u32, tables: &FooterTables) -> Result<(), OpenError> {
    apply_control_ops(state, &tables.control_ops);
    for (index, entry) in (0..).zip(&tables.directory) {
        let stretch = Stretch {
            key: entry.key,
            first: entry.first_offset,
            next: entry.next_offset,
            last_time: entry.last_time,
            closed: entry.closed,
        };
        apply_stretch(state, number, index, &stretch)?;
    }
    for log in &tables.ids {
        let key = tables.directory[log.directory_index as usize].key;
        apply_ids(state, key, &log.ids);
    }
    Ok(())
}

/// Replays frame by frame, then writes the footer that is missing.
fn scan_and_seal(
    state: &mut State,
    candidate: &Candidate,
    last_lsn: Option<u64>,
) -> Result<Trailer, OpenError> {
    let path = segment_path(candidate.number);
    let generation = u64::from(candidate.number);
    let file = Arc::clone(&candidate.file);
    let mut scanner = Scanner::new(file, generation, candidate.file_bytes);
    let mut index = SegmentIndex::default();
    let (mut position, mut next_lsn) = (Scanner::FIRST, candidate.first_lsn);
    // Where the first frame is of which no later one says that it had been durable.
    let mut doubtful = position;
    while last_lsn.is_none_or(|last| next_lsn <= last) {
        let frame = scanner
            .frame(position)
            .map_err(OpenError::io(format!("reading {path}")))?
            .filter(|frame| frame.header.lsn == next_lsn);
        let Some(frame) = frame else {
            break;
        };
        if frame.header.durable_lsn + 1 == next_lsn {
            doubtful = position;
        }
        apply_control_ops(state, &frame.control_ops);
        index.add_control_ops(&frame.control_ops);
        for run in &frame.runs {
            let stretch = Stretch {
                key: run.key,
                first: run.run.first_offset,
                next: run.run.first_offset + u64::from(run.count),
                last_time: run.last_time,
                closed: run.closed,
            };
            apply_stretch(state, candidate.number, NOT_SEALED, &stretch)?;
            apply_ids(state, run.key, &run.ids);
            index.add(run);
        }
        position += u64::from(frame.header.bytes);
        next_lsn += 1;
    }
    if last_lsn.is_some_and(|last| next_lsn != last + 1) {
        let what = format!(
            "frame {next_lsn} is damaged; the footer is too, and later segments show that both had been durable"
        );
        return Err(OpenError::damaged(path, position, what));
    }
    let lsns = (candidate.first_lsn, next_lsn - 1);
    let (footer, trailer) = index.footer(generation, candidate.file_bytes, position, lsns);
    if trailer.runs_start < position {
        return Err(OpenError::damaged(
            path,
            position,
            "there is no room for the footer",
        ));
    }
    // A footer says that everything before it is whole.
    make_durable(candidate, doubtful..position)?;
    let file = &*candidate.file;
    file.write_at(&[IoSlice::new(&footer)], trailer.runs_start)
        .and_then(|()| file.sync_data())
        .map_err(OpenError::io(format!("sealing {path}")))?;
    name_places(state, candidate.number, &index);
    Ok(trailer)
}

/// The logs learn their places in the directory.
fn name_places(state: &mut State, number: u32, index: &SegmentIndex) {
    for (place, (key, _)) in (0..).zip(index.directory()) {
        let Some(log) = state.table.by_key_mut(key) else {
            continue;
        };
        for reference in log.segments.as_mut_slice() {
            if reference.number == number {
                reference.directory_index = place;
            }
        }
    }
}

fn apply_control_ops(state: &mut State, ops: &[ControlOp]) {
    for op in ops {
        match *op {
            ControlOp::Create(key) => {
                if !state.table.tombstones.contain(key) && state.table.find(key).is_none() {
                    let mut log = LogRow::new(key);
                    log.created = true;
                    state.table.insert(log);
                }
            }
            ControlOp::Delete(key) => {
                state.table.remove(key);
                state.table.tombstones.add(key);
            }
            ControlOp::DeleteGroup(group) => {
                for key in state.table.keys_of_group(group) {
                    state.table.remove(key);
                }
                state.table.tombstones.add_group(group);
            }
            // The entries that it is about may come later, so the end of the log is not looked at.
            ControlOp::Trim { key, before } => {
                if let Some(log) = state.table.by_key_mut(key) {
                    log.first = log.first.max(before);
                }
            }
        }
    }
}

/// Entries of one log that stand together.
struct Stretch {
    key: LogKey,
    first: u64,
    next: u64,
    last_time: u64,
    closed: bool,
}

fn apply_stretch(
    state: &mut State,
    number: u32,
    directory_index: u32,
    stretch: &Stretch,
) -> Result<(), OpenError> {
    let tombstoned = state.table.tombstones.contain(stretch.key);
    let Some(log) = state.table.by_key_mut(stretch.key) else {
        if tombstoned {
            return Ok(());
        }
        let LogKey { group, log } = stretch.key;
        let what = format!("entries of log {group}/{log}, which was never created");
        return Err(OpenError::damaged(segment_path(number), 0, what));
    };
    if stretch.first > log.next || stretch.next > OFFSET_LIMIT {
        let LogKey { group, log: id } = stretch.key;
        let what = format!(
            "entries of log {group}/{id} begin at {}, those before end at {}",
            stretch.first, log.next
        );
        return Err(OpenError::damaged(segment_path(number), 0, what));
    }
    let refs = log.segments.as_slice();
    if refs.last().is_none_or(|last| last.number != number) {
        let reference = SegmentRef::new(number, directory_index, stretch.first);
        log.segments.push(reference);
    }
    if stretch.next > log.next {
        log.next = stretch.next;
        log.last_time = stretch.last_time;
    }
    log.closed |= stretch.closed;
    Ok(())
}

fn apply_ids(state: &mut State, key: LogKey, ids: &[RecentId]) {
    let Some(log) = state.table.by_key_mut(key).filter(|_| !ids.is_empty()) else {
        return;
    };
    let known = &mut log.active_mut().ids;
    for id in ids {
        if known.back().is_none_or(|last| last.offset < id.offset) {
            known.push_back(*id);
        }
    }
    let surplus = known.len().saturating_sub(APPEND_IDS_KEPT);
    known.drain(..surplus);
}
