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
pub(crate) use shard_read::{ReadLimits, ReadShardError, ReadWith, ShardRead, read_shard};
