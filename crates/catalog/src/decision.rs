//! The effect of a command, worked out and not made yet.

use millstream_types::{AccountId, Region};

use crate::commitment::Commitment;
use crate::stream::{Stream, StreamId};
use crate::token_key::TokenKey;

/// What an accepted command is going to change. Worked out beside whoever reads the catalog; only
/// [`commit`](crate::Catalog::commit) needs it alone.
#[derive(Debug)]
pub struct Decided(pub(crate) Decision);

/// The effect of a command that is accepted.
#[derive(Debug)]
pub(crate) enum Decision {
    SetTokenKey(TokenKey),
    SetCommitment {
        account: AccountId,
        region: Region,
        commitment: Commitment,
    },
    /// All is as the command wants it already.
    Nothing,
    /// Enter the stream, new or changed.
    Store {
        stream: Box<Stream>,
        /// How many log ids it took from the counter.
        logs_used: u64,
    },
    /// Forget the stream.
    Remove {
        id: StreamId,
        now_s: u64,
    },
}

impl Decision {
    pub(crate) fn store(stream: Stream) -> Self {
        Self::Store {
            stream: Box::new(stream),
            logs_used: 0,
        }
    }
}
