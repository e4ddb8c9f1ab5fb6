//! Reads: from the tail cache in the caller's thread, else from the page cache in the caller's thread, else from the
//! disk by a thread of the pool.

mod plan;
mod segment;
mod times;
mod waits;

use std::io;
use std::sync::Arc;
use std::time::Duration;

use millstream_log::{Bounds, EngineError, Entry, Place, ReadFrom, ReadOutcome};
use millstream_types::TimestampMs;
use tokio::time::{Instant, timeout_at};

use crate::disk::Waiting;
use crate::format::LogKey;
use crate::read::waits::Wait;
use crate::shared::Shared;
use crate::state::State;
use crate::state::table::LogRow;
use crate::stats::count;

use plan::{Plan, Source, SourcePlace};
pub(crate) use segment::{ReadError, read_exact};
use segment::{load_footer, read_piece};

/// Most payload that one cold read returns for a log, however much is asked for; more is another read.
const COLD_READ_BYTES_MAX: usize = 1 << 20;

/// How often a read begins anew because compaction or a trim removed the segment under it.
const ATTEMPTS_MAX: usize = 100;

/// What a log holds, for readers.
pub(crate) fn bounds_of(log: &LogRow) -> Bounds {
    Bounds {
        first: log.first,
        next: log.next,
        last_time: TimestampMs(log.last_time),
    }
}

/// What a look under the lock gave.
enum Look {
    Done(ReadOutcome),
    /// Nothing yet.
    Tail(Bounds),
    Cold(LogKey),
}

fn look(state: &State, read: &ReadFrom) -> Look {
    let Some(log) = LogKey::from_place(read.place).and_then(|key| state.readable(key)) else {
        return Look::Done(ReadOutcome::NoSuchLog);
    };
    if state.closed {
        return Look::Done(unreadable("the log engine is stopped".to_owned()));
    }
    let bounds = bounds_of(log);
    if read.from < bounds.first || read.from > bounds.next {
        return Look::Done(ReadOutcome::OutOfRange(bounds));
    }
    match Plan::of(state, log, read.from) {
        Plan::Tail => Look::Tail(bounds),
        Plan::Cached(tail) => {
            let mut entries = Vec::new();
            tail.read(read.from, read.bytes_max, &mut entries);
            Look::Done(ReadOutcome::Entries { entries, bounds })
        }
        Plan::Skipped(_) | Plan::Segment(_) => Look::Cold(log.key),
    }
}

fn unreadable(reason: String) -> ReadOutcome {
    ReadOutcome::Unreadable { reason, next: None }
}

/// The engine's `read_many`.
pub(crate) async fn read_many(
    shared: Arc<Shared>,
    reads: Vec<ReadFrom>,
    wait: Duration,
) -> Vec<ReadOutcome> {
    let deadline = Instant::now().checked_add(wait);
    let mut may_wait = !wait.is_zero();
    loop {
        let (looks, wait) = {
            let mut state = shared.state.lock();
            let looks: Vec<Look> = reads.iter().map(|read| look(&state, read)).collect();
            let all_tails =
                !looks.is_empty() && looks.iter().all(|look| matches!(look, Look::Tail(_)));
            let wait = (may_wait && all_tails && !state.stopping).then(|| {
                let keys = reads
                    .iter()
                    .filter_map(|read| LogKey::from_place(read.place));
                Wait::enter(&shared.state, &mut state, keys)
            });
            (looks, wait)
        };
        match (wait, deadline) {
            (None, _) => return finish(&shared, &reads, looks).await,
            (Some(wait), None) => wait.rung().await,
            (Some(wait), Some(deadline)) => {
                may_wait = timeout_at(deadline, wait.rung()).await.is_ok();
            }
        }
    }
}

/// The engine's `read_now`: what the tail cache has, and what is to be said without any entry.
pub(crate) fn read_now(shared: &Shared, read: &ReadFrom) -> Option<ReadOutcome> {
    let looked = look(&shared.state.lock(), read);
    match looked {
        Look::Done(outcome) => {
            count(&shared.counters.tail_reads, 1);
            Some(outcome)
        }
        Look::Tail(bounds) => Some(ReadOutcome::Entries {
            entries: Vec::new(),
            bounds,
        }),
        Look::Cold(_) => None,
    }
}

async fn finish(shared: &Arc<Shared>, reads: &[ReadFrom], looks: Vec<Look>) -> Vec<ReadOutcome> {
    let mut outcomes = Vec::with_capacity(looks.len());
    for (read, look) in reads.iter().zip(looks) {
        outcomes.push(match look {
            Look::Done(outcome) => {
                count(&shared.counters.tail_reads, 1);
                outcome
            }
            Look::Tail(bounds) => ReadOutcome::Entries {
                entries: Vec::new(),
                bounds,
            },
            Look::Cold(key) => cold(shared, key, *read).await,
        });
    }
    outcomes
}

/// Tries the page cache first, then leaves it to a thread that may wait.
async fn cold(shared: &Arc<Shared>, key: LogKey, read: ReadFrom) -> ReadOutcome {
    if let Some(outcome) = read_cold(shared, key, read, Waiting::Never) {
        count(&shared.counters.warm_reads, 1);
        return outcome;
    }
    count(&shared.counters.cold_reads, 1);
    let on_thread = Arc::clone(shared);
    let outcome = shared
        .pool
        .run(move || read_cold(&on_thread, key, read, Waiting::Allowed))
        .await;
    match outcome {
        Ok(Some(outcome)) => outcome,
        Ok(None) => unreadable("the disk could not be waited for".to_owned()),
        Err(_) => unreadable("the log engine is stopped".to_owned()),
    }
}

