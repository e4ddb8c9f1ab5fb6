//! A moment of the data folder, held for whoever copies it while everything goes on.
//!
//! Segments are never changed but at their ends, so a copy needs: that no segment is removed or used again meanwhile; a
//! manifest; and of the segment that is written no more than what is published, as a frame that is half there in front of
//! a whole one looks like damage.

use std::collections::BTreeSet;
use std::fmt;
use std::io;
use std::sync::Arc;

use bytes::Bytes;
use millstream_log::EngineError;

use crate::disk::{DiskFile, Waiting};
use crate::format::{Manifest, ManifestSegment, SegmentKind, SnapshotHeader, segment_path};
use crate::housekeeping::{Of, manifest_image};
use crate::recovery::MANIFEST;
use crate::shared::Shared;
use crate::snapshots::SNAPSHOTS;

/// The files of a data folder as of one moment. While it lives no segment is removed, so room on the disk is freed later.
///
/// A folder with these files opens as if the process had been killed at that moment, but that its logs go on at offsets
/// which the copied folder cannot have given meanwhile.
pub struct Pinned {
    pin: Pin,
    files: Vec<PinnedFile>,
}

/// One file.
#[derive(Debug, Clone)]
pub struct PinnedFile {
    path: String,
    bytes: u64,
    source: Source,
}

#[derive(Debug, Clone)]
enum Source {
    /// In the folder; what lies behind so many bytes is zeros in the copy.
    Folder(u64),
    Memory(Bytes),
}

impl PinnedFile {
    /// Where it is, relative to the data folder: at most one folder deep.
    pub fn path(&self) -> &str {
        &self.path
    }

    /// Its length.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// How much of it is to be copied; zeros follow.
    pub fn held_bytes(&self) -> u64 {
        match &self.source {
            Source::Folder(held) => *held,
            Source::Memory(bytes) => bytes.len() as u64,
        }
    }
}

impl Pinned {
    /// All files, the manifest last: without it no engine opens a folder of segments.
    pub fn files(&self) -> &[PinnedFile] {
        &self.files
    }

    /// Opens one of the files.
    ///
    /// # Errors
    /// If the disk fails.
    pub fn open(&self, file: &PinnedFile) -> io::Result<PinnedReader> {
        Ok(match &file.source {
            Source::Folder(held) => PinnedReader(Opened::Folder {
                file: self.pin.0.disk.open(&file.path)?,
                held_bytes: *held,
            }),
            Source::Memory(bytes) => PinnedReader(Opened::Memory(bytes.clone())),
        })
    }
}

/// One of the files, open.
#[derive(Debug)]
pub struct PinnedReader(Opened);

#[derive(Debug)]
enum Opened {
    Folder {
        file: Arc<dyn DiskFile>,
        held_bytes: u64,
    },
    Memory(Bytes),
}

impl PinnedReader {
    /// Fills the buffer from a position. Blocks.
    ///
    /// # Errors
    /// If the disk fails, or the buffer reaches behind [`held_bytes`](PinnedFile::held_bytes).
    pub fn read_at(&self, buffer: &mut [u8], position: u64) -> io::Result<()> {
        let end = position.saturating_add(buffer.len() as u64);
        let held_bytes = match &self.0 {
            Opened::Folder { held_bytes, .. } => *held_bytes,
            Opened::Memory(bytes) => bytes.len() as u64,
        };
        if end > held_bytes {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        match &self.0 {
            Opened::Folder { file, .. } => file.read_at(buffer, position, Waiting::Allowed),
            Opened::Memory(bytes) => {
                buffer.copy_from_slice(&bytes[position as usize..end as usize]);
                Ok(())
            }
        }
    }
}

impl fmt::Debug for Pinned {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pinned")
            .field("files", &self.files.len())
            .finish_non_exhaustive()
    }
}

/// No segment is removed while this lives.
struct Pin(Arc<Shared>);

