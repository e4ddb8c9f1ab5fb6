//! Who calls, and what that caller may do.

use std::sync::Arc;

use millstream_policy::{Denial, Permissions, Policy, Question, decide};
use millstream_types::{AccountId, Region};
use millstream_wire::{ErrorCode, Operation};

use crate::{Asked, Failure};

/// The account that a request is made for, the region that it is scoped to, and who makes it.
#[derive(Debug, Clone)]
pub struct Caller {
    /// From the access key.
    pub account: AccountId,
    /// From the credential scope.
    pub region: Region,
    /// Who makes it.
    pub identity: Identity,
    /// Keeps what it is asked for whether this caller may do it.
    pub asked: Asked,
}

/// Who makes a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Identity {
    /// Somebody on this machine: the server runs without keys. May do everything in the account of the request and
    /// sees nothing of any other.
    Anyone,
    /// The owner of an access key, whose signature was verified.
    User(Arc<User>),
}

/// The owner of an access key.
#[derive(Debug, PartialEq, Eq)]
pub struct User {
    /// `arn:aws:iam::<account>:user/<name>`.
    pub arn: String,
    /// What its policies allow it.
    pub permissions: Permissions,
}

/// The caller may not do this. The text is AWS's.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(transparent)]
pub struct AccessDenied(#[from] Box<Denial>);

impl From<AccessDenied> for Failure {
    fn from(error: AccessDenied) -> Self {
        Self::new(ErrorCode::AccessDenied, error.to_string()).because(error)
    }
}

/// What an operation is about to be done to.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Resource<'a> {
    pub(crate) owner: &'a AccountId,
    pub(crate) policy: Option<&'a Policy>,
}

impl Caller {
    /// Somebody on this machine, to a server without keys.
    pub fn anyone(account: AccountId, region: Region) -> Self {
        Self {
            account,
            region,
            identity: Identity::Anyone,
            asked: Asked::default(),
        }
    }

    /// The caller's ARN; `None` for anyone.
    pub fn arn(&self) -> Option<&str> {
        match &self.identity {
            Identity::Anyone => None,
            Identity::User(user) => Some(&user.arn),
        }
    }

    /// Whether streams of other accounts can be the caller's to see at all.
    pub(crate) fn may_look_elsewhere(&self) -> bool {
        matches!(self.identity, Identity::User(_))
    }

    /// Whether the caller's policies, and the resource's, allow an operation. `arn` names the resource; it is asked for
    /// only if somebody's policies have to be looked at, or [`Asked`] keeps it.
    pub(crate) fn authorize(
        &self,
        operation: Operation,
        resource: Resource<'_>,
        arn: impl FnOnce() -> String,
    ) -> Result<(), AccessDenied> {
        let Identity::User(user) = &self.identity else {
            self.asked.allowed(arn);
            return Ok(());
        };
        let is_own = *resource.owner == self.account;
        if is_own && resource.policy.is_none() && user.permissions.may_do_everything() {
            self.asked.allowed(arn);
            return Ok(());
        }
        let arn = arn();
        let question = Question {
            account: &self.account,
            arn: &user.arn,
            action: &format!("kinesis:{}", operation.name()),
            resource: &arn,
            owner: resource.owner,
        };
        match decide(&question, &user.permissions, resource.policy) {
            Ok(()) => {
                self.asked.allowed(|| arn);
                Ok(())
            }
            Err(denial) => {
                self.asked.denied(arn);
                Err(AccessDenied(Box::new(denial)))
            }
        }
    }

    /// The same for an operation that is about no stream in particular.
    pub(crate) fn authorize_in_general(&self, operation: Operation) -> Result<(), AccessDenied> {
        let resource = Resource {
            owner: &self.account,
            policy: None,
        };
        self.authorize(operation, resource, || "*".into())
    }
}
