//! The start of a snapshot file, 40 bytes: `magic (8) | crc u32 | version u32 | offset u64 | state bytes u64 | 0 (8)`.
//! The state follows. The CRC covers everything behind it.

use super::{Checksum, Input};

pub(crate) const SNAPSHOT_HEADER_BYTES: usize = 40;
const MAGIC: &[u8; 8] = b"MILLSNP\0";
const VERSION: u32 = 1;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct SnapshotHeader {
    pub(crate) offset: u64,
}

impl SnapshotHeader {
    pub(crate) fn encode(&self, state: &[u8]) -> [u8; SNAPSHOT_HEADER_BYTES] {
        let mut out = [0; SNAPSHOT_HEADER_BYTES];
        out[..8].copy_from_slice(MAGIC);
        out[12..16].copy_from_slice(&VERSION.to_le_bytes());
        out[16..24].copy_from_slice(&self.offset.to_le_bytes());
        out[24..32].copy_from_slice(&(state.len() as u64).to_le_bytes());
        let crc = Checksum::new().with(&out[12..]).with(state).finish();
        out[8..12].copy_from_slice(&crc.to_le_bytes());
        out
    }

    /// Decodes a whole file; `None` if it is damaged, cut short or of another version.
    pub(crate) fn decode(file: &[u8]) -> Option<Self> {
        let mut input = Input::new(file);
        let (magic, crc, version) = (input.take(8)?, input.u32()?, input.u32()?);
        let offset = input.u64()?;
        let bytes = input.u64()?;
        input.take(8)?;
        let sound = magic == MAGIC
            && version == VERSION
            && bytes == input.len() as u64
            && crc == Checksum::new().with(&file[12..]).finish();
        sound.then_some(Self { offset })
    }
}
