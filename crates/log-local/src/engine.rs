//! The engine's handle: opening, the operations of [`LogEngine`], stopping.

mod lifecycle;
#[cfg(any(test, feature = "testing"))]
pub(crate) mod stepped;
mod verify;

use std::fmt;
use std::future::ready;
use std::sync::Arc;
use std::time::Duration;

use millstream_log::{
    Append, AppendError, Appended, Bounds, Caps, Counter, EngineError, EngineStatus, GroupId,
    LogEngine, LogFuture, LogId, LogSpec, Place, ReadFrom, ReadOutcome,
};
use millstream_types::TimestampMs;
use parking_lot::Mutex;
use tokio::sync::watch;

use crate::commit::realtime::Scheduling;
use crate::commit::sequencer::{Limits, Submitted};
use crate::commit::{Committer, at_hand};
use crate::durability::Durability;
use crate::format::LogKey;
use crate::pin::{self, Pinned};
use crate::read::{self, bounds_of};
use crate::segments::index::APPEND_IDS_KEPT;
use crate::shared::{FolderLock, Shared};
use crate::snapshots::LocalSnapshots;
use crate::state::{Phase, State};
use crate::stats::LocalStats;

use lifecycle::Threads;

/// The embedded log engine. See the crate's documentation.
///
/// Dropping it without [`stop`](LogEngine::stop) is like a kill of the process, only that its threads are waited for.
pub struct LocalEngine {
    pub(crate) shared: Arc<Shared>,
    committer: Arc<Mutex<Committer>>,
    threads: Arc<Mutex<Threads>>,
    scheduling: Scheduling,
}

impl LocalEngine {
    /// Counters, for operators and benchmarks.
    pub fn stats(&self) -> LocalStats {
        let prepared_bytes = self.shared.prepared.bytes();
        let counters = self.shared.counters.read();
        let state = self.shared.state.lock();
        let (mut sealed_bytes, mut live_bytes) = (0, 0);
        for segment in state.segments.values() {
            let bytes = segment.sealed.map_or(0, |sealed| sealed.file_bytes);
            sealed_bytes += bytes;
            if segment.live_logs > 0 {
                live_bytes += segment.look.map_or(bytes, |look| look.live_bytes);
            }
        }
        let open_bytes = state.open.as_ref().map_or(0, |open| open.file_bytes);
        if let Some(open) = &state.open {
            let (all, dead) = open.index.all_and_dead_bytes();
            live_bytes += all - dead;
        }
        let kept = counters.kept_room_bytes + counters.compaction_bytes + counters.manifest_bytes;
        LocalStats {
            tail_cache_bytes: state.cache.bytes() as u64,
            segments: state.segments.len() as u64,
            logs: state.table.len() as u64,
            live_bytes,
            disk_bytes: sealed_bytes + open_bytes + prepared_bytes + kept,
            sealed_bytes,
            open_bytes,
            prepared_bytes,
            ..counters
        }
    }

    /// How the committing thread is scheduled.
    pub fn scheduling(&self) -> &Scheduling {
        &self.scheduling
    }

    /// How often this folder was opened after an unclean end in [`Durability::Os`] mode. Each time 2^20 offsets are
    /// left out in every log that is not closed, so that no offset is given twice.
    pub fn unclean_os_epoch(&self) -> u32 {
        self.shared.state.lock().epoch
    }

    /// The snapshots in the same folder. `None` once the engine has stopped.
    pub fn snapshots(&self) -> Option<LocalSnapshots> {
        let lock: Arc<FolderLock> = self.shared.lock.lock().clone()?;
        Some(LocalSnapshots::new(Arc::clone(&self.shared.disk), lock))
    }

    /// The place of a log, whether or not it is there.
    pub fn place(group: GroupId, log: LogId) -> Place {
        LogKey::new(group, log).place()
    }

    /// Holds what is durable now, for a copy of the folder: everything that was answered before this was called, and
    /// nothing that is torn. Blocks: makes a manifest, and reads the snapshots.
    ///
    /// # Errors
    /// If the engine has stopped, or a snapshot cannot be read.
    pub fn pin(&self) -> Result<Pinned, EngineError> {
        pin::pin(&self.shared)
    }

    fn limits(&self) -> Limits {
        Limits {
            entry_bytes_max: self.shared.settings.entry_bytes_max,
            pending_bytes: self.shared.settings.pending_bytes,
        }
    }

    /// Reads something of a log from memory.
    fn look<T: Send + 'static>(
        &self,
        place: Place,
        look: impl FnOnce(Bounds) -> T,
    ) -> LogFuture<Result<T, EngineError>> {
        let state = self.shared.state.lock();
        let log = LogKey::from_place(place).and_then(|key| state.readable(key));
        let found = log.map(|log| look(bounds_of(log)));
        Box::pin(ready(found.ok_or(EngineError::NoSuchLog)))
    }
}

