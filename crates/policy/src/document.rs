//! A policy as its author wrote it.

use serde::Deserialize;

use crate::one_or_many::OneOrMany;
use crate::pattern::{fits_action, fits_resource};
use crate::principal::{Fit, Principal};
use millstream_types::AccountId;

/// Longest text of a policy, in bytes: AWS's limit for a stream's policy.
pub const POLICY_BYTES_MAX: usize = 20 * 1024;

/// What a policy is attached to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A caller: it names nobody.
    Identity,
    /// A stream or consumer: every statement has a `Principal`.
    Resource,
}

/// Why a text is no policy that is understood here.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidPolicy {
    /// Not JSON, or an element that is not known here, twice there, or of the wrong type.
    #[error("the policy is not valid: {0}")]
    Json(String),
    /// Longer than [`POLICY_BYTES_MAX`].
    #[error("the policy has {0} bytes, more than {POLICY_BYTES_MAX}")]
    TooLong(usize),
    /// An unknown version of the language.
    #[error("the policy's Version {0:?} is neither \"2012-10-17\" nor \"2008-10-17\"")]
    Version(String),
    /// A caller's policy speaks of the caller.
    #[error("a policy of an access key has no Principal: it is about the key itself")]
    PrincipalInIdentityPolicy,
    /// A resource's policy must say of whom it speaks.
    #[error("every statement of a resource's policy needs a Principal")]
    NoPrincipal,
    /// Not an action.
    #[error("the Action {0:?} is neither * nor SERVICE:NAME such as kinesis:Put*")]
    Action(String),
    /// Not a resource.
    #[error("the Resource {0:?} is neither * nor an ARN, in which * and ? are allowed")]
    Resource(String),
    /// `${…}` would be taken to the letter, which its author did not mean.
    #[error("the policy variable in {0:?} is not supported")]
    Variable(String),
}

/// A policy that was understood whole.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Policy {
    statements: Vec<Statement>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "PascalCase")]
struct Document {
    version: Option<String>,
    #[serde(rename = "Id")]
    _id: Option<String>,
    statement: OneOrMany<Statement>,
}

#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "PascalCase")]
struct Statement {
    #[serde(default, rename = "Sid")]
    _sid: Option<String>,
    effect: Effect,
    principal: Option<Principal>,
    action: OneOrMany<String>,
    resource: OneOrMany<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
enum Effect {
    Allow,
    Deny,
}

/// What a policy says to a question.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Opinion {
    /// Nothing that fits.
    Silent,
    /// Allowed to an account, which says who of it may.
    AllowsAccount,
    Allows,
    Denies,
}

impl Policy {
    /// Reads a policy.
    ///
    /// # Errors
    /// If anything in it is not understood.
    pub fn parse(kind: Kind, text: &str) -> Result<Self, InvalidPolicy> {
        if text.len() > POLICY_BYTES_MAX {
            return Err(InvalidPolicy::TooLong(text.len()));
        }
        let document: Document =
            serde_json::from_str(text).map_err(|error| InvalidPolicy::Json(error.to_string()))?;
        if let Some(version) = document.version
            && !["2012-10-17", "2008-10-17"].contains(&version.as_str())
        {
            return Err(InvalidPolicy::Version(version));
        }
        let statements = document.statement.0;
        statements
            .iter()
            .try_for_each(|statement| statement.check(kind))?;
        Ok(Self { statements })
    }

    /// Whether the policy allows everything and denies nothing.
    pub(crate) fn allows_everything(&self) -> bool {
        !self.denies_anything() && self.statements.iter().any(Statement::covers_everything)
    }

    pub(crate) fn denies_anything(&self) -> bool {
        self.statements
            .iter()
            .any(|statement| statement.effect == Effect::Deny)
    }

    /// What the policy says; `caller` is whom a resource's policy may name.
    pub(crate) fn opinion(
        &self,
        caller: (&AccountId, &str),
        action: &str,
        resource: &str,
    ) -> Opinion {
        let mut opinion = Opinion::Silent;
        for statement in &self.statements {
            let fit = match &statement.principal {
                Some(principal) => principal.fit(caller.0, caller.1),
                None => Fit::Caller,
            };
            if fit == Fit::Not || !statement.covers(action, resource) {
                continue;
            }
            match (statement.effect, fit) {
                (Effect::Deny, _) => return Opinion::Denies,
                (Effect::Allow, Fit::Caller) => opinion = Opinion::Allows,
                (Effect::Allow, _) if opinion == Opinion::Silent => {
                    opinion = Opinion::AllowsAccount;
                }
                (Effect::Allow, _) => {}
            }
        }
        opinion
    }
}

impl Statement {
    fn check(&self, kind: Kind) -> Result<(), InvalidPolicy> {
        match (kind, &self.principal) {
            (Kind::Identity, Some(_)) => return Err(InvalidPolicy::PrincipalInIdentityPolicy),
            (Kind::Resource, None) => return Err(InvalidPolicy::NoPrincipal),
            _ => {}
        }
        for action in &self.action.0 {
            let is_action = action
                .split_once(':')
                .is_some_and(|(service, name)| !service.is_empty() && !name.is_empty());
            if action != "*" && !is_action {
                return Err(InvalidPolicy::Action(action.clone()));
            }
        }
        for resource in &self.resource.0 {
            if resource.contains("${") {
                return Err(InvalidPolicy::Variable(resource.clone()));
            }
            if resource != "*" && !resource.starts_with("arn:") {
                return Err(InvalidPolicy::Resource(resource.clone()));
            }
        }
        Ok(())
    }

    fn covers(&self, action: &str, resource: &str) -> bool {
        let mut actions = self.action.0.iter();
        let mut resources = self.resource.0.iter();
        actions.any(|pattern| fits_action(pattern, action))
            && resources.any(|pattern| fits_resource(pattern, resource))
    }

    fn covers_everything(&self) -> bool {
        let is_star = |patterns: &OneOrMany<String>| patterns.0.iter().any(|one| one == "*");
        self.effect == Effect::Allow && is_star(&self.action) && is_star(&self.resource)
    }
}

#[cfg(test)]
mod tests;
