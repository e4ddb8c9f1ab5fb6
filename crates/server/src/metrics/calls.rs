//! Counts calls: how many, how long they took, how much they moved, by service, operation and kind of failure.
//!
//! Each thread counts in a part of its own, so that no call waits for another or takes its cache lines away; whoever asks
//! adds the parts up. What there is to count by is known in advance and small: operations that a service has, and a few
//! classes of errors.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use millstream_log::{TimeHistogram, Times};
use millstream_types::{CallRecord, CallRecorder, ErrorClass};
use parking_lot::RwLock;

/// Parts that threads count in. Those of a runtime are as many as there are processors.
const PARTS: usize = 16;

/// What calls are counted by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct CallKind {
    pub(super) service: &'static str,
    /// Empty for what names no operation.
    pub(super) operation: &'static str,
    /// `none`, or an error's class.
    pub(super) error_class: &'static str,
}

impl CallKind {
    fn of(call: &CallRecord<'_>) -> Self {
        Self {
            service: call.service,
            operation: call.operation.unwrap_or(""),
            error_class: call
                .error
                .map_or("none", |error| ErrorClass::label(error.class)),
        }
    }
}

#[derive(Debug, Default)]
struct Counts {
    times: TimeHistogram,
    request_bytes: AtomicU64,
    answer_bytes: AtomicU64,
    records: AtomicU64,
}

/// The counts of a kind of calls.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Counted {
    pub(super) times: Times,
    pub(super) request_bytes: u64,
    pub(super) answer_bytes: u64,
    pub(super) records: u64,
}

/// Where some threads count. The lock is taken for writing once for each kind of call. There are few kinds: comparing their
/// names with some takes less than hashing them.
#[derive(Debug, Default)]
#[repr(align(128))]
struct Part(RwLock<BTreeMap<CallKind, Arc<Counts>>>);

impl Part {
    fn add(&self, call: &CallRecord<'_>) {
        let kind = CallKind::of(call);
        if let Some(counts) = self.0.read().get(&kind) {
            counts.add(call);
            return;
        }
        let counts = Arc::clone(self.0.write().entry(kind).or_default());
        counts.add(call);
    }
}

impl Counts {
    fn add(&self, call: &CallRecord<'_>) {
        self.times.add(call.time);
        self.request_bytes
            .fetch_add(call.request_bytes, Ordering::Relaxed);
        self.answer_bytes
            .fetch_add(call.answer_bytes, Ordering::Relaxed);
        self.records.fetch_add(call.records, Ordering::Relaxed);
    }
}

/// Counts calls since the server's start.
#[derive(Debug, Default)]
pub(crate) struct CallMetrics {
    parts: [Part; PARTS],
}

impl CallMetrics {
    /// What was counted so far.
    pub(super) fn read(&self) -> BTreeMap<CallKind, Counted> {
        let mut all: BTreeMap<CallKind, Counted> = BTreeMap::new();
        for part in &self.parts {
            for (kind, counts) in part.0.read().iter() {
                let counted = all.entry(*kind).or_default();
                counted.times.add(&counts.times.read());
                counted.request_bytes += counts.request_bytes.load(Ordering::Relaxed);
                counted.answer_bytes += counts.answer_bytes.load(Ordering::Relaxed);
                counted.records += counts.records.load(Ordering::Relaxed);
            }
        }
        all
    }
}

impl CallRecorder for CallMetrics {
    fn call(&self, call: &CallRecord<'_>) {
        self.parts[part()].add(call);
    }
}

/// The part of this thread.
fn part() -> usize {
    static NEXT: AtomicUsize = AtomicUsize::new(0);
    thread_local! {
        static PART: usize = NEXT.fetch_add(1, Ordering::Relaxed) % PARTS;
    }
    PART.with(|part| *part)
}

#[cfg(test)]
mod tests {
    use std::net::IpAddr;
    use std::time::Duration;

    use millstream_types::{CallError, Plane};

    use super::*;

    fn call(error: Option<CallError<'static>>) -> CallRecord<'static> {
        CallRecord {
            request_id: &"id",
            service: "kinesis",
            operation: Some("PutRecords"),
            target: "",
            plane: Plane::Data,
            peer: IpAddr::from([127, 0, 0, 1]),
            account: None,
            region: None,
            principal: None,
            access_key: None,
            resource: None,
            status: 200,
            error,
            request_bytes: 1_000,
            answer_bytes: 100,
            records: 10,
            time: Duration::from_millis(2),
        }
    }

    #[test]
    fn what_many_threads_count_is_one_sum() {
        let metrics = CallMetrics::default();
        std::thread::scope(|scope| {
            for _ in 0..PARTS + 3 {
                scope.spawn(|| (0..100).for_each(|_| metrics.call(&call(None))));
            }
        });
        metrics.call(&call(Some(CallError::of(400, "AccessDeniedException"))));
        let counted = metrics.read();
        let of = |error_class| {
            counted[&CallKind {
                service: "kinesis",
                operation: "PutRecords",
                error_class,
            }]
        };
        let calls = 100 * (PARTS as u64 + 3);
        assert_eq!(of("none").times.count(), calls);
        assert_eq!(of("none").times.sum_us, calls * 2_000);
        assert_eq!(of("none").request_bytes, calls * 1_000);
        assert_eq!(
            (of("none").answer_bytes, of("none").records),
            (calls * 100, calls * 10)
        );
        assert_eq!(of("denied").times.count(), 1);
    }
}