impl fmt::Debug for LocalEngine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LocalEngine")
            .field("settings", &self.shared.settings)
            .finish_non_exhaustive()
    }
}

/// Waits for a control operation's answer. A lost answer is one that nobody knows.
fn control(submitted: Submitted<Result<(), EngineError>>) -> LogFuture<Result<(), EngineError>> {
    match submitted {
        Submitted::Now(answer) => Box::pin(ready(answer)),
        Submitted::Later(answer) => {
            Box::pin(async move { answer.await.unwrap_or(Err(EngineError::OutcomeUnknown)) })
        }
    }
}

impl LogEngine for LocalEngine {
    fn create(
        &self,
        group: GroupId,
        log: LogId,
        _spec: LogSpec,
    ) -> LogFuture<Result<Place, EngineError>> {
        let key = LogKey::new(group, log);
        let submitted = self.shared.submit(|state| state.submit_create(key));
        let created = control(submitted);
        Box::pin(async move { created.await.map(|()| key.place()) })
    }

    fn delete(&self, place: Place) -> LogFuture<Result<(), EngineError>> {
        let running = self.shared.state.lock().phase == Phase::Running;
        let Some(key) = LogKey::from_place(place) else {
            let answer = if running {
                Ok(())
            } else {
                Err(EngineError::Stopped)
            };
            return Box::pin(ready(answer));
        };
        control(self.shared.submit(|state| state.submit_delete(key)))
    }

    fn delete_group(&self, group: GroupId) -> LogFuture<Result<(), EngineError>> {
        control(
            self.shared
                .submit(|state| state.submit_delete_group(group.0)),
        )
    }

    fn append_many(&self, appends: Vec<Append>) -> LogFuture<Vec<Result<Appended, AppendError>>> {
        let (now, limits) = (self.shared.clock.now(), self.limits());
        let count = appends.len();
        let change = |state: &mut State| state.submit_appends(appends, now, limits);
        let submitted = match self.shared.settings.durability {
            Durability::Fsync => self.shared.submit(change),
            Durability::Os => {
                let submitted = self.shared.submit_at_hand(change);
                at_hand::commit(&self.shared, &self.committer);
                submitted
            }
        };
        match submitted {
            Submitted::Now(answers) => Box::pin(ready(answers)),
            Submitted::Later(answers) => Box::pin(async move {
                let lost = |_| vec![Err(AppendError::OutcomeUnknown); count];
                answers.await.unwrap_or_else(lost)
            }),
        }
    }

    fn read_many(&self, reads: Vec<ReadFrom>, wait: Duration) -> LogFuture<Vec<ReadOutcome>> {
        Box::pin(read::read_many(Arc::clone(&self.shared), reads, wait))
    }

    fn read_now(&self, read: ReadFrom) -> Option<ReadOutcome> {
        read::read_now(&self.shared, &read)
    }

    fn bounds(&self, place: Place) -> LogFuture<Result<Bounds, EngineError>> {
        self.look(place, |bounds| bounds)
    }

    fn offset_for_time(
        &self,
        place: Place,
        time: TimestampMs,
    ) -> LogFuture<Result<u64, EngineError>> {
        Box::pin(read::offset_for_time(Arc::clone(&self.shared), place, time))
    }

    fn trim(&self, place: Place, before: u64) -> LogFuture<Result<(), EngineError>> {
        let Some(key) = LogKey::from_place(place) else {
            return Box::pin(ready(Err(EngineError::NoSuchLog)));
        };
        control(self.shared.submit(|state| state.submit_trim(key, before)))
    }

    fn barrier(&self, place: Place) -> LogFuture<Result<u64, EngineError>> {
        self.look(place, |bounds| bounds.next)
    }

    fn caps(&self) -> Caps {
        let settings = &self.shared.settings;
        Caps {
            entry_bytes_max: settings.entry_bytes_max,
            survives_kill: Some(true),
            survives_power_cut: Some(settings.durability == Durability::Fsync),
            dense_offsets: settings.durability == Durability::Fsync && self.unclean_os_epoch() == 0,
            closes_in_place: true,
            append_ids_kept: APPEND_IDS_KEPT,
        }
    }

    fn status(&self) -> watch::Receiver<EngineStatus> {
        self.shared.status.subscribe()
    }

    fn counters(&self) -> Vec<Counter> {
        self.stats().counters()
    }

    fn verify(&self) -> LogFuture<Result<(), EngineError>> {
        let shared = Arc::clone(&self.shared);
        Box::pin(async move {
            let on_thread = Arc::clone(&shared);
            let verified = shared.pool.run(move || verify::verify(&on_thread)).await;
            verified.unwrap_or(Err(EngineError::Stopped))
        })
    }

    fn stop(&self) -> LogFuture<Result<(), EngineError>> {
        lifecycle::stop(&self.shared, &self.threads)
    }
}
