//! Room that is kept for housekeeping on a disk without any: removing segments needs a manifest first, and a
//! compaction needs room before it frees any.

use std::io;
use std::sync::atomic::Ordering;

use crate::segments::prepared::remove_file;
use crate::shared::Shared;
use crate::stats::set;

/// The file whose room it is.
const KEPT_ROOM: &str = "room";

/// Whether an operation failed for want of room.
pub(super) fn is_for_want_of_room(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded
    )
}

/// What the file has: as much as a compaction for the sake of room can need for one segment.
fn wanted_bytes(shared: &Shared) -> u64 {
    shared.settings.segment_bytes_max() / 2
}

/// Keeps the room again, if there is more than the floor. Best effort.
pub(super) fn keep(shared: &Shared) {
    if shared.counters.kept_room_bytes.load(Ordering::Relaxed) > 0 {
        return;
    }
    let bytes = wanted_bytes(shared);
    let free = shared.disk.free_bytes().unwrap_or(0);
    if free < shared.settings.free_space_floor_bytes.saturating_add(bytes) {
        return;
    }
    let file = match shared.disk.open(KEPT_ROOM) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => shared.disk.create(KEPT_ROOM),
        opened => opened,
    };
    match file.and_then(|file| file.allocate(bytes)) {
        Ok(()) => set(&shared.counters.kept_room_bytes, bytes),
        Err(error) => {
            tracing::debug!(%error, "no room is kept for housekeeping");
            give(shared);
        }
    }
}

/// Gives the room to whoever writes next.
pub(super) fn give(shared: &Shared) {
    match shared.disk.unlink(KEPT_ROOM) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            tracing::warn!(%error, "the room for housekeeping could not be used");
        }
        _ => set(&shared.counters.kept_room_bytes, 0),
    }
}

/// Gives also the room of segments that are kept for later, until [`give_back`](crate::segments::prepared::PreparedSegments).
pub(super) fn lend_prepared(shared: &Shared) {
    for number in shared.prepared.lend() {
        remove_file(&*shared.disk, number);
        shared.state.lock().unsealed.remove(&number);
    }
}
