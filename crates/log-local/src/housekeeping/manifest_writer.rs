//! Writing the manifest while everything goes on.

use std::collections::BTreeSet;
use std::io::{self, IoSlice};

use crate::durability::Durability;
use crate::format::{Manifest, ManifestLog, ManifestSegment};
use crate::recovery::{MANIFEST, MANIFEST_NEW};
use crate::shared::Shared;
use crate::state::table::{LogRow, SKIPPED};
use crate::stats::{count, set};

/// Logs copied under one lock.
const ROWS_AT_ONCE: u32 = 1024;

/// A manifest that is durable.
#[derive(Debug)]
pub(crate) struct WrittenManifest {
    pub(crate) bytes: u64,
    /// Last frame of the segments that it lists.
    pub(crate) listed_lsn: u64,
    /// Segments that it no longer lists: they may be removed.
    pub(crate) dead: Vec<u32>,
}

/// A manifest of some moment, not written anywhere.
#[derive(Debug)]
pub(crate) struct ManifestImage {
    /// Without its logs.
    pub(crate) manifest: Manifest,
    /// The whole file.
    pub(crate) bytes: Vec<u8>,
    /// Settled segments that it does not list.
    dead: Vec<u32>,
}

/// What a manifest says of itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Of {
    /// The folder, while its process runs.
    Running,
    /// The folder; nothing happens in it any more.
    CleanEnd,
    /// A copy of the folder.
    Copy,
}

/// Makes a manifest of the present moment; `references` is held by whoever calls, or nothing is compacted.
///
/// The logs are copied piece by piece, so that nobody waits long. What changes meanwhile is in frames above
/// `covered_lsn`, and replaying a frame on a log that already has it changes nothing.
pub(crate) fn manifest_image(shared: &Shared, of: Of) -> ManifestImage {
    let mut dead = Vec::new();
    let mut manifest = {
        let state = shared.state.lock();
        let mut segments: Vec<ManifestSegment> = Vec::new();
        for (number, segment) in state.segments.iter().filter(|(_, segment)| segment.settled) {
            match segment.sealed {
                Some(sealed) if segment.live_logs > 0 => segments.push(sealed),
                _ => dead.push(*number),
            }
        }
        segments.sort_unstable_by_key(|segment| segment.first_lsn);
        Manifest {
            next_number: state.next_number,
            unsealed: state.unsealed.iter().copied().collect(),
            covered_lsn: state.durable_lsn,
            clean: of == Of::CleanEnd,
            durability: shared.settings.durability,
            epoch: state.epoch,
            is_copy: of == Of::Copy,
            segments,
            tombstones: Default::default(),
            logs: Vec::new(),
        }
    };
    let logs = copy_logs(shared, &manifest.segments);
    // Later than the logs: a log that was deleted meanwhile must not look as if it had never been created.
    manifest.tombstones = shared.state.lock().table.tombstones.clone();
    let bytes = manifest.encode_with(&logs);
    ManifestImage {
        manifest,
        bytes,
        dead,
    }
}

/// Writes the manifest aside, syncs it and renames it. For the thread that compacts, and for when it does not run.
pub(crate) fn write_manifest(shared: &Shared, of: Of) -> io::Result<WrittenManifest> {
    let image = manifest_image(shared, of);
    if shared.settings.durability == Durability::Os {
        // What it says of the logs must not be more than the disk has.
        let files: Vec<_> = {
            let state = shared.state.lock();
            let open = state.open.iter().map(|open| &open.file);
            let sealing = state.sealing.iter().map(|(_, file, _)| file);
            open.chain(sealing).cloned().collect()
        };
        files
            .iter()
            .try_for_each(|file| shared.sync_answered(&**file))?;
    }
    store(shared, &image.bytes)?;
    let bytes = image.bytes.len() as u64;
    count(&shared.counters.manifests, 1);
    set(&shared.counters.manifest_bytes, bytes);
    let newest = image.manifest.segments.last();
    Ok(WrittenManifest {
        bytes,
        listed_lsn: newest.map_or(0, |last| last.last_lsn),
        dead: image.dead,
    })
}

fn store(shared: &Shared, bytes: &[u8]) -> io::Result<()> {
    match shared.disk.unlink(MANIFEST_NEW) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let file = shared.disk.create(MANIFEST_NEW)?;
    let written = file.write_at(&[IoSlice::new(bytes)], 0);
    if let Err(error) = written.and_then(|()| file.sync_data()) {
        // What there is of it takes room that somebody may need. Best effort: the next one removes it too.
        drop(shared.disk.unlink(MANIFEST_NEW));
        return Err(error);
    }
    shared.disk.rename(MANIFEST_NEW, MANIFEST)?;
    shared.sync_names("")
}

fn copy_logs(shared: &Shared, segments: &[ManifestSegment]) -> Vec<u8> {
    let listed: BTreeSet<u32> = segments.iter().map(|segment| segment.number).collect();
    let mut out = Vec::new();
    let mut start = 0;
    loop {
        let state = shared.state.lock();
        let end = state.table.row_limit().min(start + ROWS_AT_ONCE);
        for row in start..end {
            if let Some(log) = state.table.get(row).filter(|log| log.created) {
                manifest_log(log, &listed).encode(&mut out);
            }
        }
        if start == end {
            return out;
        }
        start = end;
    }
}

fn manifest_log(log: &LogRow, listed: &BTreeSet<u32>) -> ManifestLog {
    let refs = log.segments.as_slice().iter();
    let ids = log.active.iter().flat_map(|active| &active.ids);
    ManifestLog {
        key: log.key,
        first: log.first,
        next: log.next,
        last_time: log.last_time,
        closed: log.closed,
        segments: refs
            .filter(|segment| segment.number == SKIPPED || listed.contains(&segment.number))
            .map(|segment| (segment.number, segment.directory_index, segment.first()))
            .collect(),
        ids: ids
            .filter(|recent| recent.offset < log.next)
            .copied()
            .collect(),
    }
}
