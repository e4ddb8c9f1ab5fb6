//! An engine whose offsets have gaps and which cannot close a log in place, as on a cluster: another engine, seen so.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use bytes::{BufMut, Bytes, BytesMut};
use futures::FutureExt;
use futures::future::ready;
use millstream_types::TimestampMs;
use parking_lot::Mutex;
use tokio::sync::watch;

use crate::{
    Append, AppendError, Appended, Bounds, Caps, Counter, EngineError, EngineStatus, Entry,
    EntryKind, GroupId, LogEngine, LogFuture, LogId, LogSpec, NotWritten, Place, ReadFrom,
    ReadOutcome,
};

/// One entry in so many offsets.
const STRIDE: u64 = 3;

const DATA: u8 = 0;
const CLOSE: u8 = 1;

/// First CLOSE of each log that has one, by the offset seen outside.
type Ends = Arc<Mutex<HashMap<Place, u64>>>;

/// Shows every third offset of an engine that answers appends at once, such as the one in memory. What comes after a
/// CLOSE is written behind it and never acknowledged.
pub struct SparseEngine {
    inner: Arc<dyn LogEngine>,
    ends: Ends,
    /// Above every offset of each log that was answered.
    tops: Ends,
}

impl fmt::Debug for SparseEngine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("SparseEngine").field(&self.inner).finish()
    }
}

impl SparseEngine {
    /// Over an engine whose appends are answered in the call.
    pub fn new(inner: Arc<dyn LogEngine>) -> Self {
        Self {
            inner,
            ends: Ends::default(),
            tops: Ends::default(),
        }
    }

    /// The same logs, once `inner` is the engine that was opened after this one's.
    #[must_use]
    pub fn reopened(&self, inner: Arc<dyn LogEngine>) -> Self {
        Self {
            inner,
            ends: Arc::clone(&self.ends),
            tops: Arc::clone(&self.tops),
        }
    }
}

fn inside(offset: u64) -> u64 {
    offset.div_ceil(STRIDE)
}

fn outside(offset: u64) -> u64 {
    offset * STRIDE
}

fn bounds_outside(bounds: Bounds) -> Bounds {
    Bounds {
        first: outside(bounds.first),
        next: outside(bounds.next),
        ..bounds
    }
}

fn entry_outside(entry: Entry) -> Entry {
    Entry {
        offset: outside(entry.offset),
        kind: match entry.payload.first() {
            Some(&CLOSE) => EntryKind::Close,
            _ => EntryKind::Data,
        },
        payload: entry.payload.slice(1..),
        ..entry
    }
}

fn append_inside(append: &Append) -> Append {
    let mut payload = BytesMut::with_capacity(1 + append.payload.len());
    payload.put_u8(match append.kind {
        EntryKind::Data => DATA,
        EntryKind::Close => CLOSE,
    });
    payload.put_slice(&append.payload);
    Append {
        kind: EntryKind::Data,
        payload: Bytes::from(payload),
        ..append.clone()
    }
}

fn outcome_outside(read: ReadFrom, outcome: ReadOutcome) -> ReadOutcome {
    match outcome {
        ReadOutcome::Entries { entries, bounds } => {
            let bounds = bounds_outside(bounds);
            if read.from < bounds.first || read.from > bounds.next {
                return ReadOutcome::OutOfRange(bounds);
            }
            let entries = entries.into_iter().map(entry_outside).collect();
            ReadOutcome::Entries { entries, bounds }
        }
        ReadOutcome::OutOfRange(bounds) => ReadOutcome::OutOfRange(bounds_outside(bounds)),
        other => other,
    }
}

impl LogEngine for SparseEngine {
    fn create(
        &self,
        group: GroupId,
        log: LogId,
        spec: LogSpec,
    ) -> LogFuture<Result<Place, EngineError>> {
        self.inner.create(group, log, spec)
    }

    fn delete(&self, place: Place) -> LogFuture<Result<(), EngineError>> {
        self.inner.delete(place)
    }

    fn delete_group(&self, group: GroupId) -> LogFuture<Result<(), EngineError>> {
        self.inner.delete_group(group)
    }

    fn append_many(&self, appends: Vec<Append>) -> LogFuture<Vec<Result<Appended, AppendError>>> {
        // Held over the call, so that what is submitted and what is noted have one order.
        let mut ends = self.ends.lock();
        let mut tops = self.tops.lock();
        let submitted = appends.iter().map(append_inside).collect();
        let answers = self.inner.append_many(submitted).now_or_never();
        let answers = answers.expect("the engine below answers in the call");
        let answers: Vec<_> = appends
            .iter()
            .zip(answers)
            .map(|(append, answer)| {
                let appended = answer.map(|appended| Appended {
                    offset: outside(appended.offset),
                    ..appended
                })?;
                // One that is sent again under a known id closes nothing: it is the first one's answer.
                let top = tops.entry(append.place).or_insert(appended.offset);
                let is_new = appended.offset >= *top;
                *top = (*top).max(appended.offset + 1);
                if append.kind == EntryKind::Close && is_new {
                    ends.entry(append.place).or_insert(appended.offset);
                }
                match ends.get(&append.place) {
                    Some(end) if appended.offset > *end => Err(NotWritten::Closed.into()),
                    _ => Ok(appended),
                }
            })
            .collect();
        ready(answers).boxed()
    }

    fn read_many(&self, reads: Vec<ReadFrom>, wait: Duration) -> LogFuture<Vec<ReadOutcome>> {
        let below = reads.iter().map(|read| ReadFrom {
            from: inside(read.from),
            ..*read
        });
        let outcomes = self.inner.read_many(below.collect(), wait);
        outcomes
            .map(move |outcomes| {
                let both = reads.into_iter().zip(outcomes);
                both.map(|(read, outcome)| outcome_outside(read, outcome))
                    .collect()
            })
            .boxed()
    }

    fn bounds(&self, place: Place) -> LogFuture<Result<Bounds, EngineError>> {
        let bounds = self.inner.bounds(place);
        bounds.map(|bounds| bounds.map(bounds_outside)).boxed()
    }

    fn offset_for_time(
        &self,
        place: Place,
        time: TimestampMs,
    ) -> LogFuture<Result<u64, EngineError>> {
        let found = self.inner.offset_for_time(place, time);
        found.map(|found| found.map(outside)).boxed()
    }

    fn trim(&self, place: Place, before: u64) -> LogFuture<Result<(), EngineError>> {
        // An entry at `before` stays.
        self.inner.trim(place, inside(before))
    }

    fn barrier(&self, place: Place) -> LogFuture<Result<u64, EngineError>> {
        let barrier = self.inner.barrier(place);
        barrier.map(|barrier| barrier.map(outside)).boxed()
    }

    fn caps(&self) -> Caps {
        let caps = self.inner.caps();
        Caps {
            entry_bytes_max: caps.entry_bytes_max - 1,
            dense_offsets: false,
            closes_in_place: false,
            ..caps
        }
    }

    fn status(&self) -> watch::Receiver<EngineStatus> {
        self.inner.status()
    }

    fn counters(&self) -> Vec<Counter> {
        // Those behind a CLOSE are not acknowledged.
        let counters = self.inner.counters().into_iter();
        counters
            .filter(|counter| counter.name != "entries")
            .collect()
    }

    fn verify(&self) -> LogFuture<Result<(), EngineError>> {
        self.inner.verify()
    }

    fn stop(&self) -> LogFuture<Result<(), EngineError>> {
        self.inner.stop()
    }
}
