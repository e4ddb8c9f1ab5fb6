//! One segment file, read from its first byte to its last: what is whole in it, and what is not.

use std::collections::{BTreeMap, HashSet};
use std::io;
use std::sync::Arc;

use crate::commit::sealed_segment;
use crate::disk::{Disk, DiskFile, Waiting};
use crate::format::segment_path;
use crate::format::{
    ControlOp, FooterTables, LogKey, ManifestSegment, RUN_REF_BYTES, RecentId, RunHeader, RunRef,
    SEGMENT_HEADER_BYTES, SegmentHeader, SegmentKind, TRAILER_BYTES, Trailer, decode_run_refs,
};
use crate::recovery::{ScannedFrame, Scanner, indexed, read_footer};
use crate::segments::index::IndexedRun;

/// The group whose runs are remembered even of segments that are whole: somebody reads its logs.
const COMMANDS: u64 = 0;

/// Entries of one log that follow each other and are whole.
#[derive(Debug, Clone, Copy)]
pub(super) struct Extent {
    pub(super) first: u64,
    pub(super) next: u64,
    pub(super) first_time: u64,
    pub(super) last_time: u64,
    pub(super) closed: bool,
}

/// What is wrong at a position.
#[derive(Debug)]
pub(super) struct Fault {
    pub(super) position: u64,
    pub(super) what: String,
}

/// What a segment has.
#[derive(Debug)]
pub(super) struct Contents {
    pub(super) number: u32,
    pub(super) file: Option<Arc<dyn DiskFile>>,
    pub(super) file_bytes: u64,
    pub(super) kind: SegmentKind,
    /// First and last frame; 0 if there is none.
    pub(super) lsns: (u64, u64),
    pub(super) control_ops: Vec<ControlOp>,
    pub(super) extents: BTreeMap<LogKey, Vec<Extent>>,
    pub(super) ids: BTreeMap<LogKey, Vec<RecentId>>,
    /// All that are whole if the file is not; else those of the group of commands.
    pub(super) runs: Vec<IndexedRun>,
    /// The file can stay as it is: it is sealed, and every byte of it that counts is whole.
    pub(super) whole: Option<(ManifestSegment, Vec<LogKey>)>,
    pub(super) faults: Vec<Fault>,
}

impl Contents {
    fn new(number: u32) -> Self {
        Self {
            number,
            file: None,
            file_bytes: 0,
            kind: SegmentKind::Appended,
            lsns: (0, 0),
            control_ops: Vec::new(),
            extents: BTreeMap::new(),
            ids: BTreeMap::new(),
            runs: Vec::new(),
            whole: None,
            faults: Vec::new(),
        }
    }

    fn fault(&mut self, position: u64, what: impl Into<String>) {
        let what = what.into();
        self.faults.push(Fault { position, what });
    }

    fn take(&mut self, frame: ScannedFrame) {
        self.control_ops.extend(frame.control_ops);
        for run in frame.runs {
            self.take_run(run);
        }
    }

    fn take_run(&mut self, run: IndexedRun) {
        let next = run.run.first_offset + u64::from(run.count);
        let extents = self.extents.entry(run.key).or_default();
        match extents.last_mut() {
            Some(last) if last.next == run.run.first_offset => {
                last.next = next;
                last.last_time = run.last_time;
                last.closed |= run.closed;
            }
            _ => extents.push(Extent {
                first: run.run.first_offset,
                next,
                first_time: run.run.first_time,
                last_time: run.last_time,
                closed: run.closed,
            }),
        }
        if !run.ids.is_empty() {
            self.ids.entry(run.key).or_default().extend(&run.ids);
        }
        self.runs.push(run);
    }
}

/// Reads a segment; `listed` is what a whole manifest says of it.
pub(super) fn read(disk: &dyn Disk, number: u32, listed: Option<&ManifestSegment>) -> Contents {
    let mut contents = read_with_runs(disk, number, listed);
    if contents.whole.is_some() {
        contents.runs.retain(|run| run.key.group == COMMANDS);
        contents.runs.shrink_to_fit();
    }
    contents
}

