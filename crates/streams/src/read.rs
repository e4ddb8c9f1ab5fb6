//! Reading records from a shard's log.

mod behind;
mod damage;
mod read_turns;
mod shard_read;

pub use behind::Behind;
pub use damage::SkippedDamage;

pub(crate) use behind::count_behind;
pub(crate) use damage::Damage;
pub(crate) use read_turns::ReadTurns;
pub(crate) use shard_read::{ReadLimits, ReadWith, ShardRead, read_shard};

use read_turns::NoTurn;

/// Why nothing was read.
#[derive(Debug)]
pub(crate) enum ReadShardError {
    NoSuchLog,
    Failed(String),
    NoTurn,
    /// What comes next is damaged on the disk, and it is not passed over.
    Damaged {
        reason: String,
        /// Offset at which a reader goes on that gives it up.
        next: Option<u64>,
    },
}

impl From<NoTurn> for ReadShardError {
    fn from(NoTurn: NoTurn) -> Self {
        Self::NoTurn
    }
}
