//! Commits by those who append.
//!
//! Without an fsync a commit is a copy into the page cache, a few microseconds: less than it takes to wake the committing
//! thread and to be woken by it. So whoever appends commits what waits, its own and that of others, unless somebody is at
//! it already, who then takes care of it. What may take long stays with the committing thread: a segment that is full,
//! control operations, and more bytes than are copied in an instant. With an fsync this would keep a thread from its
//! other callers for as long as the disk takes: `docs/decisions/0012-who-commits.md` has the measurements.

use parking_lot::Mutex;

use super::{Committer, FailsByPanic, SegmentWriter};
use crate::shared::Shared;
use crate::state::Phase;

/// Most bytes that one who appends writes, overhead included. Copying them takes some 50 µs.
const BYTES_MAX: usize = 256 << 10;

/// Groups that one who appends commits, its own included, before the committing thread goes on.
const GROUPS_MAX: usize = 4;

/// Commits what was submitted, or sees to it that somebody does.
pub(crate) fn commit(shared: &Shared, committer: &Mutex<Committer>) {
    for _ in 0..GROUPS_MAX {
        if !shared.state.lock().gathering.is_due() {
            return;
        }
        // Whoever holds it looks for more once it has let go of it, as is done here.
        let Some(mut committer) = committer.try_lock() else {
            return;
        };
        if !committer.is_quick() {
            break;
        }
        let _guard = FailsByPanic(shared);
        committer.take_care();
    }
    shared.wake_committing_thread();
}

impl Committer {
    /// Whether what waits can be written without a wait, into the segment that is there.
    fn is_quick(&self) -> bool {
        let room_bytes = self.segment.as_ref().map_or(0, SegmentWriter::room_bytes);
        let state = self.shared.state.lock();
        state.phase == Phase::Running
            && !state.seal_asked
            && state.pending.control_ops.is_empty()
            && state.pending_bytes <= BYTES_MAX
            && state.pending_bytes as u64 <= room_bytes
    }
}
