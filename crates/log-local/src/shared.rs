//! What the engine's handle and its threads share.

use std::io;
use std::sync::Arc;

use millstream_log::EngineStatus;
use millstream_types::WallClock;
use parking_lot::{Condvar, Mutex};
use tokio::sync::watch;

use crate::caches::buffers::ReadBuffers;
use crate::caches::files::FileCache;
use crate::caches::footers::FooterCache;
use crate::disk::{Disk, DiskFile, HeldLock};
use crate::pending::gathering::Commits;
use crate::read_pool::ReadPool;
use crate::segments::prepared::PreparedSegments;
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
    /// Held while references of logs move from segments to the one that a compaction made of them: a manifest that is
    /// made meanwhile would list neither. Taken before the state.
    pub(crate) references: Mutex<()>,
    /// Whether a sync of what was answered before has failed. Held while one is made.
    pub(crate) answered_sync_failed: Mutex<bool>,
    /// The same of names.
    pub(crate) names_sync_failed: Mutex<bool>,
    /// What the state's phase and room come to; changed with the state locked.
    pub(crate) status: watch::Sender<EngineStatus>,
}

/// Keeps other processes out until it is dropped.
pub(crate) struct FolderLock {
    pub(crate) held: Box<dyn HeldLock>,
    /// One operation on the folder's snapshots at a time. The newest of which this process knows that it is durable.
    pub(crate) snapshots: Mutex<Option<u64>>,
}

impl FolderLock {
    pub(crate) fn new(held: Box<dyn HeldLock>) -> Self {
        Self {
            held,
            snapshots: Mutex::new(None),
        }
    }
}

impl std::fmt::Debug for FolderLock {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("FolderLock")
    }
}

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

    /// The same for appends that their caller commits.
    pub(crate) fn submit_at_hand<T>(&self, change: impl FnOnce(&mut State) -> T) -> T {
        let mut state = self.state.lock();
        let result = change(&mut state);
        let State {
            gathering, pending, ..
        } = &mut *state;
        gathering.submitted_at_hand(pending);
        result
    }

    /// Has the committing thread do what is due.
    pub(crate) fn wake_committing_thread(&self) {
        let mut state = self.state.lock();
        if state.gathering.is_left() {
            self.committer_bell.notify_one();
        }
    }

    /// Makes durable what was answered before, as in `os` mode. One that fails is final, whoever asked for it, and no other
    /// succeeds: the system tells only the first who asks, and the next one that all is well.
    pub(crate) fn sync_answered(&self, file: &dyn DiskFile) -> io::Result<()> {
        let what = "what was answered before";
        self.sync_finally(&self.answered_sync_failed, what, || file.sync_data())
    }

    /// Makes durable the names in a folder. One that fails is final too: whoever is told of it may not be the one whose names
    /// it was about.
    pub(crate) fn sync_names(&self, directory: &str) -> io::Result<()> {
        let what = format!("the names in the folder {directory:?}");
        self.sync_finally(&self.names_sync_failed, &what, || {
            self.disk.sync_directory(directory)
        })
    }

    /// A sync, unless one of its kind has failed.
    fn sync_finally(
        &self,
        has_failed: &Mutex<bool>,
        what: &str,
        sync: impl FnOnce() -> io::Result<()>,
    ) -> io::Result<()> {
        let mut has_failed = has_failed.lock();
        if *has_failed {
            return Err(io::Error::other("a sync before this one has failed"));
        }
        let synced = sync();
        if let Err(error) = &synced {
            *has_failed = true;
            self.fail(format!("a sync of {what}: {error}"));
        }
        synced
    }

    /// No more writes, for good: a write or an fsync failed, or the folder may be somebody else's.
    pub(crate) fn fail(&self, reason: String) {
        let mut state = self.state.lock();
        if matches!(state.phase, Phase::Running | Phase::Stopping) {
            tracing::debug!(reason, "no more writes are taken");
            state.phase = Phase::Failed(reason);
            self.tell_status(&state);
        }
        // What waits is answered, and threads end.
        self.committer_bell.notify_all();
        self.housekeeping_bell.notify_all();
    }

    /// Opens or closes the way for records.
    pub(crate) fn set_room(&self, state: &mut State, has_room: bool) {
        state.room.records = has_room;
        self.tell_status(state);
    }

    /// To be called when phase or room have changed, before anybody is answered because of that.
    fn tell_status(&self, state: &State) {
        let status = match &state.phase {
            Phase::Failed(reason) => EngineStatus::Failed(reason.as_str().into()),
            Phase::Running | Phase::Stopping | Phase::Stopped if !state.room.records => {
                EngineStatus::NoRoom
            }
            Phase::Running | Phase::Stopping | Phase::Stopped => EngineStatus::Serving,
        };
        self.status.send_if_modified(|before| {
            let is_other = *before != status;
            *before = status;
            is_other
        });
    }
}

impl Commits for Shared {
    fn commit_now(&self) {
        let mut state = self.state.lock();
        let State {
            gathering, pending, ..
        } = &mut *state;
        if gathering.rung(pending) {
            self.committer_bell.notify_one();
        }
    }
}
