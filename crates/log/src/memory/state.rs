//! All logs of an engine in memory.

use std::collections::{BTreeMap, HashSet};

use millstream_types::TimestampMs;
use tokio::sync::watch;

use super::MemorySettings;
use super::log::{ENTRY_BYTES, MemoryLog};
use super::recent_ids::ID_BYTES;
use crate::{
    Append, Appended, EngineError, EngineStatus, EntryKind, GroupId, LogId, NotWritten, Place,
    ReadFrom, ReadOutcome,
};

/// Marks a place as one of this engine.
const PLACE_MAGIC: [u8; 8] = *b"inmemory";

type LogKey = (GroupId, LogId);

/// Logs, what was deleted, and which generation of the engine may write.
#[derive(Debug, Default)]
pub(super) struct State {
    logs: BTreeMap<LogKey, MemoryLog>,
    deleted_logs: HashSet<LogKey>,
    deleted_groups: HashSet<GroupId>,
    held_bytes: usize,
    generation: u64,
    is_stopped: bool,
    status: watch::Sender<EngineStatus>,
    entries: u64,
}

impl State {
    pub(super) fn is_stopped(&self, generation: u64) -> bool {
        self.is_stopped || self.generation != generation
    }

    pub(super) fn next_generation(&mut self) -> u64 {
        self.stop(self.generation);
        self.is_stopped = false;
        self.generation += 1;
        self.generation
    }

    pub(super) fn stop(&mut self, generation: u64) {
        if self.generation == generation {
            self.is_stopped = true;
            for log in self.logs.values_mut() {
                log.waiters.wake_all();
            }
        }
    }

    pub(super) fn status(&self) -> watch::Receiver<EngineStatus> {
        self.status.subscribe()
    }

    fn set_status(&self, status: EngineStatus) {
        self.status.send_if_modified(|before| {
            let is_other = *before != status;
            *before = status;
            is_other
        });
    }

    /// Entries that were acknowledged, logs, and bytes that are held.
    pub(super) fn sizes(&self) -> [u64; 3] {
        [self.entries, self.logs.len() as u64, self.held_bytes as u64]
    }

    pub(super) fn log(&self, place: Place) -> Result<&MemoryLog, EngineError> {
        key_of(place)
            .and_then(|key| self.logs.get(&key))
            .ok_or(EngineError::NoSuchLog)
    }

    pub(super) fn log_mut(&mut self, place: Place) -> Option<&mut MemoryLog> {
        self.logs.get_mut(&key_of(place)?)
    }

    pub(super) fn create(&mut self, group: GroupId, log: LogId) -> Result<Place, EngineError> {
        let key = (group, log);
        if self.deleted_groups.contains(&group) || self.deleted_logs.contains(&key) {
            return Err(EngineError::NoSuchLog);
        }
        self.logs.entry(key).or_default();
        Ok(place_of(key))
    }

    pub(super) fn delete(&mut self, place: Place) {
        if let Some(key) = key_of(place) {
            self.remove(key);
        }
    }

    pub(super) fn delete_group(&mut self, group: GroupId) {
        let of_group = (group, LogId(0))..=(group, LogId(u64::MAX));
        let keys: Vec<LogKey> = self.logs.range(of_group).map(|(key, _)| *key).collect();
        for key in keys {
            self.remove(key);
        }
        self.deleted_groups.insert(group);
        self.deleted_logs.retain(|(of_log, _)| *of_log != group);
    }

    fn remove(&mut self, key: LogKey) {
        if let Some(mut log) = self.logs.remove(&key) {
            self.held_bytes -= log.held_bytes();
            self.set_status(EngineStatus::Serving);
            log.waiters.wake_all();
            self.deleted_logs.insert(key);
        }
    }

    pub(super) fn append(
        &mut self,
        settings: &MemorySettings,
        now: TimestampMs,
        append: Append,
    ) -> Result<Appended, NotWritten> {
        let key = key_of(append.place).ok_or(NotWritten::NoSuchLog)?;
        let log = self.logs.get_mut(&key).ok_or(NotWritten::NoSuchLog)?;
        if let Some(answered) = append.id.and_then(|id| log.ids.get(id)) {
            return Ok(answered);
        }
        if log.is_closed() {
            return Err(NotWritten::Closed);
        }
        if append.payload.len() > settings.entry_bytes_max {
            return Err(NotWritten::TooLarge);
        }
        let may_use_reserve = append.kind == EntryKind::Close || key.0 == GroupId::COMMANDS;
        let reserve = if may_use_reserve {
            0
        } else {
            settings.bytes_max / 16
        };
        let id_bytes = append.id.map_or(0, |_| ID_BYTES);
        let held_bytes = self.held_bytes + ENTRY_BYTES + id_bytes + append.payload.len();
        if held_bytes > settings.bytes_max - reserve {
            self.set_status(EngineStatus::NoRoom);
            return Err(NotWritten::NoRoom);
        }
        let before = log.held_bytes();
        let id = append.id.map(|id| (id, settings.append_ids_kept));
        let appended = log.push(now, append.kind, append.payload, id);
        self.held_bytes = self.held_bytes - before + log.held_bytes();
        self.entries += 1;
        Ok(appended)
    }

    pub(super) fn read_many(&self, reads: &[ReadFrom]) -> Vec<ReadOutcome> {
        reads.iter().map(|read| self.read(read)).collect()
    }

    pub(super) fn read(&self, read: &ReadFrom) -> ReadOutcome {
        match self.log(read.place) {
            Ok(log) => log.read(read.from, read.bytes_max),
            Err(_) => ReadOutcome::NoSuchLog,
        }
    }

    pub(super) fn trim(&mut self, place: Place, before: u64) -> Result<(), EngineError> {
        let log = self.log_mut(place).ok_or(EngineError::NoSuchLog)?;
        let held_before = log.held_bytes();
        log.trim(before);
        let held_after = log.held_bytes();
        self.held_bytes = self.held_bytes - held_before + held_after;
        if held_after < held_before {
            self.set_status(EngineStatus::Serving);
        }
        Ok(())
    }
}

fn place_of((group, log): LogKey) -> Place {
    let mut bytes = [0; Place::BYTES];
    bytes[..8].copy_from_slice(&PLACE_MAGIC);
    bytes[8..16].copy_from_slice(&group.0.to_le_bytes());
    bytes[16..].copy_from_slice(&log.0.to_le_bytes());
    Place::from_bytes(bytes)
}

fn key_of(place: Place) -> Option<LogKey> {
    let bytes = place.to_bytes();
    let (group, rest) = bytes.strip_prefix(&PLACE_MAGIC)?.split_first_chunk::<8>()?;
    let (log, _) = rest.split_first_chunk::<8>()?;
    Some((
        GroupId(u64::from_le_bytes(*group)),
        LogId(u64::from_le_bytes(*log)),
    ))
}
