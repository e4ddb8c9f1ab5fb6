//! The file `manifest`: the table of logs and the list of sealed segments, as of some moment.
//!
//! `magic (8) | crc u32 | version u32 | body bytes u64 | body`. The CRC covers everything behind it. The body is
//! fixed-width numbers for the head and the segments, and varints for tombstones and logs.

use millstream_log::AppendId;

use super::bytes::put_varint;
use super::footer::RecentId;
use super::segment_header::SegmentKind;
use super::tombstones::Tombstones;
use super::{Checksum, Input, LogKey};
use crate::durability::Durability;

const MAGIC: &[u8; 8] = b"MILLMAN\0";
const VERSION: u32 = 1;
const HEADER_BYTES: usize = 24;
const CLOSED: u64 = 1;

/// What a start needs besides the segments that are newer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Manifest {
    /// No segment file has had this number or a higher one, but for those found in the folder.
    pub(crate) next_number: u32,
    /// Segments that had no footer yet. These, and those from `next_number` on, are replayed if they are there;
    /// others count only if they are listed.
    pub(crate) unsealed: Vec<u32>,
    /// Frames up to this one were durable; what they say about logs is in here.
    pub(crate) covered_lsn: u64,
    /// Nothing happened after this manifest was written.
    pub(crate) clean: bool,
    /// Of the process that wrote it.
    pub(crate) durability: Durability,
    /// Starts after which nobody knew which offsets had been given.
    pub(crate) epoch: u32,
    /// It is that of a copy of the folder: the folder that was copied may have given offsets since.
    pub(crate) is_copy: bool,
    /// In order of lsn.
    pub(crate) segments: Vec<ManifestSegment>,
    pub(crate) tombstones: Tombstones,
    pub(crate) logs: Vec<ManifestLog>,
}

/// A sealed segment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct ManifestSegment {
    pub(crate) number: u32,
    pub(crate) kind: SegmentKind,
    pub(crate) directory_entries: u32,
    pub(crate) file_bytes: u64,
    pub(crate) data_end: u64,
    pub(crate) runs_start: u64,
    pub(crate) directory_start: u64,
    pub(crate) first_lsn: u64,
    pub(crate) last_lsn: u64,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ManifestLog {
    pub(crate) key: LogKey,
    pub(crate) first: u64,
    pub(crate) next: u64,
    pub(crate) last_time: u64,
    pub(crate) closed: bool,
    /// Segment number, index in its directory, offset of the first entry there; in order of offset.
    pub(crate) segments: Vec<(u32, u32, u64)>,
    pub(crate) ids: Vec<RecentId>,
}

/// Why a manifest cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum ManifestError {
    #[error("the manifest is of version {0}; this program reads version {VERSION}")]
    Version(u32),
    #[error("the manifest is damaged")]
    Damaged,
}

impl Manifest {
    /// The file, with the logs that `logs` holds, encoded, instead of its own.
    pub(crate) fn encode_with(&self, logs: &[u8]) -> Vec<u8> {
        let mut out = Vec::with_capacity(4096 + logs.len());
        out.extend_from_slice(MAGIC);
        out.extend_from_slice(&[0; 4]);
        out.extend_from_slice(&VERSION.to_le_bytes());
        out.extend_from_slice(&[0; 8]);
        let unsealed = self.unsealed.len() as u32;
        for number in [self.next_number, self.epoch, unsealed] {
            out.extend_from_slice(&number.to_le_bytes());
        }
        let durability = match self.durability {
            Durability::Fsync => 0u8,
            Durability::Os => 1,
        };
        out.extend_from_slice(&[u8::from(self.clean), durability, u8::from(self.is_copy), 0]);
        out.extend_from_slice(&self.covered_lsn.to_le_bytes());
        out.extend_from_slice(&(self.segments.len() as u64).to_le_bytes());
        for number in &self.unsealed {
            out.extend_from_slice(&number.to_le_bytes());
        }
        self.segments
            .iter()
            .for_each(|segment| segment.encode(&mut out));
        self.tombstones.encode(&mut out);
        out.extend_from_slice(logs);
        let bytes = (out.len() - HEADER_BYTES) as u64;
        out[16..24].copy_from_slice(&bytes.to_le_bytes());
        let crc = Checksum::new().with(&out[12..]).finish();
        out[8..12].copy_from_slice(&crc.to_le_bytes());
        out
    }

