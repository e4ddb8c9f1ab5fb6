//! Reading runs of one log in one segment.

use std::io;
use std::sync::Arc;

use bytes::Bytes;
use millstream_log::Entry;
use millstream_types::TimestampMs;

use super::is_would_block;
use super::plan::{Source, SourcePlace};
use crate::caches::footers::LogFooter;
use crate::disk::{DiskFile, Waiting};
use crate::format::segment_path;
use crate::format::{
    DIRECTORY_ENTRY_BYTES, DirectoryEntry, LogKey, ManifestSegment, RUN_REF_BYTES, RunHeader,
    RunRef, align, decode_run_refs,
};
use crate::shared::Shared;

/// Runs that stand one behind the other are read together up to so many bytes.
const READ_BYTES_TARGET: u64 = 512 << 10;

#[derive(Debug)]
pub(crate) enum ReadError {
    /// The answer is not in memory.
    WouldBlock,
    /// Names file and position.
    Failed(String),
}

impl ReadError {
    fn io(error: &io::Error, number: u32, position: u64) -> Self {
        if is_would_block(error) {
            return Self::WouldBlock;
        }
        let path = segment_path(number);
        Self::Failed(format!("{path} at byte {position}: {error}"))
    }

    fn damaged(number: u32, position: u64, what: &str) -> Self {
        let path = segment_path(number);
        Self::Failed(format!("{path} at byte {position}: {what} is damaged"))
    }
}

/// How far a step of a read came.
#[derive(Debug)]
pub(crate) struct Piece {
    /// Offset to go on from.
    pub(crate) next: u64,
    /// The limit of bytes is reached.
    pub(crate) is_full: bool,
}

/// Reads some entries from `from` on out of a segment; at least one, or `from` moves on. What was added before an error
/// is whole.
pub(crate) fn read_piece(
    shared: &Shared,
    key: LogKey,
    source: &Source,
    from: u64,
    bytes_max: usize,
    waiting: Waiting,
    entries: &mut Vec<Entry>,
) -> Result<Piece, ReadError> {
    let footer;
    let (file, runs): (Arc<dyn DiskFile>, &[RunRef]) = match &source.place {
        SourcePlace::Open(file, runs) => (Arc::clone(file), runs),
        SourcePlace::Footer(segment, index) => {
            footer = load_footer(shared, key, segment, *index, waiting)?;
            let start = footer.runs.partition_point(|run| run.first_offset <= from);
            let file = shared.files.get(&*shared.disk, source.number, waiting);
            let file = file.map_err(|error| ReadError::io(&error, source.number, 0))?;
            // Behind a gap the same segment may have more of the log.
            let end = footer
                .runs
                .partition_point(|run| run.first_offset < source.end);
            (file, &footer.runs[start.saturating_sub(1)..end])
        }
    };
    let wanted: usize =
        bytes_max.saturating_sub(entries.iter().map(|entry| entry.payload.len()).sum());
    let batch = adjacent(runs, wanted as u64);
    let Some((first, last)) = batch.first().zip(batch.last()) else {
        return Err(ReadError::damaged(source.number, 0, "the list of runs"));
    };
    let position = first.position();
    let bytes = last.position() + u64::from(last.bytes) - position;
    let fill = |buffer: &mut [u8]| file.read_at(buffer, position, waiting);
    let buffer = shared
        .buffers
        .filled(bytes as usize, fill)
        .map_err(|error| ReadError::io(&error, source.number, position))?;
    let reader = RunReader {
        number: source.number,
        key,
        buffer,
        position,
        bytes_max,
        end: source.end,
    };
    let before = entries.len();
    let piece = reader.read(batch, from, entries);
    reader.unpin(&mut entries[before..]);
    let piece = piece?;
    let ended = batch.len() == runs.len() && matches!(source.place, SourcePlace::Footer(..));
    let next = match runs.get(batch.len()) {
        _ if piece.is_full => piece.next,
        // Offsets may be left out between two runs.
        Some(run) => piece.next.max(run.first_offset).min(source.end),
        None if ended => source.end,
        None => piece.next,
    };
    Ok(Piece { next, ..piece })
}

/// The first runs that stand one behind the other, up to the wanted bytes.
fn adjacent(runs: &[RunRef], wanted: u64) -> &[RunRef] {
    let wanted = wanted.min(READ_BYTES_TARGET);
    let mut bytes = 0;
    for (index, run) in runs.iter().enumerate() {
        let follows = index == 0 || {
            let before = &runs[index - 1];
            before.position() + align(u64::from(before.bytes)) == run.position()
        };
        if !follows || (index > 0 && bytes >= wanted) {
            return &runs[..index];
        }
        bytes += align(u64::from(run.bytes));
    }
    runs
}

