//! Which segments are newer than the manifest, and where the last one ends.

use std::io;
use std::sync::Arc;

use super::{OpenError, Scanner};
use crate::disk::{Disk, DiskFile, Waiting};
use crate::format::segment_path;
use crate::format::{
    FooterTables, RUN_REF_BYTES, SEGMENT_HEADER_BYTES, SegmentHeader, SegmentKind, TRAILER_BYTES,
    Trailer, decode_run_refs,
};

/// How far a segment without a first frame is searched for a later one: further than one frame reaches.
const BLANK_SEARCH_BYTES: u64 = 2 << 20;

/// A segment to be replayed.
#[derive(Debug)]
pub(super) struct Candidate {
    pub(super) number: u32,
    pub(super) file: Arc<dyn DiskFile>,
    pub(super) file_bytes: u64,
    pub(super) first_lsn: u64,
    pub(super) contents: Contents,
}

#[derive(Debug)]
pub(super) enum Contents {
    /// With a footer that is whole.
    Sealed(Trailer, FooterTables),
    /// To be scanned and sealed. The last frame's number if it is known, which is so for all but the last segment.
    Unsealed { last_lsn: Option<u64> },
}

/// A segment without a first frame.
#[derive(Debug)]
struct Blank {
    number: u32,
    scanner: Scanner,
}

/// Segments to be replayed, in order; together with the manifest they have every frame.
pub(super) fn find(
    disk: &dyn Disk,
    numbers: impl Iterator<Item = u32>,
    covered_lsn: u64,
) -> Result<Vec<Candidate>, OpenError> {
    let (mut found, mut blanks) = (Vec::new(), Vec::new());
    for number in numbers {
        let path = segment_path(number);
        match inspect(disk, number).map_err(OpenError::io(format!("reading {path}")))? {
            Inspected::Candidate(candidate) => found.push(candidate),
            Inspected::Blank(blank) => blanks.push(blank),
            Inspected::Orphan => {}
            Inspected::BadHeader => {
                let what = "the header is damaged or the file has another length";
                return Err(OpenError::damaged(path, 0, what));
            }
        }
    }
    found.sort_by_key(|candidate| candidate.first_lsn);
    let last_lsn = chain(&mut found, covered_lsn)?;
    for mut blank in blanks {
        let path = segment_path(blank.number);
        let limit = Scanner::FIRST + BLANK_SEARCH_BYTES;
        let proof = blank.scanner.find_proof(Scanner::FIRST, limit, last_lsn);
        if proof
            .map_err(OpenError::io(format!("reading {path}")))?
            .is_some()
        {
            let what = "a frame that had been durable is damaged";
            return Err(OpenError::damaged(path, Scanner::FIRST, what));
        }
    }
    Ok(found)
}

#[derive(Debug)]
enum Inspected {
    Candidate(Candidate),
    Blank(Blank),
    /// Written by a compaction that was not committed.
    Orphan,
    BadHeader,
}

fn inspect(disk: &dyn Disk, number: u32) -> io::Result<Inspected> {
    let file = disk.open(&segment_path(number))?;
    let file_bytes = file.len_bytes()?;
    if file_bytes < SEGMENT_HEADER_BYTES + TRAILER_BYTES {
        return Ok(Inspected::Orphan);
    }
    let generation = u64::from(number);
    let mut bytes = vec![0; SEGMENT_HEADER_BYTES as usize];
    file.read_at(&mut bytes, 0, Waiting::Allowed)?;
    let header = SegmentHeader::decode(&bytes).filter(|header| header.generation == generation);
    let mut scanner = Scanner::new(Arc::clone(&file), generation, file_bytes);
    let first = scanner.header(Scanner::FIRST)?;
    let Some(header) = header else {
        return Ok(match first {
            Some(_) => Inspected::BadHeader,
            None => Inspected::Blank(Blank { number, scanner }),
        });
    };
    if header.kind == SegmentKind::Compacted {
        return Ok(Inspected::Orphan);
    }
    let sealed = read_footer(&*file, generation, file_bytes)?;
    let (first_lsn, contents) = match (sealed, first) {
        (Some((trailer, tables)), _) => (trailer.first_lsn, Contents::Sealed(trailer, tables)),
        (None, Some(first)) => (first.lsn, Contents::Unsealed { last_lsn: None }),
        (None, None) => return Ok(Inspected::Blank(Blank { number, scanner })),
    };
    if header.file_bytes != file_bytes {
        return Ok(Inspected::BadHeader);
    }
    Ok(Inspected::Candidate(Candidate {
        number,
        file,
        file_bytes,
        first_lsn,
        contents,
    }))
}

