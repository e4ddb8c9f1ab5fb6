//! Commands, and their stored form: one JSON object `{"v":1,"at_ms":…,"command":{…}}` per entry of the command log.
//!
//! Commands are grouped by what they are about; the groups are not stored. A new command, or a new field whose absence
//! would mean something else, is a new variant; a reader that does not know it stops. Nothing in a command is ever
//! skipped.

mod consumer;
mod created_log;
mod group;
mod service;
mod shard;
mod stream;
mod tag;

use bytes::Bytes;
use millstream_types::TimestampMs;
use serde::{Deserialize, Serialize};

pub use consumer::ConsumerCommand;
pub use created_log::CreatedLog;
pub use group::Command;
pub use service::ServiceCommand;
pub use shard::{ClosedShard, ShardCommand, SplitAt};
pub use stream::{StreamCommand, StreamSpec};
pub use tag::{TagCommand, Tagged};

/// Version of the stored form.
const VERSION: u16 = 1;

/// A command and the time at which it was proposed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CommandEntry {
    v: u16,
    /// The proposer's clock.
    pub at_ms: TimestampMs,
    /// What to do.
    pub command: Command,
}

/// Bytes of the command log that this version does not understand: it must not go on.
#[derive(Debug, thiserror::Error)]
pub enum InvalidCommand {
    /// Written by a version that this one does not know.
    #[error("a command has the form of version {0}, which this version does not know")]
    Version(u16),
    /// Not a command, or not one that this version knows.
    #[error("a command cannot be understood")]
    Form(#[source] serde_json::Error),
}

impl CommandEntry {
    /// A command as proposed at `at_ms`.
    pub fn new(at_ms: TimestampMs, command: impl Into<Command>) -> Self {
        Self {
            v: VERSION,
            at_ms,
            command: command.into(),
        }
    }

    /// The stored form.
    pub fn encode(&self) -> Bytes {
        serde_json::to_vec(self)
            .expect("a command has text keys only")
            .into()
    }

    /// Reads the stored form.
    ///
    /// # Errors
    /// If anything in it is unknown. Stop: going on would make a catalog that differs from the one that was promised.
    pub fn decode(bytes: &[u8]) -> Result<Self, InvalidCommand> {
        #[derive(Deserialize)]
        struct Version {
            v: u16,
        }
        let Version { v } = serde_json::from_slice(bytes).map_err(InvalidCommand::Form)?;
        if v != VERSION {
            return Err(InvalidCommand::Version(v));
        }
        serde_json::from_slice(bytes).map_err(InvalidCommand::Form)
    }
}
