//! Finding an offset by append time.

use millstream_log::EngineError;

use super::is_replaced;
use super::plan::{Plan, Source, SourcePlace};
use super::segment::{ReadError, load_footer};
use crate::disk::Waiting;
use crate::format::{LogKey, RunRef};
use crate::shared::Shared;
use crate::state::table::{SKIPPED, SegmentRef};

/// The first offset of the run in which the first entry at or after `time` may be, or a better answer.
pub(crate) fn offset_for_time(
    shared: &Shared,
    key: LogKey,
    time: u64,
    waiting: Waiting,
) -> Result<Result<u64, EngineError>, ReadError> {
    loop {
        let (refs, first, next) = {
            let state = shared.state.lock();
            let Some(log) = state.readable(key) else {
                return Ok(Err(EngineError::NoSuchLog));
            };
            if log.next == log.first || time > log.last_time {
                return Ok(Ok(log.next));
            }
            let tail = log.active.as_ref().map(|active| &active.tail);
            let cached = tail.and_then(|tail| tail.offset_for_time(time));
            if let Some(found) = cached {
                return Ok(Ok(found.max(log.first)));
            }
            if state.closed {
                return Ok(Err(EngineError::Stopped));
            }
            let refs: Vec<SegmentRef> = log.segments.as_slice().to_vec();
            (refs, log.first, log.next)
        };
        let refs: Vec<SegmentRef> = refs
            .into_iter()
            .filter(|segment| segment.number != SKIPPED)
            .collect();
        if refs.is_empty() {
            return Ok(Ok(next));
        }
        match search(shared, key, &refs, time, waiting) {
            Ok(found) => return Ok(Ok(found.clamp(first, next))),
            Err(Gone::Retry) => {}
            Err(Gone::Error(error)) => return Err(error),
        }
    }
}

enum Gone {
    /// The segment was replaced meanwhile.
    Retry,
    Error(ReadError),
}

/// The last run that begins before `time` may have the first entry at or after it, else the run behind it has.
fn search(
    shared: &Shared,
    key: LogKey,
    refs: &[SegmentRef],
    time: u64,
    waiting: Waiting,
) -> Result<u64, Gone> {
    let (mut low, mut high) = (0, refs.len());
    let mut found = refs.first().map_or(0, SegmentRef::first);
    while low < high {
        let middle = usize::midpoint(low, high);
        let runs = runs_of(shared, key, refs[middle], waiting)?;
        let before = runs.partition_point(|run| run.first_time < time);
        match before.checked_sub(1) {
            Some(last) => {
                found = runs[last].first_offset;
                if before < runs.len() {
                    return Ok(found);
                }
                low = middle + 1;
            }
            None => high = middle,
        }
    }
    Ok(found)
}

fn runs_of(
    shared: &Shared,
    key: LogKey,
    segment: SegmentRef,
    waiting: Waiting,
) -> Result<Vec<RunRef>, Gone> {
    let source = {
        let state = shared.state.lock();
        let log = state.readable(key).ok_or(Gone::Retry)?;
        let refs = log.segments.as_slice();
        if !refs.iter().any(|other| other.number == segment.number) {
            return Err(Gone::Retry);
        }
        if let Some((runs, _)) = state.unsealed_runs(segment.number, key) {
            return Ok(runs.to_vec());
        }
        let source = Plan::segment(&state, log, segment.first());
        source.ok_or(Gone::Retry)?
    };
    let Source {
        place: SourcePlace::Footer(sealed, index),
        ..
    } = &source
    else {
        return Err(Gone::Retry);
    };
    match load_footer(shared, key, sealed, *index, waiting) {
        Ok(footer) => Ok(footer.runs.clone()),
        Err(ReadError::Failed(_)) if is_replaced(shared, key, &source) => Err(Gone::Retry),
        Err(error) => Err(Gone::Error(error)),
    }
}