    pub(crate) fn decode(file: &[u8]) -> Result<Self, ManifestError> {
        let mut input = Input::new(file);
        let head = |input: &mut Input<'_>| {
            let magic = input.take(8)?;
            Some((magic == MAGIC, input.u32()?, input.u32()?, input.u64()?))
        };
        let (known, crc, version, bytes) = head(&mut input).ok_or(ManifestError::Damaged)?;
        if !known
            || bytes != input.len() as u64
            || crc != Checksum::new().with(&file[12..]).finish()
        {
            return Err(ManifestError::Damaged);
        }
        if version != VERSION {
            return Err(ManifestError::Version(version));
        }
        Self::decode_body(&mut input).ok_or(ManifestError::Damaged)
    }

    fn decode_body(input: &mut Input<'_>) -> Option<Self> {
        let (next_number, epoch, unsealed) = (input.u32()?, input.u32()?, input.u32()?);
        let clean = input.u8()? != 0;
        let durability = match input.u8()? {
            0 => Durability::Fsync,
            1 => Durability::Os,
            _ => return None,
        };
        let is_copy = input.u8()? != 0;
        input.take(1)?;
        let covered_lsn = input.u64()?;
        let segments = input.u64()?;
        let unsealed = (0..unsealed)
            .map(|_| input.u32())
            .collect::<Option<Vec<_>>>()?;
        let segments = (0..segments)
            .map(|_| ManifestSegment::decode(input))
            .collect::<Option<Vec<_>>>()?;
        let tombstones = Tombstones::decode(input)?;
        let mut logs = Vec::new();
        while input.len() > 0 {
            logs.push(ManifestLog::decode(input)?);
        }
        Some(Self {
            next_number,
            unsealed,
            covered_lsn,
            clean,
            durability,
            epoch,
            is_copy,
            segments,
            tombstones,
            logs,
        })
    }
}

impl ManifestSegment {
    fn encode(&self, out: &mut Vec<u8>) {
        let kind = match self.kind {
            SegmentKind::Appended => 0,
            SegmentKind::Compacted => 1u32,
        };
        for number in [self.number, kind, self.directory_entries, 0] {
            out.extend_from_slice(&number.to_le_bytes());
        }
        let places = [
            self.file_bytes,
            self.data_end,
            self.runs_start,
            self.directory_start,
            self.first_lsn,
            self.last_lsn,
        ];
        places
            .iter()
            .for_each(|number| out.extend_from_slice(&number.to_le_bytes()));
    }

    fn decode(input: &mut Input<'_>) -> Option<Self> {
        let number = input.u32()?;
        let kind = match input.u32()? {
            0 => SegmentKind::Appended,
            1 => SegmentKind::Compacted,
            _ => return None,
        };
        let directory_entries = input.u32()?;
        input.u32()?;
        Some(Self {
            number,
            kind,
            directory_entries,
            file_bytes: input.u64()?,
            data_end: input.u64()?,
            runs_start: input.u64()?,
            directory_start: input.u64()?,
            first_lsn: input.u64()?,
            last_lsn: input.u64()?,
        })
    }
}

impl ManifestLog {
    pub(crate) fn encode(&self, out: &mut Vec<u8>) {
        let flags = if self.closed { CLOSED } else { 0 };
        let numbers = [
            self.key.group,
            self.key.log,
            self.first,
            self.next - self.first,
            self.last_time,
            flags,
            self.segments.len() as u64,
        ];
        numbers.iter().for_each(|number| put_varint(out, *number));
        let mut previous = 0;
        for (segment, directory_index, first) in &self.segments {
            put_varint(out, u64::from(*segment));
            put_varint(out, u64::from(*directory_index));
            put_varint(out, first - previous);
            previous = *first;
        }
        put_varint(out, self.ids.len() as u64);
        for recent in &self.ids {
            out.extend_from_slice(&recent.id.0.to_le_bytes());
            put_varint(out, recent.offset);
            put_varint(out, recent.time);
        }
    }

    fn decode(input: &mut Input<'_>) -> Option<Self> {
        let key = LogKey {
            group: input.varint()?,
            log: input.varint()?,
        };
        let first = input.varint()?;
        let next = first.checked_add(input.varint()?)?;
        let last_time = input.varint()?;
        let closed = match input.varint()? {
            0 => false,
            CLOSED => true,
            _ => return None,
        };
        let count = input.varint()?;
        let mut previous = 0u64;
        let segments = (0..count)
            .map(|_| {
                let segment = u32::try_from(input.varint()?).ok()?;
                let directory_index = u32::try_from(input.varint()?).ok()?;
                previous = previous.checked_add(input.varint()?)?;
                Some((segment, directory_index, previous))
            })
            .collect::<Option<Vec<_>>>()?;
        let count = input.varint()?;
        let ids = (0..count)
            .map(|_| {
                Some(RecentId {
                    id: AppendId(input.u128()?),
                    offset: input.varint()?,
                    time: input.varint()?,
                })
            })
            .collect::<Option<Vec<_>>>()?;
        Some(Self {
            key,
            first,
            next,
            last_time,
            closed,
            segments,
            ids,
        })
    }
}
