//! Whom a resource's policy speaks of.

use std::fmt;

use millstream_types::{AccountId, ArnParts, Partition};
use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};

use crate::one_or_many::OneOrMany;

/// The `Principal` of a statement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Principal {
    /// `"*"`.
    Anyone,
    /// `{"AWS": …}`.
    Named(Vec<Named>),
}

/// One name in a `Principal`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Named {
    /// `*`.
    Anyone,
    /// An account, as its id or as the ARN of its root.
    Account(AccountId),
    /// A user or role, to the letter.
    Arn(String),
}

/// How well a caller fits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Fit {
    Not,
    /// Only as somebody of an account: that account says who of it may.
    Account,
    /// Itself.
    Caller,
}

impl Principal {
    pub(crate) fn fit(&self, account: &AccountId, arn: &str) -> Fit {
        let Self::Named(names) = self else {
            return Fit::Caller;
        };
        let fit = |name: &Named| match name {
            Named::Anyone => Fit::Caller,
            Named::Account(named) if named == account => Fit::Account,
            Named::Arn(named) if named == arn => Fit::Caller,
            Named::Account(_) | Named::Arn(_) => Fit::Not,
        };
        names.iter().map(fit).max().unwrap_or(Fit::Not)
    }
}

impl<'de> Deserialize<'de> for Principal {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(StarOrMap)
    }
}

struct StarOrMap;

#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct Aws {
    #[serde(rename = "AWS")]
    aws: OneOrMany<Named>,
}

impl<'de> Visitor<'de> for StarOrMap {
    type Value = Principal;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("\"*\" or {\"AWS\": …}")
    }

    fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Principal, E> {
        match text {
            "*" => Ok(Principal::Anyone),
            other => Err(E::custom(format!(
                "Principal {other:?} is neither \"*\" nor {{\"AWS\": …}}"
            ))),
        }
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Principal, A::Error> {
        let map = serde::de::value::MapAccessDeserializer::new(map);
        Aws::deserialize(map).map(|named| Principal::Named(named.aws.0))
    }
}

impl<'de> Deserialize<'de> for Named {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        named(text).map_err(|text| {
            serde::de::Error::custom(format!(
                "{text:?} is no principal: *, an account id, or the ARN of an account's root, a user or a role, without \
                 wildcards"
            ))
        })
    }
}

fn named(text: String) -> Result<Named, String> {
    if text == "*" {
        return Ok(Named::Anyone);
    }
    if let Ok(account) = text.parse() {
        return Ok(Named::Account(account));
    }
    let Some(parts) = ArnParts::of(&text) else {
        return Err(text);
    };
    let Ok(account) = parts.account.parse::<AccountId>() else {
        return Err(text);
    };
    let is_iam = parts.service == "iam" && parts.region.is_empty();
    if !is_iam || text.contains(['*', '?', '$']) {
        return Err(text);
    }
    match parts.resource.split_once('/') {
        // The accounts that call here are in the one partition; of another one it is only a name, which nobody has.
        None if parts.resource == "root" => Ok(match parts.partition.into() {
            Partition::Aws => Named::Account(account),
            Partition::Other(_) => Named::Arn(text),
        }),
        Some(("user" | "role", name)) if !name.is_empty() => Ok(Named::Arn(text)),
        _ => Err(text),
    }
}
