//! The bytes on the disk. `docs/log-format.md` is the specification; each file here is one stored type.
//!
//! All numbers are little-endian. Every stored piece carries a CRC-32C; that of a piece of a segment is seeded with
//! the segment's generation and the piece's position, so that bytes of another file or place never look valid.

mod bytes;
mod checksum;
mod control;
mod footer;
mod frame;
mod manifest;
mod run;
mod segment_header;
mod snapshot_file;
mod tombstones;

pub(crate) use bytes::Input;
pub(crate) use checksum::Checksum;
pub(crate) use control::ControlOp;
pub(crate) use footer::{
    DIRECTORY_ENTRY_BYTES, DirectoryEntry, FooterTables, RUN_REF_BYTES, RecentId, RunRef, Stretch,
    TRAILER_BYTES, Trailer, decode_run_refs, encode_footer, ids_bytes,
};
pub(crate) use frame::{FRAME_HEADER_BYTES, FRAME_MAGIC, FrameHeader};
pub(crate) use manifest::{Manifest, ManifestError, ManifestLog, ManifestSegment};
pub(crate) use run::{RUN_HEADER_BYTES, RunHeader, RunKind, entry_bytes, put_entry_header};
pub(crate) use segment_header::{SEGMENT_HEADER_BYTES, SegmentHeader, SegmentKind};
pub(crate) use snapshot_file::{SNAPSHOT_HEADER_BYTES, SnapshotHeader};
pub(crate) use tombstones::Tombstones;

use millstream_log::{GroupId, LogId, Place};

/// Which log: in memory and on the disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub(crate) struct LogKey {
    pub(crate) group: u64,
    pub(crate) log: u64,
}

impl LogKey {
    pub(crate) fn new(group: GroupId, log: LogId) -> Self {
        Self {
            group: group.0,
            log: log.0,
        }
    }

    /// `None` for a place that this engine never made.
    pub(crate) fn from_place(place: Place) -> Option<Self> {
        let bytes = place.to_bytes();
        let mut input = Input::new(&bytes);
        let key = Self {
            group: input.u64()?,
            log: input.u64()?,
        };
        (input.u64()? == 0).then_some(key)
    }

    pub(crate) fn place(self) -> Place {
        let mut bytes = [0; Place::BYTES];
        bytes[..8].copy_from_slice(&self.group.to_le_bytes());
        bytes[8..16].copy_from_slice(&self.log.to_le_bytes());
        Place::from_bytes(bytes)
    }
}

/// The folder of segments.
pub(crate) const SEGMENTS: &str = "segments";

/// Where a segment is.
pub(crate) fn segment_path(number: u32) -> String {
    format!("{SEGMENTS}/{number:010}.seg")
}

/// Pieces of a segment begin at multiples of 8.
pub(crate) fn align(bytes: u64) -> u64 {
    bytes.next_multiple_of(8)
}

#[cfg(test)]
mod tests;