/// As [`read`], with all runs.
pub(super) fn read_with_runs(
    disk: &dyn Disk,
    number: u32,
    listed: Option<&ManifestSegment>,
) -> Contents {
    let mut contents = Contents::new(number);
    if let Some(listed) = listed {
        contents.kind = listed.kind;
        contents.lsns = (listed.first_lsn, listed.last_lsn);
    }
    if let Err(error) = read_file(disk, listed, &mut contents) {
        contents.fault(0, format!("the file cannot be read: {error}"));
    }
    for extents in contents.extents.values_mut() {
        extents.sort_by_key(|extent| extent.first);
    }
    for ids in contents.ids.values_mut() {
        ids.sort_by_key(|id| id.offset);
    }
    contents
}

fn read_file(
    disk: &dyn Disk,
    listed: Option<&ManifestSegment>,
    contents: &mut Contents,
) -> io::Result<()> {
    let file = disk.open(&segment_path(contents.number))?;
    let generation = u64::from(contents.number);
    let length = file.len_bytes()?;
    contents.file = Some(Arc::clone(&file));
    contents.file_bytes = length;
    let size = read_header(&file, listed, contents)?;
    let footer = if size <= length && size >= SEGMENT_HEADER_BYTES + TRAILER_BYTES {
        Footer::read(&*file, generation, size)?
    } else {
        Footer::default()
    };
    let frames = scan(&file, listed, &footer, size.min(length), contents)?;
    if let Some(trailer) = &footer.trailer {
        contents.lsns = (trailer.first_lsn, trailer.last_lsn);
    } else if listed.is_none() && contents.kind == SegmentKind::Appended {
        contents.lsns = frames;
    }
    let Some((trailer, tables)) = footer.trailer.zip(footer.tables) else {
        if listed.is_some() || footer.trailer.is_some() {
            let position = size.min(length).saturating_sub(TRAILER_BYTES);
            contents.fault(position, "the footer is damaged");
        }
        return Ok(());
    };
    take_listed_runs(&*file, &trailer, &tables, contents)?;
    if contents.faults.is_empty() {
        let mut sealed = sealed_segment(contents.number, size, &trailer);
        sealed.kind = contents.kind;
        let keys = tables.directory.iter().map(|entry| entry.key).collect();
        contents.whole = Some((sealed, keys));
    }
    Ok(())
}

/// Checks the header. Answers how long the file should be.
fn read_header(
    file: &Arc<dyn DiskFile>,
    listed: Option<&ManifestSegment>,
    contents: &mut Contents,
) -> io::Result<u64> {
    let length = contents.file_bytes;
    let mut bytes = vec![0; SEGMENT_HEADER_BYTES.min(length) as usize];
    file.read_at(&mut bytes, 0, Waiting::Allowed)?;
    let is_blank = bytes.iter().all(|byte| *byte == 0);
    let generation = u64::from(contents.number);
    let header = SegmentHeader::decode(&bytes).filter(|header| header.generation == generation);
    let Some(header) = header else {
        // A file that was being made when the power was cut has no header and no frames.
        let mut scanner = Scanner::new(Arc::clone(file), generation, length);
        let frame = scanner.find_header(Scanner::FIRST, length, |_| true)?;
        if frame.is_some() || listed.is_some() {
            let what = if is_blank { "missing" } else { "damaged" };
            contents.fault(0, format!("the header is {what}"));
        }
        return Ok(listed.map_or(length, |listed| listed.file_bytes));
    };
    contents.kind = header.kind;
    if header.file_bytes != length {
        let what = format!("the file has {length} bytes, not {}", header.file_bytes);
        contents.fault(length.min(header.file_bytes), what);
    }
    Ok(header.file_bytes)
}

/// What is whole of a footer.
#[derive(Debug, Default)]
struct Footer {
    trailer: Option<Trailer>,
    tables: Option<FooterTables>,
}