/// Trailer and tables of a sealed segment, if they and all lists of runs are whole.
pub(crate) fn read_footer(
    file: &dyn DiskFile,
    generation: u64,
    file_bytes: u64,
) -> io::Result<Option<(Trailer, FooterTables)>> {
    let mut bytes = vec![0; TRAILER_BYTES as usize];
    file.read_at(&mut bytes, file_bytes - TRAILER_BYTES, Waiting::Allowed)?;
    let Some(trailer) = Trailer::decode(&bytes, generation, file_bytes) else {
        return Ok(None);
    };
    let refs_bytes = (trailer.directory_start - trailer.runs_start) as usize;
    let mut bytes = vec![0; refs_bytes + trailer.tables_bytes() as usize];
    file.read_at(&mut bytes, trailer.runs_start, Waiting::Allowed)?;
    let (refs, tables) = bytes.split_at(refs_bytes);
    // A footer that was cut while it was written may have a whole trailer and no whole list of runs.
    let tables = FooterTables::decode(tables, &trailer).filter(|tables| are_whole(refs, tables));
    Ok(tables.map(|tables| (trailer, tables)))
}

fn are_whole(refs: &[u8], tables: &FooterTables) -> bool {
    tables.directory.iter().all(|entry| {
        let start = entry.first_run as usize * RUN_REF_BYTES as usize;
        let end = start + entry.runs as usize * RUN_REF_BYTES as usize;
        refs.get(start..end)
            .is_some_and(|refs| decode_run_refs(refs, entry).is_some())
    })
}

/// Checks that no frame is missing between the segments. Returns the last good frame's number.
fn chain(found: &mut [Candidate], covered_lsn: u64) -> Result<u64, OpenError> {
    let firsts: Vec<u64> = found.iter().map(|candidate| candidate.first_lsn).collect();
    let mut last_lsn = covered_lsn;
    for (index, candidate) in found.iter_mut().enumerate() {
        let path = segment_path(candidate.number);
        let follows = if index == 0 {
            candidate.first_lsn <= covered_lsn + 1
        } else {
            candidate.first_lsn == last_lsn + 1
        };
        if !follows {
            let what = format!(
                "frames from {} to {} are missing before this segment",
                last_lsn + 1,
                candidate.first_lsn.saturating_sub(1)
            );
            return Err(OpenError::damaged(path, Scanner::FIRST, what));
        }
        match &mut candidate.contents {
            Contents::Sealed(trailer, _) => last_lsn = trailer.last_lsn,
            Contents::Unsealed { last_lsn: known } => {
                let next_first = firsts.get(index + 1).copied();
                *known = next_first.map(|first| first.saturating_sub(1));
                last_lsn = match *known {
                    Some(last) => last,
                    None => find_end(candidate, covered_lsn)?,
                };
            }
        }
    }
    if last_lsn < covered_lsn {
        let file = found.last().map(|last| segment_path(last.number));
        let what = format!("frames up to {covered_lsn} had been durable, {last_lsn} is the last");
        return Err(OpenError::damaged(file.unwrap_or_default(), 0, what));
    }
    Ok(last_lsn)
}

/// Where the last segment ends; an error if what follows proves that more of it had been durable.
fn find_end(candidate: &Candidate, covered_lsn: u64) -> Result<u64, OpenError> {
    let path = segment_path(candidate.number);
    let read = || OpenError::io(format!("reading {path}"));
    let generation = u64::from(candidate.number);
    let file = Arc::clone(&candidate.file);
    let mut scanner = Scanner::new(file, generation, candidate.file_bytes);
    let (mut position, mut next_lsn) = (Scanner::FIRST, candidate.first_lsn);
    while let Some(frame) = scanner.frame(position).map_err(read())? {
        if frame.header.lsn != next_lsn {
            break;
        }
        position += u64::from(frame.header.bytes);
        next_lsn += 1;
    }
    let proof = scanner
        .find_proof(position, candidate.file_bytes, next_lsn - 1)
        .map_err(read())?;
    if let Some(proof) = proof {
        let what =
            format!("a frame is damaged that had been durable, as the one at byte {proof} says");
        return Err(OpenError::damaged(path, position, what));
    }
    if next_lsn <= covered_lsn {
        let what =
            format!("frame {next_lsn} is damaged; it had been durable, as the manifest says");
        return Err(OpenError::damaged(path, position, what));
    }
    Ok(next_lsn - 1)
}
