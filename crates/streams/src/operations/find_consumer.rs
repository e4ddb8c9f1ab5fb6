//! Which consumer a request means: by its ARN, by its stream's ARN and its name, or by both if they agree.

use std::sync::Arc;

use millstream_types::{AccountId, ConsumerArn, StreamArn};
use millstream_wire::{ApiError, ErrorCode, Operation};

use super::find_stream::{FindStreamError, NamedStream};
use super::unverified_texts as texts;
use crate::caller::{AccessDenied, Resource};
use crate::{Caller, StreamService};
use millstream_catalog::{Consumer, Stream};

/// The request does not name a consumer that there is.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FindConsumerError {
    /// Neither the consumer's ARN nor both of its stream's ARN and its name.
    #[error("{}", texts::CONSUMER_NOT_NAMED)]
    NotNamed,
    /// The ARN is not one of a consumer.
    #[error("{}", texts::invalid_consumer_arn(.0))]
    InvalidArn(String),
    /// The consumer's ARN is of another stream, or of another name, than the request says beside it.
    #[error("{}", texts::consumers_differ(.arn, .stream_arn, .name))]
    Differ {
        /// The consumer's ARN.
        arn: String,
        /// The stream's ARN; empty if it is not given.
        stream_arn: String,
        /// The consumer's name; empty if it is not given.
        name: String,
    },
    /// The request names the stream, and there is none.
    #[error(transparent)]
    Stream(#[from] FindStreamError),
    /// The caller may not.
    #[error(transparent)]
    Denied(#[from] AccessDenied),
    /// There is no such consumer; also where the ARN is of another account or region.
    #[error(transparent)]
    NotFound(#[from] ConsumerNotFound),
}

/// There is no such consumer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}", texts::consumer_not_found(.consumer, .account))]
pub struct ConsumerNotFound {
    /// Its ARN, or its name if the request gives that.
    pub consumer: String,
    /// Its stream's account.
    pub account: AccountId,
}

impl From<FindConsumerError> for ApiError {
    fn from(error: FindConsumerError) -> Self {
        let code = match error {
            FindConsumerError::NotNamed | FindConsumerError::Differ { .. } => {
                ErrorCode::InvalidArgument
            }
            FindConsumerError::InvalidArn(_) => ErrorCode::Validation,
            FindConsumerError::Stream(error) => return error.into(),
            FindConsumerError::Denied(error) => return error.into(),
            FindConsumerError::NotFound(_) => ErrorCode::ResourceNotFound,
        };
        Self::new(code, error.to_string())
    }
}

/// A consumer as a request names it; it need not exist.
#[derive(Debug, Clone, Copy)]
pub(super) struct NamedConsumer<'a> {
    pub(super) consumer_arn: Option<&'a str>,
    pub(super) stream_arn: Option<&'a str>,
    pub(super) name: Option<&'a str>,
}

/// A consumer and its stream, of one moment.
#[derive(Debug)]
pub(super) struct FoundConsumer {
    pub(super) stream: Arc<Stream>,
    pub(super) consumer: Consumer,
}

impl FoundConsumer {
    pub(super) fn arn(&self) -> ConsumerArn {
        self.stream.consumer_arn(&self.consumer.key)
    }
}

impl<'a> NamedConsumer<'a> {
    /// The consumer with this ARN.
    pub(super) fn by_arn(arn: &'a str) -> Self {
        Self {
            consumer_arn: Some(arn),
            stream_arn: None,
            name: None,
        }
    }

    fn parse(&self) -> Result<ConsumerArn, FindConsumerError> {
        let text = self.consumer_arn.ok_or(FindConsumerError::NotNamed)?;
        let arn = text.parse::<ConsumerArn>();
        let arn = arn.map_err(|_| FindConsumerError::InvalidArn(text.to_owned()))?;
        let is_other_stream = |given: &str| given.parse::<StreamArn>().as_ref() != Ok(&arn.stream);
        let is_other_name = |given: &str| given != arn.consumer.as_str();
        if self.stream_arn.is_some_and(is_other_stream) || self.name.is_some_and(is_other_name) {
            return Err(FindConsumerError::Differ {
                arn: text.to_owned(),
                stream_arn: self.stream_arn.unwrap_or_default().to_owned(),
                name: self.name.unwrap_or_default().to_owned(),
            });
        }
        Ok(arn)
    }
}

impl StreamService {
    /// The consumer that a request names, in whatever state, for `operation`.
    ///
    /// Every operation on a consumer that is there comes through here with its own name.
    pub(super) fn find_consumer(
        &self,
        caller: &Caller,
        operation: Operation,
        named: NamedConsumer<'_>,
    ) -> Result<FoundConsumer, FindConsumerError> {
        if named.consumer_arn.is_some() {
            let arn = named.parse()?;
            let stream_arn = arn.stream.to_string();
            let stream = NamedStream::new(caller, None, Some(&stream_arn))?;
            let stream = self.in_sight(caller, &stream);
            let found = stream.and_then(|stream| {
                let consumer = stream.consumer(arn.consumer.as_str())?.clone();
                Some(FoundConsumer { stream, consumer })
            });
            let found = found.filter(|found| found.consumer.key.created_s == arn.created_s);
            let owner = &arn.stream.account;
            allow(caller, operation, owner, || arn.to_string(), found.as_ref())?;
            let not_found = || ConsumerNotFound {
                consumer: arn.to_string(),
                account: arn.stream.account.clone(),
            };
            return Ok(found.ok_or_else(not_found)?);
        }
        let (Some(stream_arn), Some(name)) = (named.stream_arn, named.name) else {
            return Err(FindConsumerError::NotNamed);
        };
        let named = NamedStream::new(caller, None, Some(stream_arn))?;
        let stream = self.in_sight(caller, &named);
        let found = stream.as_ref().and_then(|stream| {
            let consumer = stream.consumer(name)?.clone();
            let stream = Arc::clone(stream);
            Some(FoundConsumer { stream, consumer })
        });
        let arn = || match &found {
            Some(found) => found.arn().to_string(),
            None => format!("{}/consumer/{name}", named.arn()),
        };
        allow(caller, operation, &named.account, arn, found.as_ref())?;
        let stream = stream.ok_or_else(|| FindStreamError::from(named.not_found()))?;
        let not_found = || ConsumerNotFound {
            consumer: name.to_owned(),
            account: stream.key.account.clone(),
        };
        Ok(found.ok_or_else(not_found)?)
    }
}

/// Whether the caller may do this with the consumer of this ARN, be it there or not.
fn allow(
    caller: &Caller,
    operation: Operation,
    owner: &AccountId,
    arn: impl FnOnce() -> String,
    found: Option<&FoundConsumer>,
) -> Result<(), AccessDenied> {
    let resource = Resource {
        owner,
        policy: found.and_then(|found| found.consumer.policy()),
    };
    caller.authorize(operation, resource, arn)
}
