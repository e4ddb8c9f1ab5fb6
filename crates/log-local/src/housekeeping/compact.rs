//! Copies what is live of neighbouring segments into one new segment, grouped by log.
//!
//! The new file is written, synced and renamed before any log refers to it; the manifest that lists it instead of
//! the others is the commit point. Until then a start removes it as a left-over.

use std::collections::{BTreeMap, HashMap};
use std::io::{self, IoSlice};
use std::sync::Arc;
use std::time::Duration;

use super::look::{read_directory, set_damaged};
use super::pause;
use crate::disk::{DiskFile, Waiting};
use crate::format::{
    DirectoryEntry, LogKey, ManifestSegment, RUN_REF_BYTES, RunHeader, SEGMENT_HEADER_BYTES,
    SegmentHeader, SegmentKind, align, decode_run_refs,
};
use crate::format::{SEGMENTS, segment_path};
use crate::pending::group::PendingEntry;
use crate::read::{ReadError, read_exact};
use crate::recovery::sealed_row;
use crate::segments::frames::{Frames, FramesAt, plan_runs};
use crate::segments::index::{FooterSize, SegmentIndex};
use crate::shared::Shared;
use crate::state::table::{SKIPPED, SegmentRef};
use crate::state::{Phase, State};
use crate::stats::{count, set};

/// Entries are written once so many bytes of them are in memory.
const BATCH_BYTES: usize = 1 << 20;

/// Why a compaction was given up.
#[derive(Debug)]
enum GivenUp {
    /// A segment cannot be read.
    Damaged(u32, String),
    Io(io::Error),
    Stopped,
}

/// Compacts segments that follow each other. Afterwards no log refers to them.
pub(super) fn compact(shared: &Shared, inputs: &[ManifestSegment]) -> io::Result<()> {
    let number = shared.state.lock().take_number();
    let aside = format!("{SEGMENTS}/{number:010}.tmp");
    let written = write(shared, inputs, number, &aside);
    set(&shared.counters.compaction_bytes, 0);
    let (sealed, index, keys) = match written {
        Ok(written) => written,
        Err(given_up) => {
            // Best effort: a start removes it.
            drop(shared.disk.unlink(&aside));
            return match given_up {
                GivenUp::Damaged(number, reason) => {
                    set_damaged(shared, number, &reason);
                    Ok(())
                }
                GivenUp::Io(error) => Err(error),
                GivenUp::Stopped => Ok(()),
            };
        }
    };
    shared.disk.rename(&aside, &segment_path(number))?;
    shared.sync_names(SEGMENTS)?;
    {
        let _references = shared.references.lock();
        refer(shared, inputs, sealed, &index, &keys);
    }
    count(&shared.counters.compacted_segments, inputs.len() as u64);
    count(&shared.counters.compacted_bytes, sealed.file_bytes);
    Ok(())
}

/// One log's part of one input.
type Part = (usize, DirectoryEntry);

fn write(
    shared: &Shared,
    inputs: &[ManifestSegment],
    number: u32,
    aside: &str,
) -> Result<(ManifestSegment, SegmentIndex, Vec<LogKey>), GivenUp> {
    let mut logs: BTreeMap<LogKey, Vec<Part>> = BTreeMap::new();
    for (place, input) in inputs.iter().enumerate() {
        let directory = read_directory(shared, input);
        for entry in directory.map_err(|reason| GivenUp::Damaged(input.number, reason))? {
            logs.entry(entry.key).or_default().push((place, entry));
        }
    }
    let mut output = Output::create(shared, number, aside).map_err(GivenUp::Io)?;
    let keys = logs.keys().copied().collect();
    for (key, parts) in logs {
        for (place, entry) in parts {
            let first = {
                let state = shared.state.lock();
                if state.phase != Phase::Running {
                    return Err(GivenUp::Stopped);
                }
                state.table.by_key(key).map(|log| log.first)
            };
            if let Some(first) = first.filter(|first| *first < entry.next_offset) {
                copy_part(shared, &inputs[place], &entry, first, &mut output)?;
            }
        }
    }
    output.flush().map_err(GivenUp::Io)?;
    let (sealed, index) = output.finish(inputs).map_err(GivenUp::Io)?;
    Ok((sealed, index, keys))
}

