//! What the policies of one caller allow it.

use crate::Policy;

/// The policies of one caller.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Permissions {
    policies: Vec<Policy>,
    may_do_everything: bool,
}

impl Permissions {
    /// Everything is allowed; nothing need be looked at.
    pub fn everything() -> Self {
        Self {
            policies: Vec::new(),
            may_do_everything: true,
        }
    }

    /// What these policies allow: without any, nothing.
    pub fn new(policies: Vec<Policy>) -> Self {
        let may_do_everything = policies.iter().any(Policy::allows_everything)
            && !policies.iter().any(Policy::denies_anything);
        Self {
            policies,
            may_do_everything,
        }
    }

    /// Whether no policy of the caller itself can forbid it anything.
    pub fn may_do_everything(&self) -> bool {
        self.may_do_everything
    }

    pub(crate) fn policies(&self) -> &[Policy] {
        &self.policies
    }
}
