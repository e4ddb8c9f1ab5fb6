//! The audit log: who was denied what, and who changed what.
//!
//! Each event is a line of the log under the target `audit`, and, with `--audit-log`, a JSON object in a file. A thread
//! owns the file; events wait for it in a queue that is bounded in bytes. What does not fit is dropped, counted, and the
//! count written as an event of its own, so a request never waits for the disk of the audit log. Refusals of senders
//! that are not known are written up to a number a second; those beyond it are counted, and their count is an event.

mod strangers;

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::net::IpAddr;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::thread::JoinHandle;

use millstream_types::{TimestampMs, WallClock};
use parking_lot::Mutex;
use serde::Serialize;

use strangers::Strangers;

/// Most bytes of events that wait for the file.
const QUEUE_BYTES_MAX: usize = 1024 * 1024;
/// Most events that wait for the file.
const QUEUE_COUNT_MAX: usize = 8192;

/// Longest text that a client can put into an event, in bytes: as long as an ARN may be.
const TEXT_BYTES_MAX: usize = 2048;

/// Longest access key that an event repeats, in bytes: as long as an id may be in the file of access keys.
const ACCESS_KEY_BYTES_MAX: usize = 128;

/// A client's text, cut where it is longer than anything that it could name.
pub(crate) fn cut(text: &str) -> String {
    text[..text.floor_char_boundary(TEXT_BYTES_MAX)].to_owned()
}

/// What a client presented as its access key, cut where it is longer than any key.
pub(crate) fn cut_access_key(text: &str) -> String {
    text[..text.floor_char_boundary(ACCESS_KEY_BYTES_MAX)].to_owned()
}

/// What is written of a request, besides what the server knows of every request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct AuditNote {
    /// `kinesis:CreateStream`, say.
    pub(crate) action: String,
    /// The ARN of who was verified to send it.
    pub(crate) principal: Option<String>,
    /// The access key that was presented; who does not know its secret may name it too.
    pub(crate) access_key: Option<String>,
    /// The account that it was made for.
    pub(crate) account: Option<String>,
    /// What permission was asked for; `None` if the request was refused before.
    pub(crate) resource: Option<String>,
    /// The error's name; `None` if it was done.
    pub(crate) error: Option<String>,
}

#[derive(Serialize)]
struct Line<'a> {
    time_ms: u64,
    request_id: &'a str,
    source: IpAddr,
    action: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    principal: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    access_key: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    account: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    resource: Option<&'a str>,
    outcome: &'a str,
}

#[derive(Serialize)]
struct DroppedLine {
    time_ms: u64,
    dropped: u64,
}

#[derive(Serialize)]
struct CountedLine {
    time_ms: u64,
    refusals_counted: u64,
}

/// Writes events.
#[derive(Debug)]
pub(crate) struct Audit {
    clock: Arc<dyn WallClock>,
    /// Whether events go to the log: a server without keys has nobody to tell apart.
    is_logged: bool,
    file: Option<AuditFile>,
    strangers: Strangers,
}

#[derive(Debug)]
struct AuditFile {
    path: PathBuf,
    queue: Mutex<Option<SyncSender<Vec<u8>>>>,
    shared: Arc<Shared>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

#[derive(Debug, Default)]
struct Shared {
    waiting_bytes: AtomicUsize,
    dropped: AtomicU64,
    /// The file that is written from now on, if it was opened again.
    reopened: Mutex<Option<File>>,
}

impl Audit {
    /// Opens the file, if one is named, to add to it; made with mode 0600 if it is not there.
    pub(crate) fn open(
        path: Option<&Path>,
        is_logged: bool,
        clock: Arc<dyn WallClock>,
    ) -> io::Result<Self> {
        let file = path.map(|path| AuditFile::open(path, Arc::clone(&clock)));
        Ok(Self {
            file: file.transpose()?,
            is_logged,
            clock,
            strangers: Strangers::default(),
        })
    }

    /// Whether anybody reads events.
    pub(crate) fn is_on(&self) -> bool {
        self.is_logged || self.file.is_some()
    }

    /// Opens the file by its name again, because it may have been renamed to make room for another. If that fails the
    /// old one is kept, and the log says so.
    pub(crate) fn reopen(&self) {
        let Some(file) = &self.file else {
            return;
        };
        match open_file(&file.path) {
            Ok(opened) => *file.shared.reopened.lock() = Some(opened),
            Err(error) => {
                let path = file.path.display();
                tracing::error!(%path, %error, "the audit log was not opened again: the old file is written on");
            }
        }
    }

