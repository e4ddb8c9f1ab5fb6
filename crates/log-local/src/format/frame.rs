//! The header of a frame, 32 bytes:
//! `magic u32 | crc u32 | bytes u32 | runs u32 | lsn u64 | durable lsn u64`.
//!
//! The CRC covers what follows it. The runs follow the header, each with a CRC of its own, so that one run can be
//! read and verified alone. `bytes` counts the whole frame and is a multiple of 8.

use super::{Checksum, Input};

pub(crate) const FRAME_MAGIC: u32 = u32::from_le_bytes(*b"MFRM");
pub(crate) const FRAME_HEADER_BYTES: usize = 32;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct FrameHeader {
    /// Of the whole frame.
    pub(crate) bytes: u32,
    pub(crate) runs: u32,
    /// Frames are numbered without gaps over all segments.
    pub(crate) lsn: u64,
    /// Frames up to this one were durable before this frame was written.
    pub(crate) durable_lsn: u64,
}

impl FrameHeader {
    pub(crate) fn encode(&self, generation: u64, position: u64) -> [u8; FRAME_HEADER_BYTES] {
        let mut out = [0; FRAME_HEADER_BYTES];
        out[..4].copy_from_slice(&FRAME_MAGIC.to_le_bytes());
        out[8..12].copy_from_slice(&self.bytes.to_le_bytes());
        out[12..16].copy_from_slice(&self.runs.to_le_bytes());
        out[16..24].copy_from_slice(&self.lsn.to_le_bytes());
        out[24..].copy_from_slice(&self.durable_lsn.to_le_bytes());
        let crc = Checksum::seeded(generation, position)
            .with(&out[8..])
            .finish();
        out[4..8].copy_from_slice(&crc.to_le_bytes());
        out
    }

    /// `None`: no frame of this generation begins here.
    pub(crate) fn decode(bytes: &[u8], generation: u64, position: u64) -> Option<Self> {
        let header = bytes.get(..FRAME_HEADER_BYTES)?;
        let mut input = Input::new(header);
        let (magic, crc) = (input.u32()?, input.u32()?);
        if magic != FRAME_MAGIC
            || crc
                != Checksum::seeded(generation, position)
                    .with(&header[8..])
                    .finish()
        {
            return None;
        }
        let found = Self {
            bytes: input.u32()?,
            runs: input.u32()?,
            lsn: input.u64()?,
            durable_lsn: input.u64()?,
        };
        let whole = found.bytes as usize >= FRAME_HEADER_BYTES && found.bytes.is_multiple_of(8);
        (whole && found.durable_lsn < found.lsn).then_some(found)
    }
}