/// Reads the live entries of one log in one input.
fn copy_part(
    shared: &Shared,
    input: &ManifestSegment,
    entry: &DirectoryEntry,
    first: u64,
    output: &mut Output<'_>,
) -> Result<(), GivenUp> {
    let number = input.number;
    let read = |position, bytes| {
        read_exact(shared, number, position, bytes, Waiting::Allowed).map_err(|error| match error {
            ReadError::Failed(reason) => GivenUp::Damaged(number, reason),
            ReadError::WouldBlock => GivenUp::Io(io::ErrorKind::WouldBlock.into()),
        })
    };
    let damaged = |position, what: &str| {
        let path = segment_path(number);
        GivenUp::Damaged(
            number,
            format!("{path} at byte {position}: {what} is damaged"),
        )
    };
    let refs_at = input.runs_start + u64::from(entry.first_run) * RUN_REF_BYTES;
    let refs = read(refs_at, u64::from(entry.runs) * RUN_REF_BYTES)?;
    let refs = decode_run_refs(&refs, entry).ok_or_else(|| damaged(refs_at, "the list of runs"))?;
    for run in refs {
        let bytes = bytes::Bytes::from(read(run.position(), u64::from(run.bytes))?);
        output.spent(bytes.len());
        let header = RunHeader::decode(&bytes, u64::from(number), run.position())
            .filter(|header| header.key == entry.key && header.first_offset == run.first_offset);
        let entries = header.and_then(|header| header.entries(&bytes));
        let entries = entries.ok_or_else(|| damaged(run.position(), "a run"))?;
        for stored in entries {
            let stored = stored.ok_or_else(|| damaged(run.position(), "a run"))?;
            if stored.offset >= first {
                output.push(PendingEntry {
                    key: entry.key,
                    row: 0,
                    offset: stored.offset,
                    time: stored.time,
                    kind: stored.kind,
                    id: stored.id,
                    payload: bytes.slice(stored.payload),
                });
            }
        }
        output.flush_if_large().map_err(GivenUp::Io)?;
    }
    Ok(())
}

/// The segment that is written.
struct Output<'a> {
    shared: &'a Shared,
    number: u32,
    file: Arc<dyn DiskFile>,
    position: u64,
    lsn: u64,
    batch: Vec<PendingEntry>,
    batch_bytes: usize,
    frames: Frames,
    index: SegmentIndex,
    footer: FooterSize,
    /// Bytes read and written that were not waited for yet.
    spent: u64,
}

impl<'a> Output<'a> {
    fn create(shared: &'a Shared, number: u32, aside: &str) -> io::Result<Self> {
        Ok(Self {
            shared,
            number,
            file: shared.disk.create(aside)?,
            position: SEGMENT_HEADER_BYTES,
            lsn: 0,
            batch: Vec::new(),
            batch_bytes: 0,
            frames: Frames::default(),
            index: SegmentIndex::default(),
            footer: FooterSize::default(),
            spent: 0,
        })
    }

    fn push(&mut self, entry: PendingEntry) {
        self.batch_bytes += entry.payload.len();
        self.batch.push(entry);
    }

    fn flush_if_large(&mut self) -> io::Result<()> {
        if self.batch_bytes >= BATCH_BYTES {
            self.flush()?;
        }
        Ok(())
    }

    fn flush(&mut self) -> io::Result<()> {
        let runs = plan_runs(0, &mut self.batch);
        let at = FramesAt {
            generation: u64::from(self.number),
            position: self.position,
            next_lsn: self.lsn + 1,
            durable_lsn: 0,
        };
        self.lsn += self.frames.encode(&runs, &[], &self.batch, at);
        self.file.write_at(&self.frames.parts(), self.position)?;
        self.position += self.frames.bytes();
        set(&self.shared.counters.compaction_bytes, self.position);
        for run in &self.frames.runs {
            self.footer.add_run(run.key, run.ids.len());
            self.index.add(run);
        }
        self.spent(self.frames.bytes() as usize);
        self.batch.clear();
        self.batch_bytes = 0;
        self.keep_to_budget();
        Ok(())
    }

