//! What is about no resource: the key of tokens, and what accounts commit themselves to.

use millstream_types::{AccountId, Region};
use serde::{Deserialize, Serialize};

use crate::token_key::TokenKey;

/// What can be done to the catalog besides its resources.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum ServiceCommand {
    /// Sets the key of iterators and tokens; accepted once.
    SetTokenKey {
        /// Made of random bytes.
        key: TokenKey,
    },
    /// An account commits itself in a region to a least throughput, or ends that.
    UpdateCommitment {
        /// The account.
        account: AccountId,
        /// Where.
        region: Region,
        /// Whether it begins or ends.
        enabled: bool,
        /// How long a commitment that begins lasts at least, in milliseconds.
        minimum_ms: u64,
    },
}

impl ServiceCommand {
    /// The stored names.
    pub(crate) const NAMES: &'static [&'static str] = &["set_token_key", "update_commitment"];
}
