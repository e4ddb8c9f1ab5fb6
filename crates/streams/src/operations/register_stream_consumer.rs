//! RegisterStreamConsumer.

use millstream_types::limits::CONSUMERS_PER_STREAM_MAX;
use millstream_types::{AccountId, ConsumerName};
use millstream_wire::shapes::{RegisterStreamConsumerRequest, RegisterStreamConsumerResponse};
use millstream_wire::{ApiError, ErrorCode, Operation};

use super::change_stream::ChangeStreamError;
use super::consumer_description::describe_consumer;
use super::tags::{InvalidTags, check_tags};
use super::unavailable::Unavailable;
use super::unverified_texts as texts;
use crate::{Caller, StreamService};
use millstream_catalog::{ConsumerCommand, Rejected, Stream};

/// How RegisterStreamConsumer fails.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RegisterStreamConsumerError {
    /// The name is not one that a consumer can have.
    #[error("{}", texts::invalid_consumer_name(.0))]
    InvalidName(String),
    /// No consumer can have these tags.
    #[error(transparent)]
    InvalidTags(#[from] InvalidTags),
    /// The name is taken on this stream, by a consumer in whatever state.
    #[error("{}", texts::consumer_exists(.name, .stream, .account))]
    Exists {
        /// The consumer's name.
        name: String,
        /// Its stream.
        stream: String,
        /// The stream's account.
        account: AccountId,
    },
    /// The stream has as many consumers as it may have. Deregister one.
    #[error("{}", texts::too_many_consumers(.stream, .account, *.current, CONSUMERS_PER_STREAM_MAX))]
    TooMany {
        /// The stream.
        stream: String,
        /// Its account.
        account: AccountId,
        /// How many there are.
        current: usize,
    },
    /// Too many consumers of the stream are being created. Try again when they are ACTIVE.
    #[error("{}", texts::rate_exceeded(.stream, .account))]
    TooManyCreating {
        /// The stream.
        stream: String,
        /// Its account.
        account: AccountId,
    },
    /// As any change of a stream.
    #[error(transparent)]
    Change(#[from] ChangeStreamError),
}

impl From<RegisterStreamConsumerError> for ApiError {
    fn from(error: RegisterStreamConsumerError) -> Self {
        let code = match error {
            RegisterStreamConsumerError::InvalidName(_) => ErrorCode::Validation,
            RegisterStreamConsumerError::InvalidTags(_) => ErrorCode::InvalidArgument,
            RegisterStreamConsumerError::Exists { .. } => ErrorCode::ResourceInUse,
            RegisterStreamConsumerError::TooMany { .. }
            | RegisterStreamConsumerError::TooManyCreating { .. } => ErrorCode::LimitExceeded,
            RegisterStreamConsumerError::Change(error) => return error.into(),
        };
        Self::new(code, error.to_string())
    }
}

impl StreamService {
    /// Registers a fan-out consumer. It is ACTIVE when this returns, unless a transition time is set, or the catalog
    /// takes more than ten seconds: then it is CREATING.
    ///
    /// If the future is dropped, the consumer may still be registered.
    ///
    /// # Errors
    /// See [`RegisterStreamConsumerError`].
    pub async fn register_stream_consumer(
        &self,
        caller: &Caller,
        request: RegisterStreamConsumerRequest,
    ) -> Result<RegisterStreamConsumerResponse, RegisterStreamConsumerError> {
        let _call = self.enter().map_err(ChangeStreamError::from)?;
        let operation = Operation::RegisterStreamConsumer;
        let stream = self.stream_to_change(caller, operation, None, Some(&request.stream_arn))?;
        let RegisterStreamConsumerRequest {
            consumer_name,
            tags,
            ..
        } = request;
        let name: ConsumerName = consumer_name
            .parse()
            .map_err(|_| RegisterStreamConsumerError::InvalidName(consumer_name))?;
        check_tags(&tags, &stream.key.name, &stream.key.account)?;
        let id = stream.id;
        let begin = ConsumerCommand::BeginRegisterConsumer {
            id,
            name: name.clone(),
            tags,
        };
        self.change_stream(&stream, begin, |reason| rejected(reason, &stream, &name))
            .await?;
        let registered = || {
            let stream = self.inner.view.get(id)?;
            let consumer = stream.consumer(name.as_str())?.clone();
            Some((stream, consumer))
        };
        // Whoever deleted it since then may have done so at once.
        let gone = || ChangeStreamError::from(Unavailable::Failed);
        let (stream, consumer) = registered().ok_or_else(gone)?;
        self.consumer_settled(id, &consumer.key).await;
        let (stream, consumer) = registered()
            .filter(|(_, now)| now.key == consumer.key)
            .unwrap_or((stream, consumer));
        Ok(RegisterStreamConsumerResponse {
            consumer: describe_consumer(&stream, &consumer),
        })
    }
}

fn rejected(
    reason: Rejected,
    stream: &Stream,
    name: &ConsumerName,
) -> Option<RegisterStreamConsumerError> {
    let (account, stream) = (stream.key.account.clone(), stream.key.name.to_string());
    Some(match reason {
        Rejected::ConsumerExists => RegisterStreamConsumerError::Exists {
            name: name.to_string(),
            stream,
            account,
        },
        Rejected::TooManyConsumers(current) => RegisterStreamConsumerError::TooMany {
            stream,
            account,
            current,
        },
        Rejected::TooManyConsumersCreating => {
            RegisterStreamConsumerError::TooManyCreating { stream, account }
        }
        _ => return None,
    })
}
