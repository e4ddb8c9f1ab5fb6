//! The start of a segment file, 64 bytes:
//! `magic (8) | crc u32 | version u32 | generation u64 | file bytes u64 | kind u8 | 0 (31)`.

use super::{Checksum, Input};

pub(crate) const SEGMENT_HEADER_BYTES: u64 = 64;
const MAGIC: &[u8; 8] = b"MILLSEG\0";
const VERSION: u32 = 1;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum SegmentKind {
    /// Frames as they were committed, in order of LSN over all such segments.
    Appended,
    /// Written by a compaction: counts only if the manifest lists it.
    Compacted,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct SegmentHeader {
    /// Equal to the number in the file's name. Never reused.
    pub(crate) generation: u64,
    pub(crate) file_bytes: u64,
    pub(crate) kind: SegmentKind,
}

impl SegmentHeader {
    pub(crate) fn encode(&self) -> [u8; SEGMENT_HEADER_BYTES as usize] {
        let mut out = [0; SEGMENT_HEADER_BYTES as usize];
        out[..8].copy_from_slice(MAGIC);
        out[12..16].copy_from_slice(&VERSION.to_le_bytes());
        out[16..24].copy_from_slice(&self.generation.to_le_bytes());
        out[24..32].copy_from_slice(&self.file_bytes.to_le_bytes());
        out[32] = match self.kind {
            SegmentKind::Appended => 0,
            SegmentKind::Compacted => 1,
        };
        let crc = Checksum::new().with(&out[12..]).finish();
        out[8..12].copy_from_slice(&crc.to_le_bytes());
        out
    }

    pub(crate) fn decode(bytes: &[u8]) -> Option<Self> {
        let header = bytes.get(..SEGMENT_HEADER_BYTES as usize)?;
        let mut input = Input::new(header);
        let (magic, crc, version) = (input.take(8)?, input.u32()?, input.u32()?);
        if magic != MAGIC
            || version != VERSION
            || crc != Checksum::new().with(&header[12..]).finish()
        {
            return None;
        }
        Some(Self {
            generation: input.u64()?,
            file_bytes: input.u64()?,
            kind: match input.u8()? {
                0 => SegmentKind::Appended,
                1 => SegmentKind::Compacted,
                _ => return None,
            },
        })
    }
}
