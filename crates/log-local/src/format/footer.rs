//! What stands at the end of a sealed segment:
//! `run references (24 each) | directory (64 each) | control operations (32 each) | append ids | trailer (80)`.
//!
//! * Run reference: `first offset u64 | first time u64 | position / 8 u32 | bytes u32`. Those of one log are
//!   adjacent and in order of offset.
//! * Directory entry: `group u64 | log u64 | first offset u64 | next offset u64 | first time u64 | last time u64 |
//!   index of the first run reference u32 | their number, high bit: closed u32 | their crc u32 | crc u32`, in order of
//!   group and log.
//! * Append ids, per log that used some: `directory index u32 | count u32`, then `id u128 | offset u64 | time u64`.
//! * Trailer: `magic (8) | crc u32 | version u32 | generation u64 | end of the frames u64 | start of the run
//!   references u64 | start of the directory u64 | directory entries u32 | control operations u32 | bytes of the
//!   append ids u32 | crc of control operations and append ids u32 | first lsn u64 | last lsn u64`.

use millstream_log::AppendId;

use super::{Checksum, ControlOp, Input, LogKey};

pub(crate) const RUN_REF_BYTES: u64 = 24;
pub(crate) const DIRECTORY_ENTRY_BYTES: u64 = 64;
pub(crate) const TRAILER_BYTES: u64 = 80;
const MAGIC: &[u8; 8] = b"MILLEND\0";
const VERSION: u32 = 1;
const CLOSED: u32 = 1 << 31;

/// Where a run is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct RunRef {
    pub(crate) first_offset: u64,
    pub(crate) first_time: u64,
    /// In units of 8 bytes.
    pub(crate) position_eighths: u32,
    /// Without padding.
    pub(crate) bytes: u32,
}

impl RunRef {
    pub(crate) fn position(&self) -> u64 {
        u64::from(self.position_eighths) * 8
    }
}

/// An append that is recognised when it is sent again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct RecentId {
    pub(crate) id: AppendId,
    pub(crate) offset: u64,
    pub(crate) time: u64,
}

/// One log's part of a segment, while the segment is written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Stretch {
    pub(crate) first_offset: u64,
    pub(crate) next_offset: u64,
    pub(crate) first_time: u64,
    pub(crate) last_time: u64,
    pub(crate) closed: bool,
    pub(crate) runs: Vec<RunRef>,
    /// The most recent ones, oldest first.
    pub(crate) ids: Vec<RecentId>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct DirectoryEntry {
    pub(crate) key: LogKey,
    pub(crate) first_offset: u64,
    pub(crate) next_offset: u64,
    pub(crate) first_time: u64,
    pub(crate) last_time: u64,
    pub(crate) first_run: u32,
    pub(crate) runs: u32,
    pub(crate) closed: bool,
    pub(crate) runs_crc: u32,
}

impl DirectoryEntry {
    fn encode(&self, out: &mut Vec<u8>, generation: u64, position: u64) {
        let start = out.len();
        let numbers = [
            self.key.group,
            self.key.log,
            self.first_offset,
            self.next_offset,
            self.first_time,
            self.last_time,
        ];
        numbers
            .iter()
            .for_each(|number| out.extend_from_slice(&number.to_le_bytes()));
        let runs = self.runs | if self.closed { CLOSED } else { 0 };
        let numbers = [self.first_run, runs, self.runs_crc];
        numbers
            .iter()
            .for_each(|number| out.extend_from_slice(&number.to_le_bytes()));
        let crc = Checksum::seeded(generation, position)
            .with(&out[start..])
            .finish();
        out.extend_from_slice(&crc.to_le_bytes());
    }

    pub(crate) fn decode(bytes: &[u8], generation: u64, position: u64) -> Option<Self> {
        let bytes = bytes.get(..DIRECTORY_ENTRY_BYTES as usize)?;
        let mut input = Input::new(bytes);
        let mut entry = Self {
            key: LogKey {
                group: input.u64()?,
                log: input.u64()?,
            },
            first_offset: input.u64()?,
            next_offset: input.u64()?,
            first_time: input.u64()?,
            last_time: input.u64()?,
            first_run: input.u32()?,
            runs: input.u32()?,
            closed: false,
            runs_crc: input.u32()?,
        };
        entry.closed = entry.runs & CLOSED != 0;
        entry.runs &= !CLOSED;
        let covered = &bytes[..DIRECTORY_ENTRY_BYTES as usize - 4];
        let crc = Checksum::seeded(generation, position)
            .with(covered)
            .finish();
        (crc == input.u32()?).then_some(entry)
    }
}

