//! Makes durable runs visible and answers their callers.

use std::sync::Arc;

use super::Committer;
use crate::format::ControlOp;
use crate::pending::group::{Ending, Group, PendingEntry};
use crate::segments::frames::GroupRun;
use crate::segments::index::{APPEND_IDS_KEPT, IndexedRun};
use crate::shared::Shared;
use crate::state::State;
use crate::state::table::{NOT_SEALED, SegmentRef};
use crate::state::waiter::Waiter;
use crate::stats::count;

impl Committer {
    /// Runs that were just made durable become readable. Takes the payloads out of the group.
    pub(super) fn publish(&mut self, group: &mut Group, runs: &[GroupRun]) {
        let segment = self
            .segment
            .as_mut()
            .expect("runs were written to a segment");
        let mut waiters: Vec<Arc<Waiter>> = Vec::new();
        let (mut entry_count, mut payload_bytes) = (0, 0);
        let mut state = self.shared.state.lock();
        let had_died = state.died;
        state.durable_lsn = self.lsn;
        if let Some(row) = state.segments.get_mut(&segment.number) {
            row.published_end = segment.position;
        }
        let mut indexed = self.frames.runs.drain(..);
        for run in runs {
            match run {
                GroupRun::Control(ops) => {
                    let ops = &group.control_ops[ops.clone()];
                    segment.footer.add_control_ops(ops.len());
                    if let Some(open) = &mut state.open {
                        open.index.add_control_ops(ops);
                    }
                    for op in ops {
                        apply(&mut state, *op, &mut waiters);
                    }
                }
                GroupRun::Data { entries, .. } => {
                    let run = indexed.next().expect("every data run was encoded");
                    let entries = &mut group.entries[entries.clone()];
                    entry_count += entries.len() as u64;
                    let lengths = entries.iter().map(|entry| entry.payload.len() as u64);
                    payload_bytes += lengths.sum::<u64>();
                    add_run(&mut state, segment.number, &run, entries, &mut waiters);
                }
            }
        }
        state.evict();
        let is_rung = state.housekeeping_due || (state.died && !had_died);
        drop(state);
        if is_rung {
            self.shared.housekeeping_bell.notify_one();
        }
        waiters.iter().for_each(|waiter| waiter.ring());
        count(&self.shared.counters.entries, entry_count);
        count(&self.shared.counters.payload_bytes, payload_bytes);
    }

    /// Answers everybody who waits for the group.
    pub(super) fn answer(&self, group: &mut Group, ending: Ending) {
        answer(&self.shared, group, ending);
    }

    /// A write or an fsync failed: no more writes, and nothing unpublished is ever served.
    pub(super) fn fail(&self, group: &mut Group, reason: String) -> bool {
        self.shared.fail(reason);
        self.answer(group, Ending::Unknown);
        let mut later = std::mem::take(&mut self.shared.state.lock().pending);
        self.answer(&mut later, Ending::NotStarted);
        false
    }
}

/// Answers everybody who waits for the group.
pub(super) fn answer(shared: &Shared, group: &mut Group, ending: Ending) {
    let mut bytes = 0;
    for call in group.calls.drain(..) {
        bytes += call.answer(ending, |key, offset| {
            let state = shared.state.lock();
            state.table.by_key(key).is_some_and(|log| offset < log.next)
        });
    }
    if bytes > 0 {
        shared.state.lock().pending_bytes -= bytes;
    }
}

/// Applies a durable control operation.
fn apply(state: &mut State, op: ControlOp, waiters: &mut Vec<Arc<Waiter>>) {
    match op {
        ControlOp::Create(key) => {
            if let Some(log) = state.table.by_key_mut(key) {
                log.created = true;
            }
        }
        ControlOp::Delete(key) => {
            waiters.extend(state.remove_log(key));
            state.table.tombstones.add(key);
        }
        ControlOp::DeleteGroup(group) => {
            for key in state.table.keys_of_group(group) {
                waiters.extend(state.remove_log(key));
            }
            state.table.tombstones.add_group(group);
            state.deleting_groups.remove(&group);
        }
        ControlOp::Trim { key, before } => {
            if let Some(row) = state.table.find(key) {
                waiters.extend(state.raise_first(row, before));
            }
        }
    }
}

fn add_run(
    state: &mut State,
    number: u32,
    run: &IndexedRun,
    entries: &mut [PendingEntry],
    waiters: &mut Vec<Arc<Waiter>>,
) {
    if let Some(open) = &mut state.open {
        open.index.add(run);
    }
    let row = entries[0].row;
    let State { table, cache, .. } = state;
    // The log may have been deleted in the same group.
    let Some(log) = table.get_mut(row).filter(|log| log.key == run.key) else {
        if let Some(open) = &mut state.open {
            open.index.remove(run.key);
        }
        return;
    };
    log.next = run.run.first_offset + u64::from(run.count);
    log.last_time = run.last_time;
    log.closed |= run.closed;
    let first_here = log
        .segments
        .as_slice()
        .last()
        .is_none_or(|last| last.number != number);
    if first_here {
        let reference = SegmentRef::new(number, NOT_SEALED, run.run.first_offset);
        log.segments.push(reference);
    }
    let (incarnation, next) = (log.incarnation, log.next);
    let active = log.active_mut();
    active.pending -= u64::from(run.count);
    let durable_ids = active.ids.iter().take_while(|recent| recent.offset < next);
    let surplus = durable_ids.count().saturating_sub(APPEND_IDS_KEPT);
    active.ids.drain(..surplus);
    for entry in entries.iter_mut() {
        let payload = std::mem::take(&mut entry.payload);
        cache.push(
            &mut active.tail,
            entry.offset,
            entry.time,
            entry.kind,
            payload,
        );
    }
    cache.queue(row, incarnation, run.count);
    waiters.append(&mut active.waiters);
    if first_here {
        state.count_reference(number, true);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::commit::sequencer::Submitted;
    use crate::format::LogKey;
    use crate::state::table::LogRow;

    /// Everybody waits while the lock is held: what a delete holds it for must not grow with what others have.
    #[test]
    fn deleting_a_group_looks_at_its_own_logs_only() {
        let mut state = State::new(0);
        for number in 0..10_000 {
            let group = number / 2;
            state
                .table
                .insert(LogRow::new(LogKey { group, log: number }));
        }
        let deleted = state.submit_delete_group(700);
        assert!(matches!(deleted, Submitted::Later(_)));
        let is_deleting = |state: &State, log| {
            let log = state.table.by_key(LogKey {
                group: log / 2,
                log,
            });
            log.is_some_and(LogRow::is_deleting)
        };
        assert!(is_deleting(&state, 1400) && is_deleting(&state, 1401));
        assert!(!is_deleting(&state, 1399) && !is_deleting(&state, 1402));
        apply(&mut state, ControlOp::DeleteGroup(700), &mut Vec::new());
        assert_eq!(state.table.len(), 9_998);
        assert!(state.table.keys_of_group(700).is_empty());
        assert_eq!(state.table.walks.get(), 0, "the others were looked at");
    }
}
