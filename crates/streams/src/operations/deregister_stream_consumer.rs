//! DeregisterStreamConsumer.

use millstream_wire::shapes::DeregisterStreamConsumerRequest;
use millstream_wire::{ApiError, ErrorCode, Operation};

use super::change_stream::ChangeStreamError;
use super::find_consumer::{ConsumerNotFound, FindConsumerError, FoundConsumer, NamedConsumer};
use super::subscribe_to_shard::ConsumerNotActive;
use crate::{Caller, StreamService};
use millstream_catalog::{ConsumerCommand, Rejected};

/// How DeregisterStreamConsumer fails.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DeregisterStreamConsumerError {
    /// The request names no consumer that there is.
    #[error(transparent)]
    Find(#[from] FindConsumerError),
    /// It is being deregistered already.
    #[error(transparent)]
    NotActive(#[from] ConsumerNotActive),
    /// As any change of a stream.
    #[error(transparent)]
    Change(#[from] ChangeStreamError),
}

impl From<DeregisterStreamConsumerError> for ApiError {
    fn from(error: DeregisterStreamConsumerError) -> Self {
        match error {
            DeregisterStreamConsumerError::Find(error) => error.into(),
            DeregisterStreamConsumerError::NotActive(error) => {
                Self::new(ErrorCode::ResourceInUse, error.to_string())
            }
            DeregisterStreamConsumerError::Change(error) => error.into(),
        }
    }
}

impl StreamService {
    /// Deregisters a fan-out consumer, also one that is still being created; its subscriptions end. It is gone when
    /// this returns, unless a transition time is set, or the catalog takes more than ten seconds: then it is DELETING.
    ///
    /// If the future is dropped, the consumer may still be deregistered.
    ///
    /// # Errors
    /// See [`DeregisterStreamConsumerError`].
    pub async fn deregister_stream_consumer(
        &self,
        caller: &Caller,
        request: DeregisterStreamConsumerRequest,
    ) -> Result<(), DeregisterStreamConsumerError> {
        let _call = self.enter().map_err(ChangeStreamError::from)?;
        let named = NamedConsumer {
            consumer_arn: request.consumer_arn.as_deref(),
            stream_arn: request.stream_arn.as_deref(),
            name: request.consumer_name.as_deref(),
        };
        let found = self.find_consumer(caller, Operation::DeregisterStreamConsumer, named)?;
        let FoundConsumer { stream, consumer } = &found;
        let begin = ConsumerCommand::BeginDeregisterConsumer {
            id: stream.id,
            consumer: consumer.key.clone(),
        };
        self.change_stream::<DeregisterStreamConsumerError>(stream, begin, |reason| match reason {
            Rejected::NoSuchConsumer => {
                let not_found = ConsumerNotFound {
                    consumer: found.arn().to_string(),
                    account: stream.key.account.clone(),
                };
                Some(FindConsumerError::from(not_found).into())
            }
            Rejected::ConsumerNotActive => Some(ConsumerNotActive::of(&found).into()),
            _ => None,
        })
        .await?;
        self.consumer_settled(stream.id, &consumer.key).await;
        Ok(())
    }
}
