//! Opening and stopping.

use std::io;
use std::sync::{Arc, Weak};
use std::thread::JoinHandle;

use millstream_log::{EngineError, EngineStatus, LogFuture};
use millstream_types::WallClock;
use parking_lot::{Condvar, Mutex};
use tokio::sync::watch;

use super::LocalEngine;
use crate::caches::buffers::ReadBuffers;
use crate::caches::files::FileCache;
use crate::caches::footers::FooterCache;
use crate::commit::realtime::{self, Scheduling};
use crate::commit::{self, Committer, preparer};
use crate::disk::{Disk, OsDisk};
use crate::housekeeping::{self, Housekeeper, Of, keep_room, write_manifest_alone};
use crate::read_pool::ReadPool;
use crate::recovery::{OpenError, recover};
use crate::segments::prepared::PreparedSegments;
use crate::settings::LocalSettings;
use crate::shared::{FolderLock, Shared};
use crate::state::Phase;
use crate::stats::Counters;

/// Names of the threads, as a debugger and a disk in tests see them.
pub(super) const COMMITTING: &str = "log-commit";
pub(super) const PREPARING: &str = "log-prepare";
pub(super) const HOUSEKEEPING: &str = "log-housekeep";

/// The engine's threads, to be waited for.
#[derive(Debug, Default)]
pub(super) struct Threads {
    handles: Vec<JoinHandle<()>>,
    readers: Vec<JoinHandle<()>>,
    /// Set by the first stop: what all stops answer.
    stopping: Option<watch::Receiver<Option<Result<(), EngineError>>>>,
}

impl LocalEngine {
    /// Opens the data folder of the settings, and creates it if it is not there. Blocks: reads the manifest, scans the last
    /// segment, which takes some ten milliseconds at most, and writes the manifest anew.
    pub fn open(settings: LocalSettings, clock: Arc<dyn WallClock>) -> Result<Self, OpenError> {
        let disk = OsDisk::open(&settings.directory).map_err(OpenError::io(format!(
            "opening {}",
            settings.directory.display()
        )))?;
        Self::open_on(Arc::new(disk), settings, clock)
    }

    /// Opens a data folder on a given disk; the settings' directory is not looked at.
    pub fn open_on(
        disk: Arc<dyn Disk>,
        settings: LocalSettings,
        clock: Arc<dyn WallClock>,
    ) -> Result<Self, OpenError> {
        let (mut engine, housekeeper) = Self::open_without_threads(disk, settings, clock)?;
        let started = engine
            .start(housekeeper)
            .map_err(OpenError::io("starting threads"));
        started.map(|()| engine)
    }

    /// The same, and nobody commits, prepares segments or keeps house. Reads that wait for the disk have their threads.
    pub(super) fn open_without_threads(
        disk: Arc<dyn Disk>,
        settings: LocalSettings,
        clock: Arc<dyn WallClock>,
    ) -> Result<(Self, Housekeeper), OpenError> {
        settings.check().map_err(OpenError::Settings)?;
        let lock = disk.lock().map_err(|error| match error.kind() {
            io::ErrorKind::WouldBlock => OpenError::InUse,
            _ => OpenError::io("locking the data folder")(error),
        })?;
        let recovered = recover(&disk, &settings, clock.now())?;
        let shared = Arc::new(Shared {
            disk,
            clock,
            state: Mutex::new(recovered.state),
            committer_bell: Condvar::new(),
            housekeeping_bell: Condvar::new(),
            prepared: PreparedSegments::default(),
            files: FileCache::new(settings.open_files_max),
            footers: FooterCache::new(settings.footer_cache_bytes),
            pool: ReadPool::new(),
            buffers: ReadBuffers::default(),
            counters: Counters::default(),
            lock: Mutex::new(Some(Arc::new(FolderLock::new(lock)))),
            references: Mutex::new(()),
            answered_sync_failed: Mutex::new(false),
            names_sync_failed: Mutex::new(false),
            status: watch::Sender::new(EngineStatus::Serving),
            settings,
        });
        let engine: Weak<Shared> = Arc::downgrade(&shared);
        if let Some(bell) = &shared.settings.idle_bell
            && !bell.attach(engine)
        {
            let reason = "idle_bell belongs to another engine";
            return Err(OpenError::Settings(reason.to_owned()));
        }
        let housekeeper = housekeeping::begin(&shared, recovered.manifest_due, &recovered.dead)
            .map_err(OpenError::io("writing the manifest"))?;
        keep_room(&shared);
        preparer::look_at_room(&shared);
        let threads = Threads {
            readers: shared
                .pool
                .start(shared.settings.read_threads)
                .map_err(OpenError::io("starting threads"))?,
            ..Threads::default()
        };
        let engine = Self {
            committer: Arc::new(Mutex::new(Committer::new(Arc::clone(&shared)))),
            shared,
            threads: Arc::new(Mutex::new(threads)),
            scheduling: Scheduling::Ordinary,
        };
        Ok((engine, housekeeper))
    }

