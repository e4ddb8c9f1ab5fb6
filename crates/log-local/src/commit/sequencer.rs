//! Gives appends their offsets and times and control operations their place among them, in memory, in the call.

use millstream_log::{Append, AppendError, Appended, EngineError, EntryKind, NotWritten};
use millstream_types::TimestampMs;
use tokio::sync::oneshot;

use crate::format::{ControlOp, LogKey, RUN_HEADER_BYTES, RecentId};
use crate::pending::group::{AppendAnswers, Call, PendingEntry, Planned};
use crate::state::table::{LogRow, OFFSET_LIMIT};
use crate::state::{Phase, State};

/// What an entry may add to files and memory besides its payload, at most: headers, footer, records in memory.
const ENTRY_OVERHEAD_BYTES: usize = RUN_HEADER_BYTES + 256;

/// Most control operations of one group.
const CONTROL_OPS_MAX: usize = 100_000;

/// An answer that is known, or that comes when the group is durable.
#[derive(Debug)]
pub(crate) enum Submitted<T> {
    Now(T),
    Later(oneshot::Receiver<T>),
}

/// What the sequencer refuses by.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Limits {
    pub(crate) entry_bytes_max: usize,
    pub(crate) pending_bytes: usize,
}

type ControlAnswer = Submitted<Result<(), EngineError>>;

impl State {
    pub(crate) fn submit_appends(
        &mut self,
        appends: Vec<Append>,
        now: TimestampMs,
        limits: Limits,
    ) -> Submitted<AppendAnswers> {
        let pending_before = self.pending_bytes;
        let plan: Vec<Planned> = appends
            .into_iter()
            .map(|append| {
                self.sequence(append, now, limits)
                    .unwrap_or_else(|refused| Planned::Settled(Err(refused.into())))
            })
            .collect();
        // With one entry to wait for, all answers of the call wait: they are told together.
        let settled: Option<AppendAnswers> = plan
            .iter()
            .map(|planned| match planned {
                Planned::Settled(answer) => Some(*answer),
                Planned::Written(..) | Planned::Refused(_) => None,
            })
            .collect();
        if let Some(answers) = settled {
            return Submitted::Now(answers);
        }
        let (answer, answers) = oneshot::channel();
        self.pending.calls.push(Call::Appends {
            plan,
            bytes: self.pending_bytes - pending_before,
            answer,
        });
        Submitted::Later(answers)
    }

    fn sequence(
        &mut self,
        append: Append,
        now: TimestampMs,
        limits: Limits,
    ) -> Result<Planned, NotWritten> {
        if self.phase != Phase::Running {
            return Err(NotWritten::Stopped);
        }
        let key = LogKey::from_place(append.place).ok_or(NotWritten::NoSuchLog)?;
        let row = self.table.find(key).ok_or(NotWritten::NoSuchLog)?;
        let log = self.table.get_mut(row).ok_or(NotWritten::NoSuchLog)?;
        if let Some(planned) = answer_without_writing(log, &append)? {
            return Ok(planned);
        }
        let bytes = append.payload.len();
        if bytes > limits.entry_bytes_max {
            return Err(NotWritten::TooLarge);
        }
        let cost = bytes + ENTRY_OVERHEAD_BYTES;
        // An entry that is larger than the bound by itself is taken alone, or it never would be.
        if self.pending_bytes > 0 && self.pending_bytes + cost > limits.pending_bytes {
            return Err(NotWritten::Overloaded);
        }
        // Where records are refused, what ends and frees them must still get through: commands, and the close of a shard.
        let is_command = key.group == 0 || append.kind == EntryKind::Close;
        if !is_command && !self.room.records {
            return Err(NotWritten::NoRoom);
        }
        if let Some(left) = &mut self.room.reserve_left {
            *left = left.checked_sub(cost as u64).ok_or(NotWritten::NoRoom)?;
        }
        self.pending_bytes += cost;
        let active = log.active.get_or_insert_default();
        let offset = log.next + active.pending;
        assert!(offset < OFFSET_LIMIT, "a log holds fewer than 2^48 entries");
        // Times never go back within a log, whatever the clock does: readers look for a time by halving.
        let last_time = if active.pending > 0 {
            active.pending_time
        } else {
            log.last_time
        };
        let time = now.0.max(last_time);
        active.pending += 1;
        active.pending_time = time;
        // From here on this order is promised, though nothing is written yet: a later append of the log goes behind
        // this one, a repeated one finds its id. Where a group is refused, `refuse` takes that back.
        active.closing |= append.kind == EntryKind::Close;
        if let Some(id) = append.id {
            active.ids.push_back(RecentId { id, offset, time });
        }
        self.pending.entries.push(PendingEntry {
            key,
            row,
            offset,
            time,
            kind: append.kind,
            id: append.id,
            payload: append.payload,
        });
        let time = TimestampMs(time);
        Ok(Planned::Written(key, Appended { offset, time }))
    }

