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

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::time::{Duration, Instant};

    use millstream_log::{Append, EntryKind, GroupId, LogEngine, LogId, LogSpec};
    use millstream_types::SystemClock;
    use tokio::time::timeout;

    use crate::disk::power_cut::PowerCutDisk;
    use crate::pending::gathering::WaitsFor;
    use crate::settings::Realtime;
    use crate::{Durability, LocalEngine, LocalSettings};

    /// The committing thread sleeps, and housekeeping wakes it for nothing within the hour: whoever leaves something to it
    /// has to.
    #[tokio::test]
    async fn what_is_left_to_the_committing_thread_wakes_it() {
        let settings = LocalSettings {
            durability: Durability::Os,
            segment_bytes: vec![64 << 10],
            reserve_bytes: 16 << 10,
            free_space_floor_bytes: 0,
            reclaim_interval: Duration::from_secs(3600),
            realtime: Realtime::Off,
            ..LocalSettings::new("unused")
        };
        let disk = Arc::new(PowerCutDisk::new());
        let engine = LocalEngine::open_on(disk, settings, Arc::new(SystemClock)).unwrap();
        let created = engine.create(GroupId(1), LogId(1), LogSpec::default());
        let place = created.await.unwrap();
        let sizes = [
            ("it fits into the segment", 40 << 10),
            ("it does not", 40 << 10),
            ("it is more than is copied in an instant", 300 << 10),
        ];
        for (offset, (what, bytes)) in (0..).zip(sizes) {
            let deadline = Instant::now() + Duration::from_secs(60);
            while engine.shared.state.lock().gathering.committer != WaitsFor::First {
                assert!(Instant::now() < deadline, "the thread has nothing to do");
                std::thread::yield_now();
            }
            let appended = engine.append_many(vec![Append {
                place,
                kind: EntryKind::Data,
                payload: vec![b'x'; bytes].into(),
                id: None,
            }]);
            let answers = timeout(Duration::from_secs(60), appended).await;
            assert_eq!(answers.expect(what)[0].as_ref().unwrap().offset, offset);
        }
        engine.stop().await.unwrap();
    }
}
