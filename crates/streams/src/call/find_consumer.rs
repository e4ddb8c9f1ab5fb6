//! Which consumer a request means: by its ARN, by its stream's ARN and its name, or by both if they agree.

use std::sync::Arc;

use millstream_catalog::{Consumer, Stream};
use millstream_types::{AccountId, ConsumerArn, StreamArn};

use super::{Call, NamedStream};
use crate::caller::Resource;
use crate::unverified_texts as texts;
use crate::{Failure, refusals};

/// A consumer as a request names it; it need not exist.
#[derive(Debug, Clone, Copy)]
pub(crate) struct NamedConsumer<'a> {
    pub(crate) consumer_arn: Option<&'a str>,
    pub(crate) stream_arn: Option<&'a str>,
    pub(crate) name: Option<&'a str>,
}

/// A consumer and its stream, of one moment.
#[derive(Debug)]
pub(crate) struct FoundConsumer {
    pub(crate) stream: Arc<Stream>,
    pub(crate) consumer: Consumer,
}

impl FoundConsumer {
    pub(crate) fn arn(&self) -> ConsumerArn {
        self.stream.consumer_arn(&self.consumer.key)
    }

    /// It is gone.
    pub(crate) fn not_found(&self) -> Failure {
        refusals::consumer_not_found(self.arn(), &self.stream.key.account)
    }

    /// It is being created or deleted.
    pub(crate) fn not_active(&self) -> Failure {
        refusals::consumer_not_active(&self.stream, &self.consumer)
    }
}

impl<'a> NamedConsumer<'a> {
    /// The consumer with this ARN.
    pub(crate) fn by_arn(arn: &'a str) -> Self {
        Self {
            consumer_arn: Some(arn),
            stream_arn: None,
            name: None,
        }
    }

    /// The ARN, which must be of what stands beside it.
    fn parse(&self, text: &str) -> Result<ConsumerArn, Failure> {
        let arn = text.parse::<ConsumerArn>();
        let arn = arn.map_err(|error| {
            Failure::validation(texts::invalid_consumer_arn(&text)).because(error)
        })?;
        let is_other_stream = |given: &str| given.parse::<StreamArn>().as_ref() != Ok(&arn.stream);
        let is_other_name = |given: &str| given != arn.consumer.as_str();
        if self.stream_arn.is_some_and(is_other_stream) || self.name.is_some_and(is_other_name) {
            let stream_arn = self.stream_arn.unwrap_or_default();
            let name = self.name.unwrap_or_default();
            let text = texts::consumers_differ(&text, &stream_arn, &name);
            return Err(Failure::invalid_argument(text));
        }
        Ok(arn)
    }
}

impl Call<'_> {
    /// The consumer that a request names, in whatever state.
    ///
    /// Every operation on a consumer that is there comes through here, and is allowed or denied here.
    pub(crate) fn consumer(&self, named: NamedConsumer<'_>) -> Result<FoundConsumer, Failure> {
        if let Some(text) = named.consumer_arn {
            return self.consumer_of_arn(&named.parse(text)?);
        }
        let (Some(stream_arn), Some(name)) = (named.stream_arn, named.name) else {
            return Err(Failure::invalid_argument(texts::CONSUMER_NOT_NAMED));
        };
        let named = NamedStream::new(self.caller, None, Some(stream_arn))?;
        let stream = self.in_sight(&named);
        let found = stream.as_ref().and_then(|stream| {
            let consumer = stream.consumer(name)?.clone();
            let stream = Arc::clone(stream);
            Some(FoundConsumer { stream, consumer })
        });
        let arn = || match &found {
            Some(found) => found.arn().to_string(),
            None => format!("{}/consumer/{name}", named.arn()),
        };
        self.allow_consumer(&named.account, arn, stream.as_ref(), found.as_ref())?;
        let stream = stream.ok_or_else(|| named.not_found())?;
        found.ok_or_else(|| refusals::consumer_not_found(name, &stream.key.account))
    }

    fn consumer_of_arn(&self, arn: &ConsumerArn) -> Result<FoundConsumer, Failure> {
        let stream_arn = arn.stream.to_string();
        let stream = NamedStream::new(self.caller, None, Some(&stream_arn))?;
        let stream = self.in_sight(&stream);
        let found = stream.as_ref().and_then(|stream| {
            let consumer = stream.consumer(arn.consumer.as_str())?.clone();
            let stream = Arc::clone(stream);
            Some(FoundConsumer { stream, consumer })
        });
        let found = found.filter(|found| found.consumer.key.created_s == arn.created_s);
        let owner = &arn.stream.account;
        self.allow_consumer(owner, || arn.to_string(), stream.as_ref(), found.as_ref())?;
        found.ok_or_else(|| refusals::consumer_not_found(arn, owner))
    }

    /// Whether the caller may do this with the consumer of this ARN, be it there or not.
    fn allow_consumer(
        &self,
        owner: &AccountId,
        arn: impl FnOnce() -> String,
        stream: Option<&Arc<Stream>>,
        found: Option<&FoundConsumer>,
    ) -> Result<(), Failure> {
        let resource = Resource {
            owner,
            policy: found.and_then(|found| found.consumer.policy()),
        };
        self.caller.authorize(self.operation, resource, arn)?;
        self.admit(stream)
    }
}