/// The run references of one directory entry, verified.
pub(crate) fn decode_run_refs(bytes: &[u8], entry: &DirectoryEntry) -> Option<Vec<RunRef>> {
    if Checksum::new().with(bytes).finish() != entry.runs_crc {
        return None;
    }
    let mut input = Input::new(bytes);
    (0..entry.runs)
        .map(|_| {
            Some(RunRef {
                first_offset: input.u64()?,
                first_time: input.u64()?,
                position_eighths: input.u32()?,
                bytes: input.u32()?,
            })
        })
        .collect()
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Trailer {
    pub(crate) generation: u64,
    pub(crate) data_end: u64,
    pub(crate) runs_start: u64,
    pub(crate) directory_start: u64,
    pub(crate) directory_entries: u32,
    pub(crate) control_ops: u32,
    pub(crate) ids_bytes: u32,
    pub(crate) tables_crc: u32,
    pub(crate) first_lsn: u64,
    pub(crate) last_lsn: u64,
}

impl Trailer {
    fn encode(&self, out: &mut Vec<u8>) {
        let start = out.len();
        out.extend_from_slice(MAGIC);
        out.extend_from_slice(&[0; 4]);
        out.extend_from_slice(&VERSION.to_le_bytes());
        let places = [
            self.generation,
            self.data_end,
            self.runs_start,
            self.directory_start,
        ];
        places
            .iter()
            .for_each(|number| out.extend_from_slice(&number.to_le_bytes()));
        let counts = [
            self.directory_entries,
            self.control_ops,
            self.ids_bytes,
            self.tables_crc,
        ];
        counts
            .iter()
            .for_each(|number| out.extend_from_slice(&number.to_le_bytes()));
        out.extend_from_slice(&self.first_lsn.to_le_bytes());
        out.extend_from_slice(&self.last_lsn.to_le_bytes());
        let crc = Checksum::new().with(&out[start + 12..]).finish();
        out[start + 8..start + 12].copy_from_slice(&crc.to_le_bytes());
    }

    /// `None`: damaged, never written, or of another generation.
    pub(crate) fn decode(bytes: &[u8], generation: u64, file_bytes: u64) -> Option<Self> {
        let bytes = bytes.get(..TRAILER_BYTES as usize)?;
        let mut input = Input::new(bytes);
        let (magic, crc, version) = (input.take(8)?, input.u32()?, input.u32()?);
        if magic != MAGIC
            || version != VERSION
            || crc != Checksum::new().with(&bytes[12..]).finish()
        {
            return None;
        }
        let trailer = Self {
            generation: input.u64()?,
            data_end: input.u64()?,
            runs_start: input.u64()?,
            directory_start: input.u64()?,
            directory_entries: input.u32()?,
            control_ops: input.u32()?,
            ids_bytes: input.u32()?,
            tables_crc: input.u32()?,
            first_lsn: input.u64()?,
            last_lsn: input.u64()?,
        };
        let in_order = trailer.data_end <= trailer.runs_start
            && trailer.runs_start <= trailer.directory_start
            && trailer
                .directory_start
                .checked_add(trailer.tables_bytes())?
                == file_bytes.checked_sub(TRAILER_BYTES)?;
        (trailer.generation == generation && in_order).then_some(trailer)
    }

    /// Bytes from the start of the directory to the trailer.
    pub(crate) fn tables_bytes(&self) -> u64 {
        u64::from(self.directory_entries) * DIRECTORY_ENTRY_BYTES
            + u64::from(self.control_ops) * ControlOp::BYTES as u64
            + u64::from(self.ids_bytes)
    }
}

/// Most recent append ids of one log in one segment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct LogIds {
    pub(crate) directory_index: u32,
    pub(crate) ids: Vec<RecentId>,
}

/// What a start reads of a sealed segment that the manifest does not cover.
#[derive(Debug)]
pub(crate) struct FooterTables {
    pub(crate) directory: Vec<DirectoryEntry>,
    pub(crate) control_ops: Vec<ControlOp>,
    pub(crate) ids: Vec<LogIds>,
}

impl FooterTables {
    /// Decodes the bytes between `directory_start` and the trailer.
    pub(crate) fn decode(bytes: &[u8], trailer: &Trailer) -> Option<Self> {
        let entries = u64::from(trailer.directory_entries);
        let split = usize::try_from(entries * DIRECTORY_ENTRY_BYTES).ok()?;
        let (directory, tables) = bytes.split_at_checked(split)?;
        if Checksum::new().with(tables).finish() != trailer.tables_crc {
            return None;
        }
        let directory = directory
            .chunks_exact(DIRECTORY_ENTRY_BYTES as usize)
            .zip((trailer.directory_start..).step_by(DIRECTORY_ENTRY_BYTES as usize))
            .map(|(entry, position)| DirectoryEntry::decode(entry, trailer.generation, position))
            .collect::<Option<Vec<_>>>()?;
        let mut input = Input::new(tables);
        let control_ops = (0..trailer.control_ops)
            .map(|_| ControlOp::decode(&mut input))
            .collect::<Option<Vec<_>>>()?;
        let mut ids = Vec::new();
        while input.len() > 0 {
            let log = decode_ids(&mut input)?;
            if log.directory_index as usize >= directory.len() {
                return None;
            }
            ids.push(log);
        }
        Some(Self {
            directory,
            control_ops,
            ids,
        })
    }
}

