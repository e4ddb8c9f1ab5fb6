//! The audit log: who was denied what, and who changed what.
//!
//! Each event is a line of the log under the target `audit`, and, with `--audit-log`, a JSON object in a file. A thread
//! owns the file; events wait for it in a queue that is bounded in bytes. What does not fit is dropped, counted, and the
//! count written as an event of its own, so a request never waits for the disk of the audit log.

use std::fs::OpenOptions;
use std::io::{self, Write};
use std::net::IpAddr;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::thread::JoinHandle;

use millstream_types::WallClock;
use parking_lot::Mutex;
use serde::Serialize;

/// Most bytes of events that wait for the file.
const QUEUE_BYTES_MAX: usize = 1024 * 1024;
/// Most events that wait for the file.
const QUEUE_COUNT_MAX: usize = 8192;

/// Longest text that a client can put into an event, in bytes: as long as an ARN may be.
const TEXT_BYTES_MAX: usize = 2048;

/// A client's text, cut where it is longer than anything that it could name.
pub(crate) fn cut(text: &str) -> String {
    let mut end = text.len().min(TEXT_BYTES_MAX);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    text[..end].to_owned()
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

/// Writes events.
#[derive(Debug)]
pub(crate) struct Audit {
    clock: Arc<dyn WallClock>,
    /// Whether events go to the log: a server without keys has nobody to tell apart.
    is_logged: bool,
    file: Option<AuditFile>,
}

#[derive(Debug)]
struct AuditFile {
    queue: Mutex<Option<SyncSender<Vec<u8>>>>,
    shared: Arc<Shared>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

#[derive(Debug, Default)]
struct Shared {
    waiting_bytes: AtomicUsize,
    dropped: AtomicU64,
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
        })
    }

    /// Whether anybody reads events.
    pub(crate) fn is_on(&self) -> bool {
        self.is_logged || self.file.is_some()
    }

    /// Writes an event. Never waits.
    pub(crate) fn record(&self, request_id: &str, source: IpAddr, note: &AuditNote) {
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

    /// Writes what waits and closes the file. Blocks for as long as its disk takes.
    pub(crate) fn close(&self) {
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

impl AuditFile {
    fn open(path: &Path, clock: Arc<dyn WallClock>) -> io::Result<Self> {
        let file = OpenOptions::new()
            .append(true)
            .create(true)
            .mode(0o600)
            .open(path)?;
        let (sender, receiver) = sync_channel(QUEUE_COUNT_MAX);
        let shared = Arc::new(Shared::default());
        let of_thread = Arc::clone(&shared);
        let thread = std::thread::Builder::new()
            .name("audit log".into())
            .spawn(move || write_all(&receiver, file, &of_thread, &*clock))?;
        Ok(Self {
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
    mut file: impl Write,
    shared: &Shared,
    clock: &dyn WallClock,
) {
    let mut write = |line: &[u8]| {
        if let Err(error) = file.write_all(line) {
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
mod tests {
    use super::*;
    use millstream_types::TimestampMs;

    #[derive(Debug)]
    struct Fixed;

    impl WallClock for Fixed {
        fn now(&self) -> TimestampMs {
            TimestampMs(7)
        }
    }

    fn note(error: Option<&str>) -> AuditNote {
        AuditNote {
            action: "kinesis:CreateStream".into(),
            principal: Some("arn:aws:iam::111111111111:user/a".into()),
            access_key: None,
            account: Some("111111111111".into()),
            resource: Some("meters".into()),
            error: error.map(str::to_owned),
        }
    }

    #[test]
    fn events_are_lines_of_json_in_the_order_of_requests() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("audit.json");
        for round in 0..2 {
            let audit = Audit::open(Some(&path), false, Arc::new(Fixed)).unwrap();
            audit.record("r1", IpAddr::from([127, 0, 0, 1]), &note(None));
            audit.record(
                "r2",
                IpAddr::from([10, 0, 0, 1]),
                &note(Some("AccessDeniedException")),
            );
            audit.close();
            audit.record("r3", IpAddr::from([10, 0, 0, 1]), &note(None));
            let text = std::fs::read_to_string(&path).unwrap();
            assert_eq!(text.lines().count(), 2 * (round + 1), "{text}");
        }
        let text = std::fs::read_to_string(&path).unwrap();
        assert_eq!(
            text.lines().nth(1).unwrap(),
            r#"{"time_ms":7,"request_id":"r2","source":"10.0.0.1","action":"kinesis:CreateStream","principal":"arn:aws:iam::111111111111:user/a","account":"111111111111","resource":"meters","outcome":"AccessDeniedException"}"#
        );
    }

    /// A disk that waits until it is let go.
    struct Slow(Receiver<()>, Arc<Mutex<Vec<u8>>>);

    impl Write for Slow {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            // A sender that is gone lets everything go.
            self.0.recv().ok();
            self.1.lock().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn what_does_not_fit_is_counted_and_the_count_written() {
        let (let_go, held) = sync_channel(1);
        let written = Arc::new(Mutex::new(Vec::new()));
        let (sender, receiver) = sync_channel(QUEUE_COUNT_MAX);
        let shared = Arc::new(Shared::default());
        let (of_thread, disk) = (Arc::clone(&shared), Slow(held, Arc::clone(&written)));
        let thread = std::thread::spawn(move || write_all(&receiver, disk, &of_thread, &Fixed));
        let file = AuditFile {
            queue: Mutex::new(Some(sender)),
            shared,
            thread: Mutex::new(Some(thread)),
        };
        let line = vec![b'x'; QUEUE_BYTES_MAX / 4];
        for _ in 0..10 {
            file.push(line.clone());
        }
        let dropped = file.shared.dropped.load(Ordering::Relaxed);
        assert!((5..=6).contains(&dropped), "{dropped}");
        drop(let_go);
        file.close();
        let text = String::from_utf8(written.lock().clone()).unwrap();
        let told = format!(r#"{{"time_ms":7,"dropped":{dropped}}}"#);
        assert!(text.contains(&told), "the count is written");
        assert_eq!(file.shared.waiting_bytes.load(Ordering::Relaxed), 0);
    }
}
