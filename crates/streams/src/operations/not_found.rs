//! What a request names and what is not there.

use millstream_types::{AccountId, ShardId};

use millstream_catalog::StreamKey;

/// There is no such stream.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("Stream {name} under account {account} not found.")]
pub struct StreamNotFound {
    pub(super) name: String,
    pub(super) account: AccountId,
}

/// A split or merge names a shard that the stream does not have.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("Could not find shard {shard} in stream {name} under account {account}.")]
pub struct CouldNotFindShard {
    pub(super) shard: String,
    pub(super) name: String,
    pub(super) account: AccountId,
}

/// A read names a shard that the stream does not have, or a stream that is not there.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("Shard {shard} in stream {name} under account {account} does not exist")]
pub struct ShardDoesNotExist {
    pub(super) shard: ShardId,
    pub(super) name: String,
    pub(super) account: AccountId,
}

impl StreamNotFound {
    pub(super) fn of(key: &StreamKey) -> Self {
        Self {
            name: key.name.to_string(),
            account: key.account.clone(),
        }
    }
}

impl CouldNotFindShard {
    pub(super) fn of(shard: impl ToString, name: &str, account: &AccountId) -> Self {
        Self {
            shard: shard.to_string(),
            name: name.to_owned(),
            account: account.clone(),
        }
    }
}

impl ShardDoesNotExist {
    pub(super) fn of(shard: ShardId, name: &str, account: &AccountId) -> Self {
        Self {
            shard,
            name: name.to_owned(),
            account: account.clone(),
        }
    }
}