    pub(crate) fn submit_create(&mut self, key: LogKey) -> ControlAnswer {
        if let Err(refused) = self.takes_control_ops() {
            return Submitted::Now(Err(refused));
        }
        if self.table.tombstones.contain(key) {
            return Submitted::Now(Err(EngineError::NoSuchLog));
        }
        match self.table.by_key(key) {
            Some(log) if log.is_deleting() => {
                return self.answer_later(Err(EngineError::NoSuchLog));
            }
            Some(log) if log.created => return Submitted::Now(Ok(())),
            Some(_) => return self.answer_later(Ok(())),
            None => {}
        }
        if self.deleting_groups.contains(&key.group) {
            return self.answer_later(Err(EngineError::NoSuchLog));
        }
        if let Err(no_room) = self.take_reserve() {
            return Submitted::Now(Err(no_room));
        }
        self.table.insert(LogRow::new(key));
        self.pending.control_ops.push(ControlOp::Create(key));
        self.answer_later(Ok(()))
    }

    pub(crate) fn submit_delete(&mut self, key: LogKey) -> ControlAnswer {
        if let Err(refused) = self.takes_control_ops() {
            return Submitted::Now(Err(refused));
        }
        let Some(log) = self.table.by_key_mut(key) else {
            return Submitted::Now(Ok(()));
        };
        if log.is_deleting() {
            return self.answer_later(Ok(()));
        }
        log.active_mut().deleting = true;
        self.pending.control_ops.push(ControlOp::Delete(key));
        self.answer_later(Ok(()))
    }

    pub(crate) fn submit_delete_group(&mut self, group: u64) -> ControlAnswer {
        if let Err(refused) = self.takes_control_ops() {
            return Submitted::Now(Err(refused));
        }
        if self.table.tombstones.contain_group(group) {
            return Submitted::Now(Ok(()));
        }
        if !self.deleting_groups.insert(group) {
            return self.answer_later(Ok(()));
        }
        for row in self.table.rows_of_group(group) {
            if let Some(log) = self.table.get_mut(row) {
                log.active_mut().deleting = true;
            }
        }
        self.pending.control_ops.push(ControlOp::DeleteGroup(group));
        self.answer_later(Ok(()))
    }

    pub(crate) fn submit_trim(&mut self, key: LogKey, before: u64) -> ControlAnswer {
        if let Err(refused) = self.takes_control_ops() {
            return Submitted::Now(Err(refused));
        }
        let Some(log) = self.table.by_key(key) else {
            return Submitted::Now(Err(EngineError::NoSuchLog));
        };
        if log.is_deleting() {
            return self.answer_later(Err(EngineError::NoSuchLog));
        }
        if !log.created {
            return Submitted::Now(Err(EngineError::NoSuchLog));
        }
        // Entries on their way are not in the log yet: a trim never reaches them.
        let before = before.min(log.next);
        if before <= log.first {
            return Submitted::Now(Ok(()));
        }
        self.pending
            .control_ops
            .push(ControlOp::Trim { key, before });
        self.answer_later(Ok(()))
    }

    fn takes_control_ops(&self) -> Result<(), EngineError> {
        if self.phase != Phase::Running {
            return Err(EngineError::Stopped);
        }
        if self.pending.control_ops.len() >= CONTROL_OPS_MAX {
            return Err(EngineError::Io(
                "too many operations wait for the disk".to_owned(),
            ));
        }
        Ok(())
    }

    fn answer_later(&mut self, outcome: Result<(), EngineError>) -> ControlAnswer {
        let (answer, answers) = oneshot::channel();
        self.pending.calls.push(Call::Control { outcome, answer });
        Submitted::Later(answers)
    }

    /// A create takes from the reserve; what frees room is always taken.
    fn take_reserve(&mut self) -> Result<(), EngineError> {
        let Some(left) = &mut self.room.reserve_left else {
            return Ok(());
        };
        let cost = ENTRY_OVERHEAD_BYTES as u64;
        let no_room = || EngineError::Io(NotWritten::NoRoom.to_string());
        *left = left.checked_sub(cost).ok_or_else(no_room)?;
        Ok(())
    }
}

/// Answers that need no new entry: the log is gone or closed, or the append id is known.
fn answer_without_writing(log: &LogRow, append: &Append) -> Result<Option<Planned>, NotWritten> {
    let closed = || {
        if log.closed {
            Err(NotWritten::Closed)
        } else {
            Ok(None)
        }
    };
    let Some(active) = &log.active else {
        return closed();
    };
    if active.deleting {
        return Ok(Some(Planned::Refused(NotWritten::NoSuchLog)));
    }
    // Before the log's end is looked at: a repeated append of an entry before the close gets its old answer.
    let known = append
        .id
        .and_then(|id| active.ids.iter().find(|recent| recent.id == id));
    if let Some(known) = known {
        let (offset, time) = (known.offset, TimestampMs(known.time));
        let appended = Appended { offset, time };
        let planned = if offset < log.next {
            Planned::Settled(Ok::<_, AppendError>(appended))
        } else {
            Planned::Written(log.key, appended)
        };
        return Ok(Some(planned));
    }
    if !log.closed && active.closing {
        return Ok(Some(Planned::Refused(NotWritten::Closed)));
    }
    closed()
}
