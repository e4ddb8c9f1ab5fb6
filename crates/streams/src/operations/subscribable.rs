//! Which consumers can be subscribed with.

use millstream_types::AccountId;

use super::find_consumer::FoundConsumer;

/// The consumer is being created or deleted.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "Consumer {name} with creation timestamp {created_s} under stream: {stream} , account {account} is not in ACTIVE \
     status."
)]
pub struct ConsumerNotActive {
    /// The consumer.
    pub name: String,
    /// The second of its ARN.
    pub created_s: u64,
    /// Its stream.
    pub stream: String,
    /// The stream's account.
    pub account: AccountId,
}

impl ConsumerNotActive {
    pub(super) fn of(found: &FoundConsumer) -> Self {
        Self {
            name: found.consumer.key.name.to_string(),
            created_s: found.consumer.key.created_s,
            stream: found.stream.key.name.to_string(),
            account: found.stream.key.account.clone(),
        }
    }
}
