//! A fan-out consumer as the catalog keeps it.

use std::collections::BTreeMap;

use millstream_policy::Policy;
use millstream_types::{ConsumerArn, ConsumerName};
use millstream_wire::shapes::ConsumerStatus;
use serde::{Deserialize, Serialize};

use super::{ResourcePolicy, Stream};

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

impl Stream {
    /// The consumer with this name.
    pub fn consumer(&self, name: &str) -> Option<&Consumer> {
        let by_name = |consumer: &Consumer| consumer.key.name.as_str().cmp(name);
        let position = self.consumers.binary_search_by(by_name).ok()?;
        self.consumers.get(position)
    }

    /// The consumer with this name and second.
    pub fn consumer_of(&self, key: &ConsumerKey) -> Option<&Consumer> {
        let consumer = self.consumer(key.name.as_str())?;
        (consumer.key == *key).then_some(consumer)
    }

    /// The ARN of one of its consumers.
    pub fn consumer_arn(&self, key: &ConsumerKey) -> ConsumerArn {
        ConsumerArn {
            stream: self.arn(),
            consumer: key.name.clone(),
            created_s: key.created_s,
        }
    }

    /// Creation second of its youngest shard or consumer, removed ones included: whatever follows is younger.
    pub(super) fn last_second(&self) -> u64 {
        let consumers = self.consumers.iter().map(|one| one.key.created_s);
        let youngest_s = consumers.max().unwrap_or(0);
        youngest_s
            .max(self.consumers_floor_s)
            .max(self.last_created_s)
    }
}
