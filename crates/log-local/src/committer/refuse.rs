//! The disk is full: records are refused; commands and what frees room go to the reserve, as far as it goes.

use std::collections::HashSet;

use millstream_log::{EngineError, NotWritten};

use super::Committer;
use crate::format::{ControlOp, LogKey};
use crate::group::{Call, Group, PendingEntry, Planned};
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
        state.room.records = false;
        // The other half is for trims and deletes, which are taken as long as there is room at all.
        let bytes = reserve.as_ref().map_or(0, |reserve| reserve.file_bytes / 2);
        let commands: u64 = group.entries.iter().filter_map(command_bytes).sum();
        let refused = match &reserve {
            None => Refused::Everything,
            Some(_) if commands > bytes => Refused::Appends,
            Some(_) => Refused::Records,
        };
        refuse_in(&mut state, group, refused);
        let mut later = std::mem::take(&mut state.pending);
        refuse_in(&mut state, &mut later, refused.max_of(Refused::Appends));
        state.pending = later;
        state.room.reserve_left = Some(bytes.saturating_sub(commands));
        drop(state);
        let Some(reserve) = reserve else {
            return;
        };
        if group.entries.is_empty() && group.control_ops.is_empty() {
            self.shared.prepared.put_reserve_back(reserve);
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

/// Takes out what is refused; the logs go on where they are durable.
fn refuse_in(state: &mut State, group: &mut Group, refused: Refused) {
    let mut logs: HashSet<LogKey> = HashSet::new();
    group.entries.retain(|entry| {
        let kept = refused == Refused::Records && entry.key.group == 0;
        if !kept {
            logs.insert(entry.key);
        }
        kept
    });
    for key in &logs {
        let Some(log) = state.table.by_key_mut(*key) else {
            continue;
        };
        let next = log.next;
        if let Some(active) = &mut log.active {
            active.pending = 0;
            active.closing = false;
            active.ids.retain(|recent| recent.offset < next);
        }
        log.settle();
    }
    if refused == Refused::Everything {
        let ops = std::mem::take(&mut group.control_ops);
        ops.into_iter().for_each(|op| undo(state, op));
    }
    for call in &mut group.calls {
        match call {
            Call::Appends { plan, .. } => plan
                .iter_mut()
                .for_each(|planned| refuse_planned(state, planned, refused)),
            Call::Control { outcome, .. } if refused == Refused::Everything => {
                *outcome = Err(no_room());
            }
            Call::Control { .. } => {}
        }
    }
}

fn refuse_planned(state: &State, planned: &mut Planned, refused: Refused) {
    let is_refused = match planned {
        Planned::Written(key, appended) => {
            let log = state.table.by_key(*key);
            let unwritten = log.is_none_or(|log| appended.offset >= log.next);
            unwritten && (key.group != 0 || refused != Refused::Records)
        }
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
            for log in state.table.iter_mut() {
                if log.key.group == group {
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
