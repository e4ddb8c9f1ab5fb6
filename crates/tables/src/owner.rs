//! Whose tables, and where.

use millstream_types::{AccountId, Region};

/// Tables of different owners know nothing of each other.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct TableOwner {
    pub(crate) account: AccountId,
    pub(crate) region: Region,
}
