//! Sealing: the index of a full segment becomes its footer, durable before the next segment gets its first byte.

use std::io::IoSlice;
use std::sync::Arc;

use super::Committer;
use crate::durability::Durability;
use crate::format::segment_path;
use crate::format::{LogKey, ManifestSegment, SegmentKind, Trailer};
use crate::pending::group::Group;
use crate::segments::index::SegmentIndex;
use crate::shared::Shared;
use crate::state::table::NOT_SEALED;
use crate::stats::count;

/// Logs that learn their place in the directory under one lock.
const LOGS_AT_ONCE: usize = 1024;

impl Committer {
    /// Seals a segment that is not full, because most of it is dead; the group comes behind it. False: the engine
    /// has failed.
    pub(super) fn seal_early(&mut self, group: &mut Group) -> bool {
        if self
            .segment
            .as_ref()
            .is_none_or(super::SegmentWriter::is_empty)
        {
            return true;
        }
        match self.seal() {
            Ok(()) => true,
            Err(reason) => self.fail(group, reason),
        }
    }

    /// Seals the open segment, if there is one. An error is final.
    pub(super) fn seal(&mut self) -> Result<(), String> {
        let Some(segment) = self.segment.take() else {
            return Ok(());
        };
        let index = {
            let mut state = self.shared.state.lock();
            let open = state
                .open
                .take()
                .expect("the segment that is written is open");
            let index = Arc::new(open.index);
            state.sealing = Some((segment.number, open.file, Arc::clone(&index)));
            index
        };
        assert!(
            !segment.is_empty(),
            "a segment is opened for something to write"
        );
        let generation = u64::from(segment.number);
        let lsns = (segment.first_lsn, self.lsn);
        let (footer, trailer) =
            index.footer(generation, segment.file_bytes, segment.position, lsns);
        let start = segment.file_bytes - footer.len() as u64;
        assert!(segment.position <= start, "the footer's room is kept free");
        let frames_synced = match self.shared.settings.durability {
            Durability::Fsync => Ok(()),
            // A footer says that everything before it is whole.
            Durability::Os => self.shared.sync_answered(&*segment.file),
        };
        frames_synced
            .and_then(|()| segment.file.write_at(&[IoSlice::new(&footer)], start))
            .and_then(|()| segment.file.sync_data())
            .map_err(|error| {
                let path = segment_path(segment.number);
                format!("{path} at byte {start}: {error}")
            })?;
        count(&self.shared.counters.fsyncs, 1);
        count(&self.shared.counters.written_bytes, footer.len() as u64);
        count(&self.shared.counters.sealed_segments, 1);
        let sealed = sealed_segment(segment.number, segment.file_bytes, &trailer);
        settle(&self.shared, &index, sealed);
        Ok(())
    }
}

/// What the manifest will say of an appended segment.
pub(crate) fn sealed_segment(number: u32, file_bytes: u64, trailer: &Trailer) -> ManifestSegment {
    ManifestSegment {
        number,
        kind: SegmentKind::Appended,
        directory_entries: trailer.directory_entries,
        file_bytes,
        data_end: trailer.data_end,
        runs_start: trailer.runs_start,
        directory_start: trailer.directory_start,
        first_lsn: trailer.first_lsn,
        last_lsn: trailer.last_lsn,
    }
}

/// Tells the logs their places in the directory, then lets go of the index in memory.
fn settle(shared: &Shared, index: &SegmentIndex, sealed: ManifestSegment) {
    let number = sealed.number;
    if let Some(row) = shared.state.lock().segments.get_mut(&number) {
        row.sealed = Some(sealed);
    }
    let keys: Vec<LogKey> = index.directory().into_iter().map(|(key, _)| key).collect();
    for (chunk, keys) in keys.chunks(LOGS_AT_ONCE).enumerate() {
        let mut state = shared.state.lock();
        for (place, key) in (chunk * LOGS_AT_ONCE..).zip(keys) {
            let Some(log) = state.table.by_key_mut(*key) else {
                continue;
            };
            for reference in log.segments.as_mut_slice() {
                if reference.number == number && reference.directory_index == NOT_SEALED {
                    reference.directory_index = place as u32;
                }
            }
        }
    }
    let mut state = shared.state.lock();
    state.sealing = None;
    state.unsealed.remove(&number);
    if let Some(row) = state.segments.get_mut(&number) {
        row.settled = true;
    }
    state.housekeeping_due = true;
    drop(state);
    shared.housekeeping_bell.notify_one();
}
