//! Who asks.

use millstream_policy::Permissions;
use millstream_types::{AccountId, Region};

use crate::owner::TableOwner;

/// Who asks for an operation on tables. Who it is was made sure of before.
#[derive(Debug, Clone, Copy)]
pub struct TableCaller<'a> {
    /// Whose tables are meant.
    pub account: &'a AccountId,
    /// Where they are.
    pub region: &'a Region,
    /// The host, and the port if there is one, by which the caller reached the service.
    pub address: &'a str,
    /// `None` may do everything in its account.
    pub user: Option<TableUser<'a>>,
}

/// Somebody who may do what policies allow.
#[derive(Debug, Clone, Copy)]
pub struct TableUser<'a> {
    /// The user's ARN, as denials name it.
    pub arn: &'a str,
    /// What its policies allow.
    pub permissions: &'a Permissions,
}

impl TableCaller<'_> {
    pub(crate) fn owner(&self) -> TableOwner {
        TableOwner {
            account: self.account.clone(),
            region: self.region.clone(),
        }
    }
}
