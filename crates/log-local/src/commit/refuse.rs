//! The disk is full: records are refused; commands and what frees room go to the reserve, as far as it goes.

use std::collections::HashMap;

use millstream_log::{EngineError, EntryKind, NotWritten};

use super::Committer;
use crate::format::{ControlOp, LogKey};
use crate::pending::group::{Call, Group, PendingEntry, Planned};
use crate::state::State;

/// Who is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Refused {
    /// Appends to logs of groups other than 0.
    Records,
    /// All appends.
    Appends,
    /// Control operations too.
    Everything,
}

impl Committer {
    /// No segment can be made. Takes out of the group, and of what is pending, what does not go to the reserve;
    /// opens the reserve for the rest.
    pub(super) fn refuse_records(&mut self, group: &mut Group) {
        let reserve = self.shared.prepared.take_reserve();
        let mut state = self.shared.state.lock();
        self.shared.set_room(&mut state, false);
        // The other half is for trims and deletes, which are taken as long as there is room at all.
        let bytes = reserve.as_ref().map_or(0, |reserve| reserve.file_bytes / 2);
        let commands: u64 = group.entries.iter().filter_map(command_bytes).sum();
        let refused = match &reserve {
            None => Refused::Everything,
            Some(_) if commands > bytes => Refused::Appends,
            Some(_) => Refused::Records,
        };
        take_out_entries(group, refused);
        let kept = Kept::of(&group.entries);
        let mut later = std::mem::take(&mut state.pending);
        let refused_later = refused.max_of(Refused::Appends);
        take_out_entries(&mut later, refused_later);
        kept.settle_logs(&mut state);
        refuse_in(&mut state, group, refused, &kept);
        refuse_in(&mut state, &mut later, refused_later, &kept);
        state.pending = later;
        state.room.reserve_left = Some(bytes.saturating_sub(commands));
        drop(state);
        let Some(reserve) = reserve else {
            return;
        };
        if group.entries.is_empty() && group.control_ops.is_empty() {
            // It was not needed after all.
            self.keep_reserve(reserve);
        } else {
            self.open(reserve);
        }
    }
}

impl Refused {
    fn max_of(self, other: Self) -> Self {
        if self == Self::Everything {
            self
        } else {
            other
        }
    }
}

/// What an entry of the command log takes at most; `None` for others.
fn command_bytes(entry: &PendingEntry) -> Option<u64> {
    (entry.key.group == 0).then_some(entry.payload.len() as u64 + 512)
}

/// What is still going to be written of a log, in a group that keeps some entries.
#[derive(Debug, Clone, Copy)]
struct KeptLog {
    /// Behind the last of its entries.
    end: u64,
    last_time: u64,
    is_closing: bool,
}

#[derive(Debug)]
struct Kept(HashMap<LogKey, KeptLog>);

impl Kept {
    fn of(entries: &[PendingEntry]) -> Self {
        let mut logs: HashMap<LogKey, KeptLog> = HashMap::new();
        for entry in entries {
            let is_close = entry.kind == EntryKind::Close;
            let log = logs.entry(entry.key).or_insert(KeptLog {
                end: 0,
                last_time: 0,
                is_closing: false,
            });
            log.end = log.end.max(entry.offset + 1);
            log.last_time = log.last_time.max(entry.time);
            log.is_closing |= is_close;
        }
        Self(logs)
    }

    /// Where a log goes on.
    fn end(&self, state: &State, key: LogKey) -> u64 {
        let next = state.table.by_key(key).map_or(0, |log| log.next);
        self.0.get(&key).map_or(next, |kept| kept.end.max(next))
    }

    /// Every log goes on behind what is kept of it, else where it is durable.
    fn settle_logs(&self, state: &mut State) {
        for log in state.table.iter_mut() {
            let kept = self.0.get(&log.key);
            let end = kept.map_or(log.next, |kept| kept.end.max(log.next));
            let Some(active) = log.active.as_mut().filter(|active| active.pending > 0) else {
                continue;
            };
            active.pending = end - log.next;
            active.pending_time = kept.map_or(log.last_time, |kept| kept.last_time);
            active.closing = kept.is_some_and(|kept| kept.is_closing);
            active.ids.retain(|recent| recent.offset < end);
            log.settle();
        }
    }
}

fn take_out_entries(group: &mut Group, refused: Refused) {
    let is_kept = |entry: &PendingEntry| refused == Refused::Records && entry.key.group == 0;
    group.entries.retain(is_kept);
}

/// Takes out the control operations that are refused, and answers the calls so.
fn refuse_in(state: &mut State, group: &mut Group, refused: Refused, kept: &Kept) {
    if refused == Refused::Everything {
        let ops = std::mem::take(&mut group.control_ops);
        ops.into_iter().for_each(|op| undo(state, op));
    }
    for call in &mut group.calls {
        match call {
            Call::Appends { plan, .. } => plan
                .iter_mut()
                .for_each(|planned| refuse_planned(state, planned, refused, kept)),
            Call::Control { outcome, .. } if refused == Refused::Everything => {
                *outcome = Err(no_room());
            }
            Call::Control { .. } => {}
        }
    }
}

fn refuse_planned(state: &State, planned: &mut Planned, refused: Refused, kept: &Kept) {
    let is_refused = match planned {
        Planned::Written(key, appended) => appended.offset >= kept.end(state, *key),
        // What it was refused for may have been taken out.
        Planned::Refused(NotWritten::Closed) => true,
        Planned::Refused(_) => refused == Refused::Everything,
        Planned::Settled(_) => false,
    };
    if is_refused {
        *planned = Planned::Settled(Err(NotWritten::NoRoom.into()));
    }
}

/// Takes back what the sequencer noted for a control operation that is not going to be written.
fn undo(state: &mut State, op: ControlOp) {
    match op {
        ControlOp::Create(key) => {
            if state.table.by_key(key).is_some_and(|log| !log.created) {
                state.remove_log(key);
            }
        }
        ControlOp::Delete(key) => {
            if let Some(log) = state.table.by_key_mut(key) {
                log.active_mut().deleting = false;
                log.settle();
            }
        }
        ControlOp::DeleteGroup(group) => {
            state.deleting_groups.remove(&group);
            for row in state.table.rows_of_group(group) {
                if let Some(log) = state.table.get_mut(row) {
                    log.active_mut().deleting = false;
                    log.settle();
                }
            }
        }
        ControlOp::Trim { .. } => {}
    }
}

/// How a control operation is refused for want of room.
pub(crate) fn no_room() -> EngineError {
    EngineError::Io(NotWritten::NoRoom.to_string())
}