/// `None`: it would have to wait.
fn read_cold(
    shared: &Shared,
    key: LogKey,
    read: ReadFrom,
    waiting: Waiting,
) -> Option<ReadOutcome> {
    let bytes_max = read.bytes_max.min(COLD_READ_BYTES_MAX);
    let mut entries: Vec<Entry> = Vec::new();
    let mut from = read.from;
    let mut attempts = 0;
    loop {
        let bytes: usize = entries.iter().map(|entry| entry.payload.len()).sum();
        let source = {
            let state = shared.state.lock();
            if state.closed {
                return Some(unreadable("the log engine is stopped".to_owned()));
            }
            let Some(log) = state.readable(key) else {
                return Some(ReadOutcome::NoSuchLog);
            };
            let bounds = bounds_of(log);
            if read.from < bounds.first {
                return Some(ReadOutcome::OutOfRange(bounds));
            }
            let done = |entries| Some(ReadOutcome::Entries { entries, bounds });
            if bytes >= bytes_max && !entries.is_empty() {
                return done(entries);
            }
            match Plan::of(&state, log, from) {
                Plan::Tail => return done(entries),
                Plan::Cached(tail) => {
                    tail.read(from, bytes_max, &mut entries);
                    return done(entries);
                }
                Plan::Skipped(next) => {
                    from = next;
                    continue;
                }
                Plan::Segment(source) => source,
            }
        };
        let piece = read_piece(shared, key, &source, from, bytes_max, waiting, &mut entries);
        if piece.is_err()
            && let Some(last) = entries.last()
        {
            // What came before the failure is whole, and is not read again.
            from = from.max(last.offset + 1);
        }
        match piece {
            Ok(piece) => {
                from = piece.next;
                if piece.is_full {
                    let state = shared.state.lock();
                    let log = state.readable(key)?;
                    let bounds = bounds_of(log);
                    return Some(ReadOutcome::Entries { entries, bounds });
                }
            }
            // On a thread that may wait, everything is read anew.
            Err(ReadError::WouldBlock) => return None,
            Err(_) if attempts < ATTEMPTS_MAX && is_replaced(shared, key, &source) => attempts += 1,
            Err(ReadError::Failed(reason)) => {
                tracing::error!(
                    group = key.group,
                    log = key.log,
                    reason,
                    "a log is unreadable"
                );
                if !entries.is_empty() {
                    let state = shared.state.lock();
                    let bounds = bounds_of(state.readable(key)?);
                    return Some(ReadOutcome::Entries { entries, bounds });
                }
                let next = next_readable(shared, key, &source, from, waiting);
                return Some(ReadOutcome::Unreadable { reason, next });
            }
        }
    }
}

/// Where the next run begins that may be whole, if the one with `from` is not.
fn next_readable(
    shared: &Shared,
    key: LogKey,
    source: &Source,
    from: u64,
    waiting: Waiting,
) -> Option<u64> {
    let footer;
    let runs = match &source.place {
        SourcePlace::Open(_, runs) => runs,
        // Without the list of runs nothing of the segment can be found.
        SourcePlace::Footer(segment, index) => {
            match load_footer(shared, key, segment, *index, waiting) {
                Ok(loaded) => {
                    footer = loaded;
                    &footer.runs
                }
                Err(_) => return Some(source.end),
            }
        }
    };
    let next = runs.iter().map(|run| run.first_offset);
    let next = next.filter(|first| *first > from).min();
    Some(next.unwrap_or(source.end).min(source.end))
}

/// The log no longer has its entries where they were planned to be read.
pub(crate) fn is_replaced(shared: &Shared, key: LogKey, source: &Source) -> bool {
    let state = shared.state.lock();
    state.table.by_key(key).is_none_or(|log| {
        let refs = log.segments.as_slice();
        !refs
            .iter()
            .any(|reference| reference.number == source.number)
    })
}

/// The engine's `offset_for_time`.
pub(crate) async fn offset_for_time(
    shared: Arc<Shared>,
    place: Place,
    time: TimestampMs,
) -> Result<u64, EngineError> {
    let key = LogKey::from_place(place).ok_or(EngineError::NoSuchLog)?;
    match times::offset_for_time(&shared, key, time.0, Waiting::Never) {
        Err(ReadError::WouldBlock) => {}
        Err(ReadError::Failed(reason)) => return Err(EngineError::Damaged(reason)),
        Ok(found) => return found,
    }
    let on_thread = Arc::clone(&shared);
    let found = shared
        .pool
        .run(move || times::offset_for_time(&on_thread, key, time.0, Waiting::Allowed))
        .await;
    match found {
        Ok(Ok(found)) => found,
        Ok(Err(ReadError::Failed(reason))) => Err(EngineError::Damaged(reason)),
        Ok(Err(ReadError::WouldBlock)) => Err(EngineError::Io(
            "the disk could not be waited for".to_owned(),
        )),
        Err(_) => Err(EngineError::Stopped),
    }
}

/// Reads what waits for nothing else.
pub(crate) fn is_would_block(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::WouldBlock
}