impl Footer {
    fn read(file: &dyn DiskFile, generation: u64, size: u64) -> io::Result<Self> {
        let mut bytes = vec![0; TRAILER_BYTES as usize];
        file.read_at(&mut bytes, size - TRAILER_BYTES, Waiting::Allowed)?;
        let trailer = Trailer::decode(&bytes, generation, size);
        let whole = match trailer {
            Some(_) => read_footer(file, generation, size)?,
            None => None,
        };
        Ok(Self {
            trailer,
            tables: whole.map(|(_, tables)| tables),
        })
    }
}

/// Takes every whole frame. Answers the first and the last one's number.
fn scan(
    file: &Arc<dyn DiskFile>,
    listed: Option<&ManifestSegment>,
    footer: &Footer,
    limit: u64,
    contents: &mut Contents,
) -> io::Result<(u64, u64)> {
    let generation = u64::from(contents.number);
    let mut scanner = Scanner::new(Arc::clone(file), generation, limit);
    let known_end = footer.trailer.map(|trailer| trailer.data_end);
    let known_end = known_end.or(listed.map(|listed| listed.data_end));
    let (mut position, mut lsns) = (Scanner::FIRST, (0, 0));
    while known_end.is_none_or(|end| position < end) {
        if let Some(frame) = scanner.frame(position)? {
            let (lsn, bytes) = (frame.header.lsn, frame.header.bytes);
            lsns = (if lsns.0 == 0 { lsn } else { lsns.0 }, lsn);
            position += u64::from(bytes);
            contents.take(frame);
            continue;
        }
        // Where nothing shows that more had been durable, the log was cut while it was written.
        if known_end.is_none() && scanner.find_proof(position, limit, lsns.1)?.is_none() {
            break;
        }
        let end = known_end.unwrap_or(limit).min(limit);
        let next = match scanner.header(position)? {
            Some(header) => {
                let frame = scanner.runs_before_damage(position, header)?;
                contents.take(frame);
                position + u64::from(header.bytes)
            }
            None => scanner
                .find_header(position + 8, end, |_| true)?
                .unwrap_or(end),
        };
        let what = format!("a frame is damaged, up to byte {next}");
        contents.fault(position, what);
        if next >= limit {
            break;
        }
        position = next;
    }
    Ok(lsns)
}

/// Takes the runs that the footer lists and that stand in frames which are damaged elsewhere.
fn take_listed_runs(
    file: &dyn DiskFile,
    trailer: &Trailer,
    tables: &FooterTables,
    contents: &mut Contents,
) -> io::Result<()> {
    let known: HashSet<u64> = contents.runs.iter().map(|run| run.run.position()).collect();
    for entry in &tables.directory {
        let mut bytes = vec![0; entry.runs as usize * RUN_REF_BYTES as usize];
        let position = trailer.runs_start + u64::from(entry.first_run) * RUN_REF_BYTES;
        file.read_at(&mut bytes, position, Waiting::Allowed)?;
        for run in decode_run_refs(&bytes, entry).unwrap_or_default() {
            if known.contains(&run.position()) {
                continue;
            }
            match read_run(file, contents.number, &run)? {
                Some((header, bytes)) if header.key == entry.key => {
                    if let Some(run) = indexed(&header, &bytes, run.position()) {
                        contents.take_run(run);
                    }
                }
                _ => contents.fault(run.position(), "a run is damaged"),
            }
        }
    }
    // Of a damaged frame the footer still knows the control operations.
    if !contents.faults.is_empty() {
        contents.control_ops.clone_from(&tables.control_ops);
    }
    Ok(())
}

/// A run with its bytes; `None` if it is damaged.
pub(super) fn read_run(
    file: &dyn DiskFile,
    number: u32,
    run: &RunRef,
) -> io::Result<Option<(RunHeader, Vec<u8>)>> {
    let mut bytes = vec![0; run.bytes as usize];
    match file.read_at(&mut bytes, run.position(), Waiting::Allowed) {
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(None),
        read => read?,
    }
    let header = RunHeader::decode(&bytes, u64::from(number), run.position());
    Ok(header
        .filter(|header| header.bytes == run.bytes && header.first_offset == run.first_offset)
        .map(|header| (header, bytes)))
}
