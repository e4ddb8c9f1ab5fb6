//! What a command says of a log that exists now.

use millstream_log::Place;
use millstream_types::ShardId;
use serde::{Deserialize, Serialize};

use crate::stored;

/// A log that was created for a shard.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CreatedLog {
    /// The shard.
    pub shard: ShardId,
    /// Where the engine keeps its log.
    #[serde(with = "stored::place")]
    pub place: Place,
}
