//! Reading records from a shard's log.

mod read_turns;
mod shard_read;

pub(crate) use read_turns::ReadTurns;
pub(crate) use shard_read::{Damage, ReadLimits, ReadShardError, ReadWith, ShardRead, read_shard};
