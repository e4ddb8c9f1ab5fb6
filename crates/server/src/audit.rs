//! The audit log: who was denied what, and who changed what.
//!
//! Each event is a line of the log under the target `audit`, and, with `--audit-log`, a JSON object in a file. A thread
//! owns the file; events wait for it in a queue that is bounded in bytes. What does not fit is dropped, counted, and the
//! count written as an event of its own, so a request never waits for the disk of the audit log. Refusals are written up to
//! a number a second, for all who are not known together and for each who is; those beyond it are counted, and their
//! count is an event.

mod refusals;

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::net::IpAddr;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::thread::JoinHandle;

use millstream_types::{
    AccountId, CallRecord, CallRecorder, Plane, ScalingRecord, ScalingRecorder, TimestampMs,
    WallClock,
};
use parking_lot::Mutex;
use serde::Serialize;

use refusals::{Counted, Refusals};

/// Most bytes of events that wait for the file.
const QUEUE_BYTES_MAX: usize = 1024 * 1024;
/// Most events that wait for the file.
const QUEUE_COUNT_MAX: usize = 8192;

#[derive(Serialize)]
struct Line<'a> {
    time_ms: u64,
    request_id: String,
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
struct CountedLine<'a> {
    time_ms: u64,
    /// Whose they were; strangers' if there is none.
    #[serde(skip_serializing_if = "Option::is_none")]
    principal: Option<&'a str>,
    refusals_counted: u64,
}

/// What became of an on-demand stream's shards, and why.
#[derive(Serialize)]
struct ScaledLine<'a> {
    time_ms: u64,
    action: &'static str,
    account: &'a str,
    resource: String,
    reshards: &'static str,
    shards_before: usize,
    shards_after: usize,
    shards_wanted: usize,
    bytes_per_s: u64,
    peak_bytes_per_s: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    busiest_shard: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    busiest_bytes_per_s: Option<u64>,
}

/// Writes events.
#[derive(Debug)]
pub(crate) struct Audit {
    clock: Arc<dyn WallClock>,
    /// Whether events go to the log: a server without keys has nobody to tell apart.
    is_logged: bool,
    file: Option<AuditFile>,
    refusals: Refusals,
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
        refusals_per_s_max: u64,
        clock: Arc<dyn WallClock>,
    ) -> io::Result<Self> {
        let file = path.map(|path| AuditFile::open(path, Arc::clone(&clock)));
        Ok(Self {
            file: file.transpose()?,
            is_logged,
            clock,
            refusals: Refusals::new(refusals_per_s_max),
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

    /// Writes how many refusals were only counted, once their second is over. To be called about once a second.
    pub(crate) fn tell_counted(&self) {
        let now = self.clock.now();
        self.write_counted(now, self.refusals.take_counted(Some(now)));
    }

    fn write_counted(&self, now: TimestampMs, counted: Vec<Counted>) {
        for Counted { of, refusals } in counted {
            if self.is_logged {
                tracing::warn!(
                    target: "audit",
                    principal = of,
                    refusals_counted = refusals,
                    "more was refused than is written one by one"
                );
            }
            if let Some(file) = &self.file {
                file.push(line_of(&CountedLine {
                    time_ms: now.0,
                    principal: of.as_deref(),
                    refusals_counted: refusals,
                }));
            }
        }
    }

    fn write(&self, call: &CallRecord<'_>) {
        let named;
        let action = match call.operation {
            Some(operation) => {
                named = format!("{}:{operation}", call.service);
                &named
            }
            None => call.target,
        };
        let account = call.account.map(AccountId::as_str);
        let outcome = call.error.map_or("ok", |error| error.name);
        if self.is_logged {
            tracing::info!(
                target: "audit",
                request_id = %call.request_id,
                source = %call.peer,
                action,
                principal = call.principal,
                access_key = call.access_key,
                account,
                resource = call.resource,
                outcome,
                "audit"
            );
        }
        if let Some(file) = &self.file {
            file.push(line_of(&Line {
                time_ms: self.clock.now().0,
                request_id: call.request_id.to_string(),
                source: call.peer,
                action,
                principal: call.principal,
                access_key: call.access_key,
                account,
                resource: call.resource,
                outcome,
            }));
        }
    }

    /// Writes what waits and closes the file. Blocks for as long as its disk takes.
    pub(crate) fn close(&self) {
        self.write_counted(self.clock.now(), self.refusals.take_counted(None));
        if let Some(file) = &self.file {
            file.close();
        }
    }
}

impl CallRecorder for Audit {
    /// Writes an event, if the call is one: refusals of callers who are not known or may not do something, and calls
    /// about resources themselves. Never waits. Refusals beyond some each second are counted instead.
    fn call(&self, call: &CallRecord<'_>) {
        let is_control = call.plane == Plane::Control && call.account.is_some();
        if !self.is_on() || !(is_control || call.is_denied()) {
            return;
        }
        if call.is_denied() && !self.refusals.is_written(self.clock.now(), call.principal) {
            return;
        }
        self.write(call);
    }
}

impl ScalingRecorder for Audit {
    /// Writes an event: nobody asked for it, so it has no source and no principal. Never waits.
    fn scaled(&self, record: &ScalingRecord<'_>) {
        // The stream service tells the log by itself.
        if let Some(file) = &self.file {
            let ScalingRecord {
                account,
                region,
                stream,
                ..
            } = record;
            file.push(line_of(&ScaledLine {
                time_ms: self.clock.now().0,
                action: "millstream:ScaleOnDemandStream",
                account: account.as_str(),
                resource: format!("arn:aws:kinesis:{region}:{account}:stream/{stream}"),
                reshards: record.reshards.label(),
                shards_before: record.shards_before,
                shards_after: record.shards_after,
                shards_wanted: record.shards_wanted,
                bytes_per_s: record.bytes_per_s,
                peak_bytes_per_s: record.peak_bytes_per_s,
                busiest_shard: record.busiest.map(|(shard, _)| shard.to_string()),
                busiest_bytes_per_s: record.busiest.map(|(_, bytes_per_s)| bytes_per_s),
            }));
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