    /// Writes an event. Never waits. Refusals of senders that are not known may be counted instead.
    pub(crate) fn record(&self, request_id: &str, source: IpAddr, note: &AuditNote) {
        let is_strangers = note.error.is_some() && note.principal.is_none();
        if is_strangers && !self.strangers.is_written(self.clock.now()) {
            return;
        }
        let outcome = note.error.as_deref().unwrap_or("ok");
        if self.is_logged {
            tracing::info!(
                target: "audit",
                request_id,
                %source,
                action = note.action,
                principal = note.principal,
                access_key = note.access_key,
                account = note.account,
                resource = note.resource,
                outcome,
                "audit"
            );
        }
        if let Some(file) = &self.file {
            let line = Line {
                time_ms: self.clock.now().0,
                request_id,
                source,
                action: &note.action,
                principal: note.principal.as_deref(),
                access_key: note.access_key.as_deref(),
                account: note.account.as_deref(),
                resource: note.resource.as_deref(),
                outcome,
            };
            file.push(line_of(&line));
        }
    }

    /// Writes how many refusals were only counted, once their second is over. To be called about once a second.
    pub(crate) fn tell_counted(&self) {
        let now = self.clock.now();
        self.write_counted(now, self.strangers.take_counted(Some(now)));
    }

    fn write_counted(&self, now: TimestampMs, counted: Option<u64>) {
        let Some(refusals_counted) = counted else {
            return;
        };
        if self.is_logged {
            tracing::warn!(
                target: "audit",
                refusals_counted,
                "more senders that are not known were refused than are written one by one"
            );
        }
        if let Some(file) = &self.file {
            file.push(line_of(&CountedLine {
                time_ms: now.0,
                refusals_counted,
            }));
        }
    }

    /// Writes what waits and closes the file. Blocks for as long as its disk takes.
    pub(crate) fn close(&self) {
        self.write_counted(self.clock.now(), self.strangers.take_counted(None));
        if let Some(file) = &self.file {
            file.close();
        }
    }
}

fn line_of(line: &impl Serialize) -> Vec<u8> {
    let mut bytes = serde_json::to_vec(line).expect("texts and numbers");
    bytes.push(b'\n');
    bytes
}

fn open_file(path: &Path) -> io::Result<File> {
    OpenOptions::new()
        .append(true)
        .create(true)
        .mode(0o600)
        .open(path)
}

impl AuditFile {
    fn open(path: &Path, clock: Arc<dyn WallClock>) -> io::Result<Self> {
        // A later change of the working folder does not lead elsewhere.
        let path = std::path::absolute(path)?;
        let mut file = open_file(&path)?;
        let (sender, receiver) = sync_channel(QUEUE_COUNT_MAX);
        let shared = Arc::new(Shared::default());
        let of_thread = Arc::clone(&shared);
        let thread = std::thread::Builder::new()
            .name("audit log".into())
            .spawn(move || {
                let write = |line: &[u8]| {
                    if let Some(reopened) = of_thread.reopened.lock().take() {
                        file = reopened;
                    }
                    file.write_all(line)
                };
                write_all(&receiver, write, &of_thread, &*clock);
            })?;
        Ok(Self {
            path,
            queue: Mutex::new(Some(sender)),
            shared,
            thread: Mutex::new(Some(thread)),
        })
    }

    fn push(&self, line: Vec<u8>) {
        let size = line.len();
        let waiting = self.shared.waiting_bytes.fetch_add(size, Ordering::Relaxed);
        let queue = self.queue.lock();
        let is_taken = waiting + size <= QUEUE_BYTES_MAX
            && queue
                .as_ref()
                .is_some_and(|queue| match queue.try_send(line) {
                    Ok(()) => true,
                    Err(TrySendError::Full(_) | TrySendError::Disconnected(_)) => false,
                });
        if !is_taken {
            self.shared.waiting_bytes.fetch_sub(size, Ordering::Relaxed);
            self.shared.dropped.fetch_add(1, Ordering::Relaxed);
        }
    }

    fn close(&self) {
        drop(self.queue.lock().take());
        let thread = self.thread.lock().take();
        if thread.is_some_and(|thread| thread.join().is_err()) {
            tracing::error!("the audit log's thread failed");
        }
    }
}

fn write_all(
    queue: &Receiver<Vec<u8>>,
    mut into: impl FnMut(&[u8]) -> io::Result<()>,
    shared: &Shared,
    clock: &dyn WallClock,
) {
    let mut write = |line: &[u8]| {
        if let Err(error) = into(line) {
            tracing::error!(%error, "an event of the audit log was not written");
            return false;
        }
        true
    };
    while let Ok(line) = queue.recv() {
        shared
            .waiting_bytes
            .fetch_sub(line.len(), Ordering::Relaxed);
        if !write(&line) {
            shared.dropped.fetch_add(1, Ordering::Relaxed);
        }
        tell_dropped(shared, clock, &mut write);
    }
    tell_dropped(shared, clock, &mut write);
}

fn tell_dropped(shared: &Shared, clock: &dyn WallClock, write: &mut impl FnMut(&[u8]) -> bool) {
    let dropped = shared.dropped.swap(0, Ordering::Relaxed);
    if dropped == 0 {
        return;
    }
    tracing::error!(dropped, "events of the audit log were dropped");
    let line = DroppedLine {
        time_ms: clock.now().0,
        dropped,
    };
    if !write(&line_of(&line)) {
        shared.dropped.fetch_add(dropped, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests;
