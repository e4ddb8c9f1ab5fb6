//! A fan-out consumer as the catalog keeps it.

use std::collections::BTreeMap;

use millstream_policy::Policy;
use millstream_types::{ConsumerName, ConsumerStatus};
use serde::{Deserialize, Serialize};

use crate::resource_policy::ResourcePolicy;
use crate::stored;

/// Which consumer of a stream: one that is deregistered and registered again has another second.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ConsumerKey {
    /// Its name, unique on its stream at any time.
    pub name: ConsumerName,
    /// Second of its registration, as its ARN carries it. May run ahead of the clock.
    pub created_s: u64,
}

/// A consumer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Consumer {
    /// Its name and second.
    pub key: ConsumerKey,
    /// Where it is in its life.
    #[serde(with = "stored::consumer_status")]
    pub status: ConsumerStatus,
    /// Its tags.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub tags: BTreeMap<String, String>,
    /// Who else may do what with it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub policy: Option<ResourcePolicy>,
}

impl Consumer {
    /// What its resource policy means, if it has one.
    pub fn policy(&self) -> Option<&Policy> {
        self.policy.as_ref().map(ResourcePolicy::policy)
    }

    /// Whether it is on its way into another state.
    pub fn is_changing(&self) -> bool {
        match self.status {
            ConsumerStatus::Creating | ConsumerStatus::Deleting => true,
            ConsumerStatus::Active => false,
        }
    }
}
