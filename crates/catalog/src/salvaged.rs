//! The catalog of a damaged folder, from what is whole of its snapshots and commands.

use millstream_log::{Entry, GroupId, LogId, Snapshot};
use millstream_types::TimestampMs;

use crate::catalog::Catalog;
use crate::command::{CommandEntry, InvalidCommand};
use crate::shard::{ShardNumbers, ShardState};
use crate::snapshot::InvalidSnapshot;
use crate::stream::StreamId;

/// Why a catalog is not put together: what is whole must be understood.
#[derive(Debug, thiserror::Error)]
pub enum InvalidCatalog {
    /// A snapshot of a newer version.
    #[error("the snapshot at entry {0} of the command log")]
    Snapshot(u64, #[source] InvalidSnapshot),
    /// A command of a newer version.
    #[error("entry {0} of the command log")]
    Command(u64, #[source] InvalidCommand),
}

/// A catalog, and what may be wrong with it.
#[derive(Debug)]
pub struct SalvagedCatalog {
    catalog: Catalog,
    /// Commands below this offset are in it, but for those that are missing.
    next: u64,
    missing: Vec<(u64, u64)>,
}

/// The log of a shard.
#[derive(Debug, Clone)]
pub struct ShardLog {
    /// Account, region and name of the stream.
    pub stream: String,
    /// The shard's id.
    pub shard: String,
    /// The log's group.
    pub group: GroupId,
    /// The log.
    pub log: LogId,
    /// Whether it takes records.
    pub is_open: bool,
    numbers: ShardNumbers,
}

impl ShardLog {
    /// The least sequence number that a record at an offset can have.
    pub fn number_at(&self, offset: u64, time: TimestampMs) -> String {
        self.numbers.sequence_number(offset, 0, time).to_string()
    }
}

impl SalvagedCatalog {
    /// Applies to the newest snapshot all commands behind it that are there. `end` is where the command log ends;
    /// `given` tells which of the offsets from one up to another, of which no entry is there, entries once had.
    ///
    /// # Errors
    /// If something was written by a newer version: nothing of it is ever skipped.
    pub fn read(
        snapshots: &[Snapshot],
        commands: &[Entry],
        end: u64,
        given: &dyn Fn(u64, u64) -> Vec<(u64, u64)>,
    ) -> Result<Self, InvalidCatalog> {
        let mut salvaged = Self {
            catalog: Catalog::default(),
            next: 0,
            missing: Vec::new(),
        };
        if let Some(newest) = snapshots.first() {
            let decoded = Catalog::decode(&newest.state);
            salvaged.catalog =
                decoded.map_err(|error| InvalidCatalog::Snapshot(newest.offset, error))?;
            salvaged.next = newest.offset;
        }
        let behind = salvaged.next;
        for entry in commands.iter().filter(|entry| entry.offset >= behind) {
            salvaged.skip_to(entry.offset, given);
            let command = CommandEntry::decode(&entry.payload)
                .map_err(|error| InvalidCatalog::Command(entry.offset, error))?;
            if let Err(reason) = salvaged.catalog.apply(&command) {
                tracing::debug!(%reason, ?command, "a command in the log has no effect");
            }
            salvaged.next = entry.offset + 1;
        }
        salvaged.skip_to(end, given);
        Ok(salvaged)
    }

    fn skip_to(&mut self, offset: u64, given: &dyn Fn(u64, u64) -> Vec<(u64, u64)>) {
        if offset > self.next {
            self.missing.extend(given(self.next, offset));
            self.next = offset;
        }
    }

    /// Commands that are in no file any more: streams that they made or changed are not there or as they were before.
    pub fn missing(&self) -> &[(u64, u64)] {
        &self.missing
    }

    /// The logs of all shards.
    pub fn shard_logs(&self) -> Vec<ShardLog> {
        let mut logs = Vec::new();
        for stream in self.catalog.streams() {
            logs.extend(stream.shards().map(|shard| ShardLog {
                stream: stream.key.to_string(),
                shard: shard.id.to_string(),
                group: stream.id.group(),
                log: shard.log,
                is_open: matches!(shard.state, ShardState::Open | ShardState::Closing),
                numbers: shard.numbers(),
            }));
        }
        logs
    }

    /// The catalog as a snapshot. No new stream or shard gets an id that one of `logs` has: what is in there belongs to
    /// streams that the catalog does not know any more.
    pub fn into_snapshot(mut self, logs: &[(GroupId, LogId)]) -> Snapshot {
        let of_streams = |group: GroupId| group != GroupId::COMMANDS && group != GroupId::METRICS;
        for (group, log) in logs.iter().filter(|(group, _)| of_streams(*group)) {
            self.catalog.reserve_ids(StreamId(group.0), *log);
        }
        Snapshot {
            offset: self.next,
            state: self.catalog.encode(),
        }
    }
}

impl Catalog {
    fn reserve_ids(&mut self, stream: StreamId, log: LogId) {
        self.last_stream_id = self.last_stream_id.max(stream.0);
        self.last_log_id = self.last_log_id.max(log.0);
    }
}
