//! What a case works with.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bytes::Bytes;

use super::{ManualClock, Subject};
use crate::{
    Append, AppendError, Appended, Bounds, Entry, EntryKind, GroupId, LogEngine, LogId, LogSpec,
    Place, ReadFrom, ReadOutcome,
};

/// An entry of the layer above.
pub fn data(place: Place, payload: impl Into<Bytes>) -> Append {
    Append {
        place,
        kind: EntryKind::Data,
        payload: payload.into(),
        id: None,
    }
}

/// The log's end.
pub fn close(place: Place, payload: impl Into<Bytes>) -> Append {
    Append {
        kind: EntryKind::Close,
        ..data(place, payload)
    }
}

/// A fresh engine, its clock, and short words for what cases do. They panic where the engine fails them.
#[derive(Debug)]
pub struct Trial {
    subject: Subject,
    clock: Arc<ManualClock>,
    last_log: AtomicU64,
}

impl Trial {
    /// The group of [`log`](Self::log).
    pub const GROUP: GroupId = GroupId(1);

    pub(super) fn new(subject: Subject, clock: Arc<ManualClock>) -> Self {
        Self {
            subject,
            clock,
            last_log: AtomicU64::new(0),
        }
    }

    /// The engine.
    pub fn engine(&self) -> &Arc<dyn LogEngine> {
        &self.subject.engine
    }

    /// The engine's clock.
    pub fn clock(&self) -> &ManualClock {
        &self.clock
    }

    /// A log id that was not used before.
    pub fn new_log_id(&self) -> LogId {
        LogId(self.last_log.fetch_add(1, Ordering::Relaxed) + 1)
    }

    /// A new log.
    pub async fn log(&self) -> Place {
        self.log_in(Self::GROUP).await
    }

    /// A new log of a group.
    pub async fn log_in(&self, group: GroupId) -> Place {
        let log = self.new_log_id();
        let created = self.engine().create(group, log, LogSpec::default()).await;
        created.expect("a new log is created")
    }

    /// Appends one entry.
    pub async fn try_append(&self, append: Append) -> Result<Appended, AppendError> {
        let mut answers = self.engine().append_many(vec![append]).await;
        assert_eq!(answers.len(), 1, "one answer per entry");
        answers.remove(0)
    }

    /// Appends one entry that must be accepted.
    pub async fn append(&self, append: Append) -> Appended {
        let answer = self.try_append(append).await;
        answer.expect("the entry is accepted")
    }

