//! Snapshots of a state machine, a file each.

use std::io::{self, IoSlice};
use std::sync::Arc;

use bytes::Bytes;
use millstream_log::{EngineError, LogFuture, Snapshot, SnapshotStore};
use tokio::sync::oneshot;

use crate::disk::{Disk, Waiting};
use crate::format::{SNAPSHOT_HEADER_BYTES, SnapshotHeader};
use crate::shared::FolderLock;

/// The folder of snapshots.
pub(crate) const SNAPSHOTS: &str = "snapshots";

/// How many are kept.
const KEPT: usize = 2;

/// The snapshots of a data folder. Made by [`LocalEngine::snapshots`](crate::LocalEngine::snapshots); the folder
/// stays locked until this is dropped too. Works after the engine has stopped.
#[derive(Debug)]
pub struct LocalSnapshots {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    disk: Arc<dyn Disk>,
    lock: Arc<FolderLock>,
}

impl LocalSnapshots {
    pub(crate) fn new(disk: Arc<dyn Disk>, lock: Arc<FolderLock>) -> Self {
        Self {
            inner: Arc::new(Inner { disk, lock }),
        }
    }

    /// Stores a snapshot, in the caller's thread.
    pub(crate) fn save_now(
        disk: Arc<dyn Disk>,
        lock: Arc<FolderLock>,
        snapshot: &Snapshot,
    ) -> Result<(), EngineError> {
        disk.create_directory(SNAPSHOTS)
            .map_err(failed("making the folder of snapshots"))?;
        let mut durable = lock.snapshots.lock();
        Self::new(disk, Arc::clone(&lock))
            .inner
            .save(snapshot, &mut durable)
    }

    /// Runs an operation on a thread of its own: it waits for the disk, and is rare.
    fn on_thread<T: Send + 'static>(
        &self,
        name: &str,
        operation: impl FnOnce(&Inner, &mut Option<u64>) -> Result<T, EngineError> + Send + 'static,
    ) -> LogFuture<Result<T, EngineError>> {
        let inner = Arc::clone(&self.inner);
        let (answer, answers) = oneshot::channel();
        let started = std::thread::Builder::new()
            .name(name.to_owned())
            .spawn(move || {
                let result = {
                    let mut durable = inner.lock.snapshots.lock();
                    operation(&inner, &mut durable)
                };
                drop(inner);
                // Whoever asked may have left.
                drop(answer.send(result));
            });
        Box::pin(async move {
            started.map_err(|error| EngineError::Io(error.to_string()))?;
            answers.await.unwrap_or(Err(EngineError::OutcomeUnknown))
        })
    }
}

impl SnapshotStore for LocalSnapshots {
    fn save(&self, snapshot: Snapshot) -> LogFuture<Result<(), EngineError>> {
        self.on_thread("log-snapshot", move |inner, durable| {
            inner.save(&snapshot, durable)
        })
    }

    fn load(&self) -> LogFuture<Result<Vec<Snapshot>, EngineError>> {
        self.on_thread("log-snapshot", |inner, _| inner.load())
    }
}

impl Inner {
    /// `durable` is the newest of which this process knows that it is.
    fn save(&self, snapshot: &Snapshot, durable: &mut Option<u64>) -> Result<(), EngineError> {
        let offsets = self.offsets().map_err(failed("listing the snapshots"))?;
        let is_newest = offsets
            .first()
            .is_none_or(|newest| snapshot.offset > *newest);
        let known = match is_newest {
            true => None,
            false => self.load()?.into_iter().next(),
        };
        let known = known.filter(|known| snapshot.offset <= known.offset);
        if known.is_some() && known.as_ref().map(|known| known.offset) == *durable {
            return Ok(());
        }
        // One that is there may not be durable under its name, and never get so by a sync: it is written anew.
        let due = known.as_ref().unwrap_or(snapshot);
        self.write(due).map_err(failed("writing a snapshot"))?;
        *durable = Some(due.offset);
        self.remove_old().map_err(failed("removing old snapshots"))
    }

    fn write(&self, snapshot: &Snapshot) -> io::Result<()> {
        let path = path(snapshot.offset);
        let aside = format!("{path}.tmp");
        match self.disk.unlink(&aside) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let file = self.disk.create(&aside)?;
        let header = SnapshotHeader {
            offset: snapshot.offset,
        };
        let header = header.encode(&snapshot.state);
        let parts = [IoSlice::new(&header), IoSlice::new(&snapshot.state)];
        let written = file.write_at(&parts, 0);
        if let Err(error) = written.and_then(|()| file.sync_data()) {
            // What there is of it would keep the room of a full disk. Best effort: the next one removes it too.
            drop(self.disk.unlink(&aside));
            return Err(error);
        }
        self.disk.rename(&aside, &path)?;
        self.disk.sync_directory(SNAPSHOTS)
    }

    /// Keeps the newest whole ones; older ones go, and so do damaged ones below them, and what a save left that was
    /// cut off.
    fn remove_old(&self) -> io::Result<()> {
        for name in self.disk.list(SNAPSHOTS)? {
            if name.ends_with(".tmp") {
                self.disk.unlink(&format!("{SNAPSHOTS}/{name}"))?;
            }
        }
        let mut whole = 0;
        for offset in self.offsets()? {
            if whole >= KEPT {
                self.disk.unlink(&path(offset))?;
            } else if self.read(offset)?.is_some() {
                whole += 1;
            }
        }
        Ok(())
    }

    fn load(&self) -> Result<Vec<Snapshot>, EngineError> {
        let offsets = self.offsets().map_err(failed("listing the snapshots"))?;
        let mut snapshots = Vec::new();
        let mut damaged = None;
        for offset in offsets {
            if snapshots.len() == KEPT {
                break;
            }
            match self.read(offset) {
                Ok(Some(snapshot)) => snapshots.push(snapshot),
                Ok(None) => {
                    let path = path(offset);
                    tracing::error!(path, "a snapshot is damaged");
                    damaged.get_or_insert(format!("{path} at byte 0: the snapshot is damaged"));
                }
                Err(error) => return Err(failed("reading a snapshot")(error)),
            }
        }
        match damaged {
            Some(damaged) if snapshots.is_empty() => Err(EngineError::Damaged(damaged)),
            _ => Ok(snapshots),
        }
    }

    /// `None`: damaged.
    fn read(&self, offset: u64) -> io::Result<Option<Snapshot>> {
        let file = self.disk.open(&path(offset))?;
        let mut bytes = vec![0; file.len_bytes()? as usize];
        file.read_at(&mut bytes, 0, Waiting::Allowed)?;
        let sound = SnapshotHeader::decode(&bytes).is_some_and(|header| header.offset == offset);
        Ok(sound.then(|| Snapshot {
            offset,
            state: Bytes::from(bytes).slice(SNAPSHOT_HEADER_BYTES..),
        }))
    }

    /// Of the files that are there, newest first.
    fn offsets(&self) -> io::Result<Vec<u64>> {
        let names = self.disk.list(SNAPSHOTS)?;
        let mut offsets: Vec<u64> = names
            .iter()
            .filter_map(|name| name.strip_suffix(".snap")?.parse().ok())
            .collect();
        offsets.sort_unstable_by(|left, right| right.cmp(left));
        Ok(offsets)
    }
}

fn path(offset: u64) -> String {
    format!("{SNAPSHOTS}/{offset:020}.snap")
}

fn failed(what: &'static str) -> impl Fn(io::Error) -> EngineError {
    move |error| EngineError::Io(format!("{what}: {error}"))
}
