//! The policy of a stream: the text that its owner wrote, and what it means.

use std::borrow::Cow;
use std::sync::Arc;

use millstream_policy::{InvalidPolicy, Kind, Policy};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A policy that is attached to a stream. Stored as its text; a text that was understood once must be understood by
/// every later version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ResourcePolicy {
    text: Arc<str>,
    policy: Arc<Policy>,
}

impl ResourcePolicy {
    /// Reads a policy.
    ///
    /// # Errors
    /// If anything in it is not understood.
    pub fn parse(text: &str) -> Result<Self, InvalidPolicy> {
        let policy = Policy::parse(Kind::Resource, text)?;
        Ok(Self {
            text: text.into(),
            policy: Arc::new(policy),
        })
    }

    /// As its owner wrote it.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// What it means.
    pub fn policy(&self) -> &Policy {
        &self.policy
    }
}

impl Serialize for ResourcePolicy {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.text)
    }
}

impl<'de> Deserialize<'de> for ResourcePolicy {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = Cow::<'de, str>::deserialize(deserializer)?;
        Self::parse(&text).map_err(serde::de::Error::custom)
    }
}