    fn start(&mut self, housekeeper: Housekeeper) -> io::Result<()> {
        let (tell, told) = std::sync::mpsc::sync_channel(1);
        let (committing, committer) = (Arc::clone(&self.shared), Arc::clone(&self.committer));
        self.spawn(COMMITTING, move || {
            let scheduling = realtime::ask(committing.settings.realtime);
            // The receiver waits for this.
            drop(tell.send(scheduling));
            commit::run(&committing, &committer);
        })?;
        let preparing = Arc::clone(&self.shared);
        self.spawn(PREPARING, move || preparer::run(&preparing))?;
        let keeping = Arc::clone(&self.shared);
        self.spawn(HOUSEKEEPING, move || {
            housekeeping::run(&keeping, housekeeper)
        })?;
        self.scheduling = told.recv().unwrap_or(Scheduling::Ordinary);
        tracing::debug!(
            scheduling = ?self.scheduling,
            durability = ?self.shared.settings.durability,
            "the log engine is open"
        );
        Ok(())
    }

    fn spawn(&self, name: &str, work: impl FnOnce() + Send + 'static) -> io::Result<()> {
        let thread = std::thread::Builder::new().name(name.to_owned());
        let handle = thread.spawn(work)?;
        self.threads.lock().handles.push(handle);
        Ok(())
    }
}

/// The engine's `stop`. The first call does the work, on a thread of its own; all answer when it is done.
pub(super) fn stop(
    shared: &Arc<Shared>,
    threads: &Arc<Mutex<Threads>>,
) -> LogFuture<Result<(), EngineError>> {
    let mut stopped = {
        let mut guard = threads.lock();
        match &guard.stopping {
            Some(stopped) => stopped.clone(),
            None => {
                begin_stop(shared);
                let (tell, told) = watch::channel(None);
                let (shared, threads) = (Arc::clone(shared), Arc::clone(threads));
                let spawned = std::thread::Builder::new()
                    .name("log-stop".to_owned())
                    .spawn(move || {
                        tell.send_replace(Some(finish_stop(&shared, &threads)));
                    });
                if let Err(error) = spawned {
                    return Box::pin(std::future::ready(Err(EngineError::Io(error.to_string()))));
                }
                guard.stopping = Some(told.clone());
                told
            }
        }
    };
    Box::pin(async move {
        let result = stopped.wait_for(Option::is_some).await;
        let result = result.ok().and_then(|result| result.clone());
        result.unwrap_or(Err(EngineError::OutcomeUnknown))
    })
}

/// From here on no writes are taken; reads that wait are woken.
fn begin_stop(shared: &Shared) {
    let mut state = shared.state.lock();
    state.stopping = true;
    if state.phase == Phase::Running {
        state.phase = Phase::Stopping;
    }
    let mut waiters = Vec::new();
    for log in state.table.iter_mut() {
        if let Some(active) = &mut log.active {
            waiters.append(&mut active.waiters);
        }
    }
    shared.committer_bell.notify_all();
    shared.housekeeping_bell.notify_all();
    drop(state);
    shared.prepared.stop();
    waiters.iter().for_each(|waiter| waiter.ring());
}

/// Waits for the threads, writes the last manifest, gives the folder free.
fn finish_stop(shared: &Shared, threads: &Mutex<Threads>) -> Result<(), EngineError> {
    let handles = std::mem::take(&mut threads.lock().handles);
    let joined = join(handles);
    let phase = shared.state.lock().phase.clone();
    let result = match (phase, joined) {
        (Phase::Failed(reason), _) => Err(EngineError::Io(reason)),
        (_, Err(panicked)) => Err(EngineError::Io(panicked)),
        _ => write_manifest_alone(shared, Of::CleanEnd)
            .map(|_| ())
            .map_err(|error| EngineError::Io(format!("writing the manifest: {error}"))),
    };
    close(shared, threads);
    result
}

/// No more reads either: the folder may belong to somebody else from here on.
fn close(shared: &Shared, threads: &Mutex<Threads>) {
    shared.pool.stop();
    let readers = std::mem::take(&mut threads.lock().readers);
    if let Err(panicked) = join(readers) {
        tracing::error!(panicked, "a reading thread had failed");
    }
    {
        let mut state = shared.state.lock();
        state.closed = true;
        if !matches!(state.phase, Phase::Failed(_)) {
            state.phase = Phase::Stopped;
        }
    }
    shared.lock.lock().take();
}

fn join(handles: Vec<JoinHandle<()>>) -> Result<(), String> {
    let mut result = Ok(());
    for handle in handles {
        let name = handle.thread().name().unwrap_or_default().to_owned();
        if handle.join().is_err() {
            result = Err(format!("the thread {name} panicked"));
        }
    }
    result
}

impl Drop for LocalEngine {
    fn drop(&mut self) {
        if self.threads.lock().stopping.is_some() {
            return;
        }
        begin_stop(&self.shared);
        let handles = std::mem::take(&mut self.threads.lock().handles);
        if let Err(panicked) = join(handles) {
            tracing::error!(panicked, "a thread of the log engine had failed");
        }
        close(&self.shared, &self.threads);
    }
}
