//! Who calls.

use millstream_types::{AccountId, Region};

/// The account that a request is made for and the region that it is scoped to.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Caller {
    /// From the access key.
    pub account: AccountId,
    /// From the credential scope.
    pub region: Region,
}
