//! Which stream a request means: by name, by ARN, or by both if they agree.

use std::borrow::Cow;
use std::sync::Arc;

use millstream_catalog::Stream;
use millstream_types::{AccountId, Partition, Region, ShardId, StreamArn};
use millstream_wire::Operation;

use super::{Call, OfStream};
use crate::caller::Resource;
use crate::unverified_texts as texts;
use crate::{Caller, Failure, refusals};

/// A stream as a request names it; it need not exist.
#[derive(Debug)]
pub(crate) struct NamedStream<'a> {
    pub(crate) name: Cow<'a, str>,
    pub(crate) account: Cow<'a, AccountId>,
    region: Cow<'a, Region>,
    partition: Partition,
}

impl<'a> NamedStream<'a> {
    pub(crate) fn new(
        caller: &'a Caller,
        name: Option<&'a str>,
        arn: Option<&str>,
    ) -> Result<Self, Failure> {
        let Some(arn) = arn else {
            let not_named = || Failure::invalid_argument(texts::STREAM_NOT_NAMED);
            return Ok(Self {
                name: Cow::Borrowed(name.ok_or_else(not_named)?),
                account: Cow::Borrowed(&caller.account),
                region: Cow::Borrowed(&caller.region),
                partition: Partition::Aws,
            });
        };
        let parsed: Result<StreamArn, _> = arn.parse();
        let parsed =
            parsed.map_err(|error| Failure::validation(texts::invalid_arn(&arn)).because(error))?;
        if let Some(name) = name.filter(|name| *name != parsed.stream.as_str()) {
            return Err(Failure::invalid_argument(texts::names_differ(&name, &arn)));
        }
        Ok(Self {
            name: Cow::Owned(parsed.stream.to_string()),
            account: Cow::Owned(parsed.account),
            region: Cow::Owned(parsed.region),
            partition: parsed.partition,
        })
    }

    /// The ARN, as far as the name is one that a stream can have.
    pub(super) fn arn(&self) -> String {
        format!(
            "arn:{}:kinesis:{}:{}:stream/{}",
            self.partition, self.region, self.account, self.name
        )
    }

    /// A shard's id, as a request writes it.
    pub(crate) fn shard_id(&self, text: &str) -> Result<ShardId, Failure> {
        let not_found =
            |error| refusals::could_not_find_shard(text, &self.name, &self.account).because(error);
        text.parse().map_err(not_found)
    }

    pub(crate) fn not_found(&self) -> Failure {
        refusals::stream_not_found(&self.name, &self.account)
    }
}

impl<'a> Call<'a> {
    /// The stream that the request names, in whatever state.
    pub(crate) fn stream(&self, request: &impl OfStream) -> Result<Arc<Stream>, Failure> {
        self.look_up(&self.named(request)?)
    }

    /// What the request calls the stream.
    pub(crate) fn named<'b>(&self, request: &'b impl OfStream) -> Result<NamedStream<'b>, Failure>
    where
        'a: 'b,
    {
        NamedStream::new(self.caller, request.name(), request.arn())
    }

    /// The stream that a request names, in whatever state.
    ///
    /// Every operation on a stream that is there comes through here, and is allowed or denied here. As on AWS that comes
    /// first: who may not do something does not learn whether the stream is there.
    pub(crate) fn look_up(&self, named: &NamedStream<'_>) -> Result<Arc<Stream>, Failure> {
        self.find(named)?.ok_or_else(|| named.not_found())
    }

    /// As [`look_up`](Self::look_up), for who says in another way that the stream is not there.
    pub(crate) fn find(&self, named: &NamedStream<'_>) -> Result<Option<Arc<Stream>>, Failure> {
        let found = self.in_sight(named);
        let resource = Resource {
            owner: &named.account,
            policy: found.as_ref().and_then(|stream| stream.policy()),
        };
        self.caller
            .authorize(self.operation, resource, || named.arn())?;
        self.admit(found.as_ref())?;
        Ok(found)
    }

    /// As [`look_up`](Self::look_up) for a stream that a token or iterator leads to: `None` if it is not the caller's to
    /// see.
    pub(crate) fn allow(&self, stream: &Arc<Stream>) -> Option<Result<(), Failure>> {
        let (key, caller) = (&stream.key, self.caller);
        let is_own = key.account == caller.account;
        if key.region != caller.region || !(is_own || caller.may_look_elsewhere()) {
            return None;
        }
        let resource = Resource {
            owner: &key.account,
            policy: stream.policy(),
        };
        let allowed = caller.authorize(self.operation, resource, || stream.arn().to_string());
        Some(
            allowed
                .map_err(Failure::from)
                .and_then(|()| self.admit(Some(stream))),
        )
    }

    /// Whether the caller may do `operation` to a stream of its own that is to be created.
    pub(crate) fn allow_new(
        &self,
        operation: Operation,
        arn: impl FnOnce() -> String,
    ) -> Result<(), Failure> {
        let resource = Resource {
            owner: &self.caller.account,
            policy: None,
        };
        self.caller.authorize(operation, resource, arn)?;
        Ok(())
    }

    /// The stream, if it is there and can be the caller's to see; whether the caller may is not asked yet.
    pub(super) fn in_sight(&self, named: &NamedStream<'_>) -> Option<Arc<Stream>> {
        let caller = self.caller;
        let is_seen = named.partition == Partition::Aws
            && *named.region == caller.region
            && (*named.account == caller.account || caller.may_look_elsewhere());
        let view = &self.inner().view;
        let find = || view.find(&named.account, &named.region, &named.name);
        is_seen.then(find).flatten()
    }
}
