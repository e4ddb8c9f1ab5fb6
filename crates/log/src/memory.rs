//! An engine and a snapshot store that keep everything in memory: for tests, and to try things out.

mod log;
mod recent_ids;
mod snapshots;
mod state;
mod waiter;
mod waiters;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use futures::FutureExt;
use futures::future::ready;
use millstream_types::{TimestampMs, WallClock};
use parking_lot::Mutex;
use tokio::sync::watch;
use tokio::time::Instant;

use crate::{
    Append, AppendError, Appended, Bounds, Caps, Counter, EngineError, EngineStatus, GroupId,
    LogEngine, LogFuture, LogId, LogSpec, NotWritten, Place, ReadFrom, ReadOutcome,
};
use state::State;
use waiter::Waiter;

pub use snapshots::MemorySnapshots;

/// How much a [`MemoryEngine`] holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MemorySettings {
    /// Most bytes of entries, counting 96 bytes for each entry and 64 for each remembered append id besides the
    /// payload. A sixteenth of it is kept for CLOSE entries and the group
    /// [`COMMANDS`](GroupId::COMMANDS). Beyond it an append is [`NotWritten::NoRoom`]. Default 256 MiB.
    ///
    /// A payload counts with its own length, even where it is a slice of a larger buffer that it keeps alive.
    pub bytes_max: usize,
    /// Most bytes of one payload. Default 16 MiB.
    pub entry_bytes_max: usize,
    /// Append ids remembered per log. Default 1024.
    pub append_ids_kept: usize,
}

impl Default for MemorySettings {
    fn default() -> Self {
        Self {
            bytes_max: 256 << 20,
            entry_bytes_max: 16 << 20,
            append_ids_kept: 1024,
        }
    }
}

/// Logs in memory. Every operation takes effect within its call; only a read at the tail waits.
///
/// Nothing survives the process, and [`caps`](LogEngine::caps) says so. [`reopen`](Self::reopen) plays a restart.
pub struct MemoryEngine {
    state: Arc<Mutex<State>>,
    clock: Arc<dyn WallClock>,
    settings: MemorySettings,
    generation: u64,
}

impl MemoryEngine {
    /// An engine without logs.
    pub fn new(settings: MemorySettings, clock: Arc<dyn WallClock>) -> Self {
        Self {
            state: Arc::new(Mutex::new(State::default())),
            clock,
            settings,
            generation: 0,
        }
    }

    /// A new engine over the same logs, as after a restart of the process. From here on `self` is stopped.
    pub fn reopen(&self) -> Self {
        let generation = self.state.lock().next_generation();
        Self {
            state: Arc::clone(&self.state),
            clock: Arc::clone(&self.clock),
            settings: self.settings,
            generation,
        }
    }

    /// Runs `write` unless the engine is stopped.
    fn write<T>(
        &self,
        write: impl FnOnce(&mut State) -> Result<T, EngineError>,
    ) -> LogFuture<Result<T, EngineError>>
    where
        T: Send + 'static,
    {
        let mut state = self.state.lock();
        let result = if state.is_stopped(self.generation) {
            Err(EngineError::Stopped)
        } else {
            write(&mut state)
        };
        ready(result).boxed()
    }
}

impl fmt::Debug for MemoryEngine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MemoryEngine")
            .field("settings", &self.settings)
            .finish_non_exhaustive()
    }
}

impl LogEngine for MemoryEngine {
    fn create(
        &self,
        group: GroupId,
        log: LogId,
        _spec: LogSpec,
    ) -> LogFuture<Result<Place, EngineError>> {
        self.write(|state| state.create(group, log))
    }

    fn delete(&self, place: Place) -> LogFuture<Result<(), EngineError>> {
        self.write(|state| {
            state.delete(place);
            Ok(())
        })
    }

    fn delete_group(&self, group: GroupId) -> LogFuture<Result<(), EngineError>> {
        self.write(|state| {
            state.delete_group(group);
            Ok(())
        })
    }

    fn append_many(&self, appends: Vec<Append>) -> LogFuture<Vec<Result<Appended, AppendError>>> {
        let mut state = self.state.lock();
        let is_stopped = state.is_stopped(self.generation);
        let now = self.clock.now();
        let answers = appends
            .into_iter()
            .map(|append| {
                if is_stopped {
                    return Err(NotWritten::Stopped);
                }
                state.append(&self.settings, now, append)
            })
            .map(|answer| answer.map_err(AppendError::NotWritten))
            .collect();
        ready(answers).boxed()
    }

    fn read_many(&self, reads: Vec<ReadFrom>, wait: Duration) -> LogFuture<Vec<ReadOutcome>> {
        let mut state = self.state.lock();
        let outcomes = state.read_many(&reads);
        let nothing_yet = outcomes.iter().all(
            |outcome| matches!(outcome, ReadOutcome::Entries { entries, .. } if entries.is_empty()),
        );
        if !nothing_yet || wait.is_zero() || state.is_stopped(self.generation) {
            return ready(outcomes).boxed();
        }
        let waiter = Waiter::register(&self.state, &mut state, &reads);
        let deadline = Instant::now().checked_add(wait);
        async move {
            waiter.woken_or(deadline).await;
            waiter.state().lock().read_many(&reads)
        }
        .boxed()
    }

    fn read_now(&self, read: ReadFrom) -> Option<ReadOutcome> {
        Some(self.state.lock().read(&read))
    }

    fn bounds(&self, place: Place) -> LogFuture<Result<Bounds, EngineError>> {
        let state = self.state.lock();
        ready(state.log(place).map(log::MemoryLog::bounds)).boxed()
    }

    fn offset_for_time(
        &self,
        place: Place,
        time: TimestampMs,
    ) -> LogFuture<Result<u64, EngineError>> {
        let state = self.state.lock();
        ready(state.log(place).map(|log| log.offset_for_time(time))).boxed()
    }

    fn trim(&self, place: Place, before: u64) -> LogFuture<Result<(), EngineError>> {
        self.write(|state| state.trim(place, before))
    }

    fn barrier(&self, place: Place) -> LogFuture<Result<u64, EngineError>> {
        let state = self.state.lock();
        ready(state.log(place).map(|log| log.bounds().next)).boxed()
    }

    fn caps(&self) -> Caps {
        Caps {
            entry_bytes_max: self.settings.entry_bytes_max,
            survives_kill: Some(false),
            survives_power_cut: Some(false),
            dense_offsets: true,
            closes_in_place: true,
            append_ids_kept: self.settings.append_ids_kept,
        }
    }

    fn status(&self) -> watch::Receiver<EngineStatus> {
        self.state.lock().status()
    }

    fn counters(&self) -> Vec<Counter> {
        let [entries, logs, live_bytes] = self.state.lock().sizes();
        vec![
            Counter::total("entries", "Entries that were acknowledged", entries),
            Counter::now("logs", "Logs that are there", logs),
            Counter::now("live_bytes", "Bytes that entries count for", live_bytes),
        ]
    }

    fn verify(&self) -> LogFuture<Result<(), EngineError>> {
        ready(Ok(())).boxed()
    }

    fn stop(&self) -> LogFuture<Result<(), EngineError>> {
        self.state.lock().stop(self.generation);
        ready(Ok(())).boxed()
    }
}
