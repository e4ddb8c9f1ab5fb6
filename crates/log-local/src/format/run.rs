//! A run: consecutive entries of one log, or control operations. Header of 48 bytes:
//! `crc u32 | bytes u32 | group u64 | log u64 | first offset u64 | first time u64 | count u32 | kind u8 | 0 (3)`,
//! then the entries: `length and flags u32 | ms after the first time u32 | [append id u128] | payload`.
//!
//! The CRC covers what follows it. `bytes` counts header and entries, without the padding to a multiple of 8.

use bytes::Bytes;
use millstream_log::{AppendId, EntryKind};

use super::{Checksum, ControlOp, Input, LogKey};

pub(crate) const RUN_HEADER_BYTES: usize = 48;
pub(crate) const ENTRY_HEADER_BYTES: usize = 8;
const CLOSE: u32 = 1 << 31;
const HAS_ID: u32 = 1 << 30;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum RunKind {
    Data,
    Control,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct RunHeader {
    pub(crate) bytes: u32,
    /// Zero in a control run, as are offset and time.
    pub(crate) key: LogKey,
    pub(crate) first_offset: u64,
    pub(crate) first_time: u64,
    pub(crate) count: u32,
    pub(crate) kind: RunKind,
}

impl RunHeader {
    /// The header with an open place for the CRC, which covers bytes 4 and up of the whole run.
    pub(crate) fn encode(&self) -> [u8; RUN_HEADER_BYTES] {
        let mut out = [0; RUN_HEADER_BYTES];
        out[4..8].copy_from_slice(&self.bytes.to_le_bytes());
        out[8..16].copy_from_slice(&self.key.group.to_le_bytes());
        out[16..24].copy_from_slice(&self.key.log.to_le_bytes());
        out[24..32].copy_from_slice(&self.first_offset.to_le_bytes());
        out[32..40].copy_from_slice(&self.first_time.to_le_bytes());
        out[40..44].copy_from_slice(&self.count.to_le_bytes());
        out[44] = match self.kind {
            RunKind::Data => 0,
            RunKind::Control => 1,
        };
        out
    }

    /// Reads the header only; the CRC is not checked.
    fn parse(bytes: &[u8]) -> Option<(u32, Self)> {
        let mut input = Input::new(bytes);
        let crc = input.u32()?;
        let header = Self {
            bytes: input.u32()?,
            key: LogKey {
                group: input.u64()?,
                log: input.u64()?,
            },
            first_offset: input.u64()?,
            first_time: input.u64()?,
            count: input.u32()?,
            kind: match input.u32()? {
                0 => RunKind::Data,
                1 => RunKind::Control,
                _ => return None,
            },
        };
        (header.bytes as usize >= RUN_HEADER_BYTES).then_some((crc, header))
    }

    /// The run at the start of `bytes` (which may hold more behind it), verified.
    pub(crate) fn decode(bytes: &[u8], generation: u64, position: u64) -> Option<Self> {
        let (crc, header) = Self::parse(bytes)?;
        let run = bytes.get(4..header.bytes as usize)?;
        (crc == Checksum::seeded(generation, position).with(run).finish()).then_some(header)
    }

    /// The entries of a verified data run.
    pub(crate) fn entries<'a>(&self, run: &'a [u8]) -> Option<StoredEntries<'a>> {
        if self.kind != RunKind::Data {
            return None;
        }
        let end = self.bytes as usize;
        Some(StoredEntries {
            input: Input::new(run.get(RUN_HEADER_BYTES..end)?),
            end,
            header: *self,
            next: 0,
        })
    }

    /// The operations of a verified control run.
    pub(crate) fn control_ops(&self, run: &[u8]) -> Option<Vec<ControlOp>> {
        let mut input = Input::new(run.get(RUN_HEADER_BYTES..self.bytes as usize)?);
        let count = self.count as usize;
        if self.kind != RunKind::Control || input.len() != count.checked_mul(ControlOp::BYTES)? {
            return None;
        }
        (0..count).map(|_| ControlOp::decode(&mut input)).collect()
    }
}

/// One entry of a run; the payload is a range of the run's bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct StoredEntry {
    pub(crate) offset: u64,
    pub(crate) time: u64,
    pub(crate) kind: EntryKind,
    pub(crate) id: Option<AppendId>,
    pub(crate) payload: std::ops::Range<usize>,
}

/// Yields `None` as an item where the run contradicts itself.
#[derive(Debug)]
pub(crate) struct StoredEntries<'a> {
    input: Input<'a>,
    end: usize,
    header: RunHeader,
    next: u32,
}

impl StoredEntries<'_> {
    fn entry(&mut self) -> Option<StoredEntry> {
        let flags = self.input.u32()?;
        let length = (flags & !(CLOSE | HAS_ID)) as usize;
        let time = self
            .header
            .first_time
            .checked_add(u64::from(self.input.u32()?))?;
        let id = match flags & HAS_ID {
            0 => None,
            _ => Some(AppendId(self.input.u128()?)),
        };
        let start = self.end - self.input.len();
        self.input.take(length)?;
        let offset = self.header.first_offset.checked_add(u64::from(self.next))?;
        Some(StoredEntry {
            offset,
            time,
            kind: if flags & CLOSE == 0 {
                EntryKind::Data
            } else {
                EntryKind::Close
            },
            id,
            payload: start..start + length,
        })
    }
}

impl Iterator for StoredEntries<'_> {
    type Item = Option<StoredEntry>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.next == self.header.count {
            return None;
        }
        let entry = self.entry();
        self.next = match entry {
            Some(_) => self.next + 1,
            None => self.header.count,
        };
        Some(entry)
    }
}

/// Stored size of an entry without padding.
pub(crate) fn entry_bytes(payload: &Bytes, id: Option<AppendId>) -> usize {
    ENTRY_HEADER_BYTES + payload.len() + if id.is_some() { 16 } else { 0 }
}

/// What stands before an entry's payload.
pub(crate) fn put_entry_header(
    out: &mut Vec<u8>,
    kind: EntryKind,
    id: Option<AppendId>,
    delta_ms: u32,
    payload_bytes: usize,
) {
    let mut flags = u32::try_from(payload_bytes).expect("entries are at most 256 MiB");
    if kind == EntryKind::Close {
        flags |= CLOSE;
    }
    if id.is_some() {
        flags |= HAS_ID;
    }
    out.extend_from_slice(&flags.to_le_bytes());
    out.extend_from_slice(&delta_ms.to_le_bytes());
    if let Some(AppendId(id)) = id {
        out.extend_from_slice(&id.to_le_bytes());
    }
}