fn decode_ids(input: &mut Input<'_>) -> Option<LogIds> {
    let (directory_index, count) = (input.u32()?, input.u32()?);
    let ids = (0..count)
        .map(|_| {
            Some(RecentId {
                id: AppendId(input.u128()?),
                offset: input.u64()?,
                time: input.u64()?,
            })
        })
        .collect::<Option<Vec<_>>>()?;
    Some(LogIds {
        directory_index,
        ids,
    })
}

/// Footer and trailer as one piece that ends where the file ends; and what they say.
pub(crate) fn encode_footer(
    logs: &[(LogKey, &Stretch)],
    control_ops: &[ControlOp],
    generation: u64,
    file_bytes: u64,
    data_end: u64,
    lsns: (u64, u64),
) -> (Vec<u8>, Trailer) {
    let run_count: u64 = logs.iter().map(|(_, log)| log.runs.len() as u64).sum();
    let ids_bytes: u64 = logs.iter().map(|(_, log)| ids_bytes(log.ids.len())).sum();
    let mut trailer = Trailer {
        generation,
        data_end,
        runs_start: 0,
        directory_start: 0,
        directory_entries: u32::try_from(logs.len()).expect("a segment is at most 1 GiB"),
        control_ops: u32::try_from(control_ops.len()).expect("a segment is at most 1 GiB"),
        ids_bytes: u32::try_from(ids_bytes).expect("a segment is at most 1 GiB"),
        tables_crc: 0,
        first_lsn: lsns.0,
        last_lsn: lsns.1,
    };
    trailer.directory_start = file_bytes - TRAILER_BYTES - trailer.tables_bytes();
    trailer.runs_start = trailer.directory_start - run_count * RUN_REF_BYTES;
    let mut out = Vec::with_capacity((file_bytes - trailer.runs_start) as usize);
    let runs_crcs: Vec<u32> = logs
        .iter()
        .map(|(_, log)| put_run_refs(&mut out, &log.runs))
        .collect();
    let mut first_run = 0;
    for ((key, log), runs_crc) in logs.iter().zip(runs_crcs) {
        let runs = log.runs.len() as u32;
        let entry = DirectoryEntry {
            key: *key,
            first_offset: log.first_offset,
            next_offset: log.next_offset,
            first_time: log.first_time,
            last_time: log.last_time,
            first_run,
            runs,
            closed: log.closed,
            runs_crc,
        };
        let position = trailer.runs_start + out.len() as u64;
        entry.encode(&mut out, generation, position);
        first_run += runs;
    }
    let tables = out.len();
    control_ops.iter().for_each(|op| op.encode(&mut out));
    for (index, (_, log)) in logs.iter().enumerate() {
        put_ids(&mut out, index as u32, &log.ids);
    }
    trailer.tables_crc = Checksum::new().with(&out[tables..]).finish();
    trailer.encode(&mut out);
    (out, trailer)
}

/// Footer bytes of a log's append ids.
pub(crate) fn ids_bytes(ids: usize) -> u64 {
    if ids == 0 { 0 } else { 8 + 32 * ids as u64 }
}

fn put_run_refs(out: &mut Vec<u8>, runs: &[RunRef]) -> u32 {
    let start = out.len();
    for run in runs {
        out.extend_from_slice(&run.first_offset.to_le_bytes());
        out.extend_from_slice(&run.first_time.to_le_bytes());
        out.extend_from_slice(&run.position_eighths.to_le_bytes());
        out.extend_from_slice(&run.bytes.to_le_bytes());
    }
    Checksum::new().with(&out[start..]).finish()
}

fn put_ids(out: &mut Vec<u8>, directory_index: u32, ids: &[RecentId]) {
    if ids.is_empty() {
        return;
    }
    out.extend_from_slice(&directory_index.to_le_bytes());
    out.extend_from_slice(&(ids.len() as u32).to_le_bytes());
    for recent in ids {
        out.extend_from_slice(&recent.id.0.to_le_bytes());
        out.extend_from_slice(&recent.offset.to_le_bytes());
        out.extend_from_slice(&recent.time.to_le_bytes());
    }
}
