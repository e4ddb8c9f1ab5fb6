//! CRC-32C, seeded.

use crc_fast::{CrcAlgorithm, Digest};

/// A CRC-32C under way.
#[derive(Debug)]
pub(crate) struct Checksum(Digest);

impl Checksum {
    /// For a piece outside of segments.
    pub(crate) fn new() -> Self {
        Self(Digest::new(CrcAlgorithm::Crc32Iscsi))
    }

    /// For a piece of the segment with this generation, at this position.
    pub(crate) fn seeded(generation: u64, position: u64) -> Self {
        let mut seed = [0; 16];
        seed[..8].copy_from_slice(&generation.to_le_bytes());
        seed[8..].copy_from_slice(&position.to_le_bytes());
        Self::new().with(&seed)
    }

    pub(crate) fn update(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    pub(crate) fn with(mut self, bytes: &[u8]) -> Self {
        self.update(bytes);
        self
    }

    pub(crate) fn finish(&self) -> u32 {
        self.0.finalize() as u32
    }
}