    fn spent(&mut self, bytes: usize) {
        self.spent += bytes as u64;
    }

    fn keep_to_budget(&mut self) {
        let budget = self.shared.settings.compaction_bytes_per_s as f64;
        let time = Duration::from_secs_f64(self.spent as f64 / budget);
        if time > Duration::from_millis(1) {
            pause(self.shared, time);
            self.spent = 0;
        }
    }

    fn finish(
        self,
        inputs: &[ManifestSegment],
    ) -> Result<(ManifestSegment, SegmentIndex), io::Error> {
        let generation = u64::from(self.number);
        let file_bytes = align(self.position) + self.footer.bytes();
        let first_lsn = inputs.first().map_or(0, |first| first.first_lsn);
        let last_lsn = inputs.last().map_or(0, |last| last.last_lsn);
        let (footer, trailer) =
            self.index
                .footer(generation, file_bytes, self.position, (first_lsn, last_lsn));
        let header = SegmentHeader {
            generation,
            file_bytes,
            kind: SegmentKind::Compacted,
        };
        self.file.write_at(&[IoSlice::new(&header.encode())], 0)?;
        let start = file_bytes - footer.len() as u64;
        self.file.write_at(&[IoSlice::new(&footer)], start)?;
        self.file.sync_data()?;
        let mut sealed = crate::commit::sealed_segment(self.number, file_bytes, &trailer);
        sealed.kind = SegmentKind::Compacted;
        Ok((sealed, self.index))
    }
}

/// Logs refer to the new segment instead of the inputs, one after the other.
fn refer(
    shared: &Shared,
    inputs: &[ManifestSegment],
    sealed: ManifestSegment,
    index: &SegmentIndex,
    keys: &[LogKey],
) {
    let mut state = shared.state.lock();
    state.segments.insert(sealed.number, sealed_row(sealed));
    drop(state);
    let places: HashMap<LogKey, u32> = index
        .directory()
        .into_iter()
        .map(|(key, _)| key)
        .zip(0..)
        .collect();
    for key in keys {
        let new = places.get(key).map(|place| (sealed.number, *place));
        replace_refs(&mut shared.state.lock(), *key, inputs, new);
    }
    shared.state.lock().housekeeping_due = true;
}

/// A reference to an input becomes one to the new segment; neighbours become one, and so do those with nothing but
/// left-out offsets between them. A log that had nothing to copy has no reference any more (`new` is `None`): its
/// offsets there have no entries, or none that live.
fn replace_refs(
    state: &mut State,
    key: LogKey,
    inputs: &[ManifestSegment],
    new: Option<(u32, u32)>,
) {
    let Some(log) = state.table.by_key_mut(key) else {
        return;
    };
    let old = log.segments.as_slice().to_vec();
    let is_input = |segment: &SegmentRef| inputs.iter().any(|input| input.number == segment.number);
    let mut refs: Vec<SegmentRef> = Vec::with_capacity(old.len());
    for segment in &old {
        if !is_input(segment) {
            refs.push(*segment);
            continue;
        }
        let Some((number, directory_index)) = new else {
            continue;
        };
        let known = refs.iter().rposition(|known| known.number != SKIPPED);
        match known.filter(|place| refs[*place].number == number) {
            Some(place) => refs.truncate(place + 1),
            None => refs.push(SegmentRef::new(number, directory_index, segment.first())),
        }
    }
    let refers = |number| refs.iter().filter(|one| one.number == number).count();
    let added = new.map(|(number, _)| (number, refers(number)));
    log.segments.replace(refs);
    for segment in old.iter().filter(|segment| is_input(segment)) {
        state.count_reference(segment.number, false);
    }
    if let Some((number, times)) = added {
        for _ in 0..times {
            state.count_reference(number, true);
        }
    }
}