impl Pin {
    fn new(shared: &Arc<Shared>) -> Self {
        shared.state.lock().pins += 1;
        Self(Arc::clone(shared))
    }
}

impl Drop for Pin {
    fn drop(&mut self) {
        let mut state = self.0.state.lock();
        state.pins -= 1;
        // What died meanwhile.
        state.housekeeping_due |= state.pins == 0;
        drop(state);
        self.0.housekeeping_bell.notify_one();
    }
}

/// See [`LocalEngine::pin`](crate::LocalEngine::pin).
pub(crate) fn pin(shared: &Arc<Shared>) -> Result<Pinned, EngineError> {
    let lock = shared.lock.lock().clone().ok_or(EngineError::Stopped)?;
    let pin = Pin::new(shared);
    // No newer snapshot comes, so no command is trimmed that these need.
    let _snapshots = lock.snapshots.lock();
    let snapshots = snapshots(shared)
        .map_err(|error| EngineError::Io(format!("reading the snapshots: {error}")))?;
    let image = {
        let _references = shared.references.lock();
        manifest_image(shared, Of::Copy)
    };
    // After the manifest: of no log does it say more than the segments have.
    let unlisted = unlisted_segments(shared, &image.manifest)
        .map_err(|error| EngineError::Io(format!("looking at the segments: {error}")))?;
    let listed = image.manifest.segments.iter().map(whole_segment);
    let mut files: Vec<PinnedFile> = listed.chain(unlisted).chain(snapshots).collect();
    files.push(in_memory(MANIFEST.to_owned(), image.bytes));
    Ok(Pinned { pin, files })
}

fn whole_segment(segment: &ManifestSegment) -> PinnedFile {
    PinnedFile {
        path: segment_path(segment.number),
        bytes: segment.file_bytes,
        source: Source::Folder(segment.file_bytes),
    }
}

/// Segments that are replayed on top of the manifest: those that recovery would take.
fn unlisted_segments(shared: &Shared, manifest: &Manifest) -> io::Result<Vec<PinnedFile>> {
    let unsealed: BTreeSet<u32> = manifest.unsealed.iter().copied().collect();
    let rows: Vec<_> = {
        let state = shared.state.lock();
        let rows = state.segments.iter();
        let rows = rows
            .filter(|(number, _)| unsealed.contains(number) || **number >= manifest.next_number);
        rows.map(|(number, row)| (*number, row.sealed, row.published_end))
            .collect()
    };
    let mut files = Vec::new();
    for (number, sealed, published_end) in rows {
        match sealed {
            // Of one that a compaction made meanwhile the manifest lists the inputs.
            Some(sealed) if sealed.kind == SegmentKind::Compacted => {}
            Some(sealed) => files.push(whole_segment(&sealed)),
            None if published_end == 0 => {}
            None => {
                let path = segment_path(number);
                files.push(PinnedFile {
                    bytes: shared.disk.open(&path)?.len_bytes()?,
                    path,
                    source: Source::Folder(published_end),
                });
            }
        }
    }
    Ok(files)
}

/// Those that are whole.
fn snapshots(shared: &Shared) -> io::Result<Vec<PinnedFile>> {
    let mut files = Vec::new();
    for name in shared.disk.list(SNAPSHOTS)? {
        if !name.ends_with(".snap") {
            continue;
        }
        let path = format!("{SNAPSHOTS}/{name}");
        let file = shared.disk.open(&path)?;
        let mut bytes = vec![0; file.len_bytes()? as usize];
        file.read_at(&mut bytes, 0, Waiting::Allowed)?;
        if SnapshotHeader::decode(&bytes).is_some() {
            files.push(in_memory(path, bytes));
        }
    }
    Ok(files)
}

fn in_memory(path: String, bytes: Vec<u8>) -> PinnedFile {
    PinnedFile {
        path,
        bytes: bytes.len() as u64,
        source: Source::Memory(bytes.into()),
    }
}