struct RunReader {
    number: u32,
    key: LogKey,
    buffer: Bytes,
    position: u64,
    bytes_max: usize,
    /// What follows is another reference's.
    end: u64,
}

impl RunReader {
    fn read(
        &self,
        runs: &[RunRef],
        from: u64,
        entries: &mut Vec<Entry>,
    ) -> Result<Piece, ReadError> {
        let mut bytes: usize = entries.iter().map(|entry| entry.payload.len()).sum();
        let mut next = from;
        for run in runs {
            let (start, header) = self.verify(run)?;
            let damaged = || ReadError::damaged(self.number, run.position(), "a run");
            let stored = &self.buffer[start..start + header.bytes as usize];
            for entry in header.entries(stored).ok_or_else(damaged)? {
                let entry = entry.ok_or_else(damaged)?;
                if entry.offset < from {
                    continue;
                }
                if entry.offset >= self.end {
                    return Ok(Piece {
                        next: self.end,
                        is_full: false,
                    });
                }
                bytes += entry.payload.len();
                if bytes > self.bytes_max && !entries.is_empty() {
                    let is_full = true;
                    return Ok(Piece { next, is_full });
                }
                next = entry.offset + 1;
                entries.push(Entry {
                    offset: entry.offset,
                    time: TimestampMs(entry.time),
                    kind: entry.kind,
                    payload: self
                        .buffer
                        .slice(start + entry.payload.start..start + entry.payload.end),
                });
            }
            next = next.max(header.first_offset + u64::from(header.count));
        }
        Ok(Piece {
            next,
            is_full: false,
        })
    }

    fn verify(&self, run: &RunRef) -> Result<(usize, RunHeader), ReadError> {
        let start = (run.position() - self.position) as usize;
        let generation = u64::from(self.number);
        RunHeader::decode(&self.buffer[start..], generation, run.position())
            .filter(|header| {
                header.key == self.key
                    && header.first_offset == run.first_offset
                    && header.bytes == run.bytes
            })
            .map(|header| (start, header))
            .ok_or_else(|| ReadError::damaged(self.number, run.position(), "a run"))
    }

    /// A few small payloads must not keep a large buffer alive.
    fn unpin(&self, entries: &mut [Entry]) {
        let used: usize = entries.iter().map(|entry| entry.payload.len()).sum();
        if used < self.buffer.len() / 2 {
            for entry in entries {
                entry.payload = Bytes::copy_from_slice(&entry.payload);
            }
        }
    }
}

/// One log's part of a sealed segment's footer.
pub(crate) fn load_footer(
    shared: &Shared,
    key: LogKey,
    segment: &ManifestSegment,
    index: u32,
    waiting: Waiting,
) -> Result<Arc<LogFooter>, ReadError> {
    let cache_key = (segment.number, index);
    if let Some(footer) = shared.footers.get(cache_key) {
        return Ok(footer);
    }
    let number = segment.number;
    let file = shared.files.get(&*shared.disk, number, waiting);
    let file = file.map_err(|error| ReadError::io(&error, number, 0))?;
    let position = segment.directory_start + u64::from(index) * DIRECTORY_ENTRY_BYTES;
    let bytes = read(&*file, number, position, DIRECTORY_ENTRY_BYTES, waiting)?;
    let entry = DirectoryEntry::decode(&bytes, u64::from(number), position)
        .filter(|entry| entry.key == key)
        .ok_or_else(|| ReadError::damaged(number, position, "an entry of the directory"))?;
    let position = segment.runs_start + u64::from(entry.first_run) * RUN_REF_BYTES;
    let bytes = read(
        &*file,
        number,
        position,
        u64::from(entry.runs) * RUN_REF_BYTES,
        waiting,
    )?;
    let runs = decode_run_refs(&bytes, &entry)
        .filter(|runs| !runs.is_empty())
        .ok_or_else(|| ReadError::damaged(number, position, "the list of runs"))?;
    let footer = Arc::new(LogFooter { runs });
    shared.footers.insert(cache_key, Arc::clone(&footer));
    Ok(footer)
}

fn read(
    file: &dyn DiskFile,
    number: u32,
    position: u64,
    bytes: u64,
    waiting: Waiting,
) -> Result<Vec<u8>, ReadError> {
    let mut buffer = vec![0; bytes as usize];
    file.read_at(&mut buffer, position, waiting)
        .map_err(|error| ReadError::io(&error, number, position))?;
    Ok(buffer)
}

/// Bytes of a segment.
pub(crate) fn read_exact(
    shared: &Shared,
    number: u32,
    position: u64,
    bytes: u64,
    waiting: Waiting,
) -> Result<Vec<u8>, ReadError> {
    let file = shared.files.get(&*shared.disk, number, waiting);
    let file = file.map_err(|error| ReadError::io(&error, number, position))?;
    read(&*file, number, position, bytes, waiting)
}
