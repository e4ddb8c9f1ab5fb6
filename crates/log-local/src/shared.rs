//! What the engine's handle and its threads share.

use std::sync::Arc;

use millstream_types::WallClock;
use parking_lot::{Condvar, Mutex};

use crate::disk::Disk;
use crate::file_cache::FileCache;
use crate::footer_cache::FooterCache;
use crate::prepared::PreparedSegments;
use crate::read_buffers::ReadBuffers;
use crate::read_pool::ReadPool;
use crate::settings::LocalSettings;
use crate::state::{Phase, State};
use crate::stats::Counters;

#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) disk: Arc<dyn Disk>,
    pub(crate) clock: Arc<dyn WallClock>,
    pub(crate) settings: LocalSettings,
    pub(crate) state: Mutex<State>,
    /// Rung, with the state locked, when the committing thread waits for what happened.
    pub(crate) committer_bell: Condvar,
    /// Rung when there is something for the housekeeping thread.
    pub(crate) housekeeping_bell: Condvar,
    pub(crate) prepared: PreparedSegments,
    pub(crate) files: FileCache,
    pub(crate) footers: FooterCache,
    pub(crate) pool: ReadPool,
    pub(crate) buffers: ReadBuffers,
    pub(crate) counters: Counters,
    pub(crate) lock: Mutex<Option<Arc<FolderLock>>>,
}

/// Keeps other processes out until it is dropped.
pub(crate) struct FolderLock(
    #[expect(dead_code, reason = "held, not used")] pub(crate) Box<dyn Send + Sync>,
);

impl std::fmt::Debug for FolderLock {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("FolderLock")
    }
}

/// Where a segment is.
pub(crate) fn segment_path(number: u32) -> String {
    format!("{SEGMENTS}/{number:010}.seg")
}

/// The folder of segments.
pub(crate) const SEGMENTS: &str = "segments";

impl Shared {
    /// Changes the state and wakes whom the change concerns.
    pub(crate) fn submit<T>(&self, change: impl FnOnce(&mut State) -> T) -> T {
        let mut state = self.state.lock();
        let result = change(&mut state);
        let State {
            gathering,
            pending,
            pending_bytes,
            ..
        } = &mut *state;
        let bell = self.settings.idle_bell.as_ref();
        if gathering.submitted(pending, *pending_bytes, bell) {
            self.committer_bell.notify_one();
        }
        result
    }

    /// Begins the commit of what is pending.
    pub(crate) fn commit_now(&self) {
        let mut state = self.state.lock();
        let State {
            gathering, pending, ..
        } = &mut *state;
        if gathering.rung(pending) {
            self.committer_bell.notify_one();
        }
    }

    /// No more writes, for good: a write or an fsync failed.
    pub(crate) fn fail(&self, reason: String) {
        tracing::error!(
            reason,
            "a write to the log failed for good: no more writes are taken"
        );
        let mut state = self.state.lock();
        if matches!(state.phase, Phase::Running | Phase::Stopping) {
            state.phase = Phase::Failed(reason);
        }
    }
}
