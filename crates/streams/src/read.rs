//! Reading records from a shard's log.

mod damage;
mod read_turns;
mod shard_read;

pub use damage::SkippedDamage;

pub(crate) use damage::Damage;
pub(crate) use read_turns::ReadTurns;
pub(crate) use shard_read::{ReadLimits, ReadShardError, ReadWith, ShardRead, read_shard};