    /// Appends entries of the given payloads in one call.
    pub async fn append_all(&self, place: Place, payloads: &[&'static str]) -> Vec<Appended> {
        let appends = payloads.iter().map(|payload| data(place, *payload));
        let answers = self.engine().append_many(appends.collect()).await;
        let accepted: Result<Vec<_>, _> = answers.into_iter().collect();
        accepted.expect("the entries are accepted")
    }

    /// Appends entries in one call that must be accepted; their offsets, which rise.
    pub async fn offsets_of(&self, place: Place, payloads: &[&'static str]) -> Vec<u64> {
        let appended = self.append_all(place, payloads).await;
        let offsets: Vec<u64> = appended.iter().map(|appended| appended.offset).collect();
        assert!(rises(&offsets), "{offsets:?}");
        offsets
    }

    /// What the log holds.
    pub async fn bounds(&self, place: Place) -> Bounds {
        let bounds = self.engine().bounds(place).await;
        bounds.expect("the log exists")
    }

    /// Reads one log without waiting.
    pub async fn read(&self, place: Place, from: u64, bytes_max: usize) -> ReadOutcome {
        let read = ReadFrom {
            place,
            from,
            bytes_max,
        };
        let mut outcomes = self.engine().read_many(vec![read], Duration::ZERO).await;
        assert_eq!(outcomes.len(), 1, "one outcome per item");
        outcomes.remove(0)
    }

    /// Reads from an offset to the tail in pages of at most `bytes_max`.
    pub async fn read_pages(&self, place: Place, mut from: u64, bytes_max: usize) -> Vec<Entry> {
        let mut read = Vec::new();
        loop {
            let (page, bounds) = expect_entries(self.read(place, from, bytes_max).await);
            check_page(&page, from, bytes_max, bounds);
            if self.engine().caps().dense_offsets {
                check_dense(&page, from, bounds);
            }
            let Some(last) = page.last() else {
                if self.engine().caps().dense_offsets {
                    assert_eq!(from, bounds.next, "an empty page means the tail");
                }
                return read;
            };
            from = last.offset + 1;
            read.extend(page);
        }
    }

    /// Every entry that may still be read.
    pub async fn entries(&self, place: Place) -> Vec<Entry> {
        let first = self.bounds(place).await.first;
        self.read_pages(place, first, 1 << 20).await
    }

    /// What readers take of [`entries`](Self::entries): those up to the first CLOSE, with it.
    pub async fn accepted(&self, place: Place) -> Vec<Entry> {
        let mut entries = self.entries(place).await;
        let is_close = |entry: &Entry| entry.kind == EntryKind::Close;
        if let Some(end) = entries.iter().position(is_close) {
            entries.truncate(end + 1);
        }
        entries
    }

    /// The payloads of [`accepted`](Self::accepted) as text.
    pub async fn payloads(&self, place: Place) -> Vec<String> {
        let entries = self.accepted(place).await.into_iter();
        entries
            .map(|entry| String::from_utf8_lossy(&entry.payload).into_owned())
            .collect()
    }

    /// Makes the next write fail for good.
    pub fn fail_next_write(&self) {
        let fail_next = self.subject.fail_next_write.as_ref();
        fail_next.expect("this case needs a subject made with `with_failing_writes`")();
    }

    /// Stops the engine and opens the same logs again.
    pub async fn reopen(&mut self) {
        self.engine().stop().await.expect("the engine stops");
        let reopen = self.subject.reopen.as_ref();
        let reopen = reopen.expect("this case needs a subject made with `with_reopen`");
        self.subject.engine = reopen().await;
    }
}

/// Whether each is higher than the one before.
pub(super) fn rises(offsets: &[u64]) -> bool {
    offsets.is_sorted_by(|before, after| before < after)
}

/// The offsets of answers that must be acceptances.
pub(super) fn accepted_offsets(answers: &[Result<Appended, AppendError>]) -> Vec<u64> {
    let offset =
        |answer: &Result<Appended, AppendError>| answer.expect("the entry is accepted").offset;
    answers.iter().map(offset).collect()
}

/// The entries and bounds of an outcome that must have them.
pub(super) fn expect_entries(outcome: ReadOutcome) -> (Vec<Entry>, Bounds) {
    match outcome {
        ReadOutcome::Entries { entries, bounds } => (entries, bounds),
        other => panic!("expected entries, got {other:?}"),
    }
}

/// What also holds where offsets are dense.
pub(super) fn check_dense(page: &[Entry], from: u64, bounds: Bounds) {
    assert!(
        !page.is_empty() || from == bounds.next,
        "at least one entry below the tail"
    );
    for (entry, expected) in page.iter().zip(from..) {
        assert_eq!(entry.offset, expected, "entries come without gaps");
    }
}

/// What holds for the entries of every read.
pub(super) fn check_page(page: &[Entry], from: u64, bytes_max: usize, bounds: Bounds) {
    assert!(
        bounds.first <= from && from <= bounds.next,
        "{from} lies in {bounds:?}"
    );
    assert!(
        page.is_sorted_by(|before, after| before.offset < after.offset),
        "offsets rise"
    );
    for entry in page {
        assert!(entry.offset >= from, "{entry:?} lies below {from}");
        assert!(entry.offset < bounds.next, "{entry:?} lies in {bounds:?}");
        assert!(
            entry.time <= bounds.last_time,
            "{entry:?} is as old as {bounds:?}"
        );
    }
    assert!(
        page.is_sorted_by_key(|entry| entry.time),
        "times never fall"
    );
    let bytes: usize = page.iter().map(|entry| entry.payload.len()).sum();
    assert!(
        page.len() <= 1 || bytes <= bytes_max,
        "{bytes} bytes where {bytes_max} were asked for"
    );
}
