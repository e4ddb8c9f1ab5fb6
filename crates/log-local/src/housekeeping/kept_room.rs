//! Room that is kept for housekeeping on a disk without any: removing segments needs a manifest first, and a
//! compaction needs room before it frees any.
//!
//! It is kept before the first record is taken. While housekeeping has it no segment is made, so that nothing but a
//! manifest and compactions can take of it; and none is made before it is kept again.

use std::io;

use crate::recovery::MANIFEST;
use crate::segments::prepared::{KeptRoom, remove_file};
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

/// As much as a compaction for the sake of room can need for one segment, and a manifest that may have grown.
fn wanted_bytes(shared: &Shared) -> u64 {
    let largest = {
        let state = shared.state.lock();
        let sealed = state.segments.values().filter_map(|row| row.sealed);
        sealed.map(|sealed| sealed.file_bytes).max().unwrap_or(0)
    };
    let largest = largest.max(shared.settings.segment_bytes_max());
    let manifest = shared.disk.open(MANIFEST).and_then(|file| file.len_bytes());
    // Without an answer the rest is wanted all the same.
    largest / 2 + 2 * manifest.unwrap_or(0)
}

/// Keeps the room, or more of it once more is wanted. Best effort: it is tried again in the next round.
pub(super) fn keep(shared: &Shared) {
    let wanted = wanted_bytes(shared);
    let file = match shared.disk.open(KEPT_ROOM) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => shared.disk.create(KEPT_ROOM),
        opened => opened,
    };
    let kept = file.and_then(|file| {
        let length = file.len_bytes()?;
        let state = shared.prepared.kept_room();
        if length >= wanted && state == KeptRoom::Kept {
            return Ok(length);
        }
        // What housekeeping gave was there before; only what is new must leave the floor as it is.
        if length < wanted && state != KeptRoom::Owed {
            let free = shared.disk.free_bytes()?;
            if free
                < shared
                    .settings
                    .free_space_floor_bytes
                    .saturating_add(wanted - length)
            {
                return Err(io::ErrorKind::StorageFull.into());
            }
        }
        file.allocate(wanted)?;
        Ok(wanted)
    });
    match kept {
        Ok(bytes) => {
            set(&shared.counters.kept_room_bytes, bytes);
            shared.prepared.room_is_kept();
        }
        Err(error) => {
            tracing::debug!(%error, wanted, "not all room is kept that housekeeping may need");
            if shared.prepared.kept_room() != KeptRoom::Kept {
                remove(shared);
            }
        }
    }
}

/// Gives the room to housekeeping, and to nobody else.
pub(super) fn take(shared: &Shared) {
    shared.prepared.take_kept_room();
    remove(shared);
}

/// Gives it to whoever is first: for a time when nothing else is written.
pub(super) fn remove(shared: &Shared) {
    match shared.disk.unlink(KEPT_ROOM) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            tracing::warn!(%error, "the room for housekeeping could not be used");
        }
        _ => set(&shared.counters.kept_room_bytes, 0),
    }
}

/// Gives also the room of segments that are kept for later. None is made before the room is kept again.
pub(super) fn take_prepared(shared: &Shared) {
    for number in shared.prepared.give_up() {
        remove_file(&*shared.disk, number);
        shared.state.lock().unsealed.remove(&number);
    }
}
