//! Commands about the fan-out consumers of a stream.

use std::collections::BTreeMap;

use millstream_types::ConsumerName;
use serde::{Deserialize, Serialize};

use crate::consumer::ConsumerKey;
use crate::resource_policy::ResourcePolicy;
use crate::stream::StreamId;

/// What can be done to the consumers of a stream.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
#[expect(missing_docs, reason = "of the ids, which are the stream's")]
pub enum ConsumerCommand {
    /// Enters a consumer as CREATING.
    BeginRegisterConsumer {
        id: StreamId,
        /// The consumer.
        name: ConsumerName,
        /// Its tags.
        #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
        tags: BTreeMap<String, String>,
    },
    /// The consumer is ACTIVE.
    FinishRegisterConsumer {
        id: StreamId,
        /// The consumer.
        consumer: ConsumerKey,
    },
    /// From now on the consumer is DELETING.
    BeginDeregisterConsumer {
        id: StreamId,
        /// The consumer.
        consumer: ConsumerKey,
    },
    /// The consumer is gone: its name is free.
    FinishDeregisterConsumer {
        id: StreamId,
        /// The consumer.
        consumer: ConsumerKey,
    },
    /// Attaches a policy to a consumer, in place of the one that it has.
    PutConsumerPolicy {
        id: StreamId,
        /// The consumer.
        consumer: ConsumerKey,
        /// The policy.
        policy: ResourcePolicy,
    },
    /// Takes the policy from a consumer.
    DeleteConsumerPolicy {
        id: StreamId,
        /// The consumer.
        consumer: ConsumerKey,
    },
}

impl ConsumerCommand {
    /// The stored names.
    pub(crate) const NAMES: &'static [&'static str] = &[
        "begin_register_consumer",
        "finish_register_consumer",
        "begin_deregister_consumer",
        "finish_deregister_consumer",
        "put_consumer_policy",
        "delete_consumer_policy",
    ];
}
