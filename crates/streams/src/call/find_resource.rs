//! Which stream or consumer a resource ARN means.

use std::collections::BTreeMap;
use std::sync::Arc;

use millstream_catalog::{Rejected, Stream, Tagged};
use millstream_types::ArnParts;

use super::{Call, FoundConsumer, NamedConsumer, NamedStream};
use crate::Failure;
use crate::caller::Resource;
use crate::unverified_texts as texts;

/// What a resource ARN means.
#[derive(Debug)]
pub(crate) enum FoundResource {
    Stream(Arc<Stream>),
    Consumer(FoundConsumer),
}

impl FoundResource {
    /// The stream itself, or the consumer's.
    pub(crate) fn stream(&self) -> &Stream {
        match self {
            Self::Stream(stream) => stream,
            Self::Consumer(found) => &found.stream,
        }
    }

    /// Its tags.
    pub(crate) fn tags(&self) -> &BTreeMap<String, String> {
        match self {
            Self::Stream(stream) => &stream.tags,
            Self::Consumer(found) => &found.consumer.tags,
        }
    }

    /// What commands about its tags call it.
    pub(crate) fn tagged(&self) -> Tagged {
        match self {
            Self::Stream(stream) => Tagged::Stream(stream.id),
            Self::Consumer(found) => Tagged::Consumer {
                stream: found.stream.id,
                key: found.consumer.key.clone(),
            },
        }
    }

    /// What a rejection means that only a consumer can meet.
    pub(crate) fn rejected(&self, reason: Rejected) -> Option<Failure> {
        match (self, reason) {
            (Self::Consumer(found), Rejected::NoSuchConsumer) => Some(found.not_found()),
            (Self::Consumer(found), Rejected::ConsumerNotActive) => Some(found.not_active()),
            _ => None,
        }
    }
}

impl Call<'_> {
    /// The resource that a request names, in whatever state.
    pub(crate) fn resource(&self, arn: &str) -> Result<FoundResource, Failure> {
        let invalid = || Failure::validation(texts::invalid_resource_arn(&arn));
        match Kind::of(arn) {
            Some(Kind::Stream) => {
                let named = NamedStream::new(self.caller, None, Some(arn));
                let stream = self.look_up(&named.map_err(|_| invalid())?)?;
                Ok(FoundResource::Stream(stream))
            }
            Some(Kind::Consumer) => {
                let found = self.consumer(NamedConsumer::by_arn(arn))?;
                Ok(FoundResource::Consumer(found))
            }
            Some(Kind::ChannelOrQueue) => {
                let resource = Resource {
                    owner: &self.caller.account,
                    policy: None,
                };
                self.caller
                    .authorize(self.operation, resource, || arn.to_owned())?;
                self.admit(None)?;
                Err(Failure::not_found(texts::resource_not_found(&arn)))
            }
            None => Err(invalid()),
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
