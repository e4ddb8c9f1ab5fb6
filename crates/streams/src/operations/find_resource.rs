//! Which stream or consumer a resource ARN means.

use std::collections::BTreeMap;
use std::sync::Arc;

use millstream_types::ArnParts;
use millstream_wire::{ApiError, ErrorCode, Operation};

use super::find_consumer::{FindConsumerError, FoundConsumer, NamedConsumer};
use super::find_stream::{FindStreamError, NamedStream};
use super::unavailable::Unavailable;
use super::unverified_texts as texts;
use crate::{AccessDenied, Caller, StreamService, caller};
use millstream_catalog::{Stream, Tagged};

/// The ARN is of nothing that there is.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FindResourceError {
    /// It is not an ARN of this service.
    #[error("{}", texts::invalid_resource_arn(.0))]
    InvalidArn(String),
    /// It is the ARN of a channel or queue: this service has none.
    #[error("{}", texts::resource_not_found(.0))]
    NotFound(String),
    /// It is the ARN of a stream that there is not, or not for the caller.
    #[error(transparent)]
    Stream(#[from] FindStreamError),
    /// It is the ARN of a consumer that there is not, or not for the caller.
    #[error(transparent)]
    Consumer(#[from] FindConsumerError),
    /// The caller may not.
    #[error(transparent)]
    Denied(#[from] AccessDenied),
}

impl From<FindResourceError> for ApiError {
    fn from(error: FindResourceError) -> Self {
        let code = match error {
            FindResourceError::Stream(error) => return error.into(),
            FindResourceError::Consumer(error) => return error.into(),
            FindResourceError::Denied(error) => return error.into(),
            FindResourceError::InvalidArn(_) => ErrorCode::Validation,
            FindResourceError::NotFound(_) => ErrorCode::ResourceNotFound,
        };
        Self::new(code, error.to_string())
    }
}

/// How an operation fails that looks at a stream or consumer and nothing else.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ReadResourceError {
    /// The request names nothing that there is.
    #[error(transparent)]
    Find(#[from] FindResourceError),
    /// See [`Unavailable`].
    #[error(transparent)]
    Unavailable(#[from] Unavailable),
}

impl From<ReadResourceError> for ApiError {
    fn from(error: ReadResourceError) -> Self {
        match error {
            ReadResourceError::Find(error) => error.into(),
            ReadResourceError::Unavailable(error) => error.into(),
        }
    }
}

/// What a resource ARN means.
pub(super) enum FoundResource {
    Stream(Arc<Stream>),
    Consumer(FoundConsumer),
}

impl FoundResource {
    /// The stream itself, or the consumer's.
    pub(super) fn stream(&self) -> &Stream {
        match self {
            Self::Stream(stream) => stream,
            Self::Consumer(found) => &found.stream,
        }
    }

    /// Its tags.
    pub(super) fn tags(&self) -> &BTreeMap<String, String> {
        match self {
            Self::Stream(stream) => &stream.tags,
            Self::Consumer(found) => &found.consumer.tags,
        }
    }

    /// What commands about its tags call it.
    pub(super) fn tagged(&self) -> Tagged {
        match self {
            Self::Stream(stream) => Tagged::Stream(stream.id),
            Self::Consumer(found) => Tagged::Consumer {
                stream: found.stream.id,
                key: found.consumer.key.clone(),
            },
        }
    }
}

impl StreamService {
    /// The resource that a request names, in whatever state, for `operation`.
    pub(super) fn find_resource(
        &self,
        caller: &Caller,
        operation: Operation,
        arn: &str,
    ) -> Result<FoundResource, FindResourceError> {
        match Kind::of(arn) {
            Some(Kind::Stream) => {
                let named = NamedStream::new(caller, None, Some(arn))
                    .map_err(|_| FindResourceError::InvalidArn(arn.to_owned()))?;
                let stream = self.look_up(caller, operation, &named)?;
                Ok(FoundResource::Stream(stream))
            }
            Some(Kind::Consumer) => {
                let named = NamedConsumer {
                    consumer_arn: Some(arn),
                    stream_arn: None,
                    name: None,
                };
                let found = self.find_consumer(caller, operation, named)?;
                Ok(FoundResource::Consumer(found))
            }
            Some(Kind::ChannelOrQueue) => {
                let resource = caller::Resource {
                    owner: &caller.account,
                    policy: None,
                };
                caller.authorize(operation, resource, || arn.to_owned())?;
                Err(FindResourceError::NotFound(arn.to_owned()))
            }
            None => Err(FindResourceError::InvalidArn(arn.to_owned())),
        }
    }
}

/// What an ARN is the ARN of.
enum Kind {
    Stream,
    Consumer,
    /// This service has neither.
    ChannelOrQueue,
}

impl Kind {
    fn of(arn: &str) -> Option<Self> {
        let parts = ArnParts::of(arn).filter(|parts| parts.service == "kinesis")?;
        match parts.resource.split_once('/')? {
            ("stream", rest) if rest.contains("/consumer/") => Some(Self::Consumer),
            ("stream", _) => Some(Self::Stream),
            ("channel" | "queue", _) => Some(Self::ChannelOrQueue),
            _ => None,
        }
    }
}
