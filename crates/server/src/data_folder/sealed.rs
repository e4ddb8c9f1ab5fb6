//! What is encrypted in a folder: opened, and what does not open.

use std::collections::BTreeMap;
use std::io;

use millstream_catalog::ShardLog;
use millstream_log::{Entry, EntryKind, GroupId, LogId, Snapshot};
use millstream_log_local::{LocalEngine, Salvage};
use millstream_sealing::{KeyRing, NotOpened, open_own, open_snapshot};
use millstream_streams::check_sealed;
use millstream_types::TimestampMs;

use super::COMMAND_LOG;

/// Entries of a log that do not open.
#[derive(Debug)]
pub(super) struct Unopened {
    group: GroupId,
    log: LogId,
    /// Offset and time of the first and of the last.
    first: (u64, TimestampMs),
    last: (u64, TimestampMs),
    /// Of the first.
    reason: NotOpened,
}

impl Unopened {
    /// For people.
    pub(super) fn describe(&self, shards: &[ShardLog]) -> String {
        let ((first, from), (last, to)) = (self.first, self.last);
        let shard = shards
            .iter()
            .find(|shard| (shard.group, shard.log) == (self.group, self.log));
        let what = match shard {
            Some(shard) => format!(
                "{}, {}: records between the sequence numbers {} and {}",
                shard.stream,
                shard.shard,
                shard.number_at(first, from),
                shard.number_at(last + 1, to)
            ),
            None if self.group == GroupId::METRICS => {
                format!(
                    "entries {first} to {last} of log {} of the metrics",
                    self.log.0
                )
            }
            None => format!(
                "entries {first} to {last} of log {}/{}",
                self.group.0, self.log.0
            ),
        };
        format!(
            "not readable: {what}: {}. An older or a newer file `keys` may have the key; no repair brings it back",
            self.reason
        )
    }
}

/// What of the logs does not open, but for the command log.
pub(super) fn unopened(salvage: &Salvage, keys: &KeyRing) -> io::Result<Vec<Unopened>> {
    let mut found: BTreeMap<(GroupId, LogId), Unopened> = BTreeMap::new();
    salvage.each_entry(&mut |group, log, entry| {
        if entry.kind == EntryKind::Close || group == GroupId::COMMANDS {
            return;
        }
        let place = LocalEngine::place(group, log);
        let opened = match group {
            GroupId::METRICS => open_own(keys, entry.payload, &place.to_bytes()).map(drop),
            _ => check_sealed(&entry.payload, keys, place),
        };
        let Err(reason) = opened else {
            return;
        };
        let at = (entry.offset, entry.time);
        let found = found.entry((group, log)).or_insert(Unopened {
            group,
            log,
            first: at,
            last: at,
            reason,
        });
        found.first = found.first.min(at);
        found.last = found.last.max(at);
    })?;
    Ok(found.into_values().collect())
}

/// Snapshots and commands as they were before they were sealed; what does not open is left out and told.
pub(super) fn opened(
    keys: Option<&KeyRing>,
    snapshots: Vec<Snapshot>,
    commands: Vec<Entry>,
    told: &mut Vec<String>,
) -> (Vec<Snapshot>, Vec<Entry>) {
    let Some(keys) = keys else {
        return (snapshots, commands);
    };
    let mut tell = |what: &str, offset: u64, error: NotOpened| {
        told.push(format!("{what} {offset} of the command log: {error}"));
    };
    let mut opened = (Vec::new(), Vec::new());
    for snapshot in snapshots {
        let offset = snapshot.offset;
        match open_snapshot(keys, snapshot) {
            Ok(snapshot) => opened.0.push(snapshot),
            Err(error) => tell("the snapshot at entry", offset, error),
        }
    }
    let place = LocalEngine::place(GroupId::COMMANDS, COMMAND_LOG).to_bytes();
    for entry in commands {
        match open_own(keys, entry.payload.clone(), &place) {
            Ok(payload) => opened.1.push(Entry { payload, ..entry }),
            Err(error) => tell("entry", entry.offset, error),
        }
    }
    opened
}
