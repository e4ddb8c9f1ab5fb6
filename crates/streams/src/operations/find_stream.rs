//! Which stream a request means: by name, by ARN, or by both if they agree.

use std::borrow::Cow;
use std::sync::Arc;

use millstream_types::{AccountId, Partition, Region, StreamArn};
use millstream_wire::{ApiError, ErrorCode, Operation};

use super::not_found::StreamNotFound;
use super::unavailable::Unavailable;
use super::unverified_texts as texts;
use crate::caller::Resource;
use crate::{AccessDenied, Caller, StreamService};
use millstream_catalog::Stream;

/// The request does not name a stream that there is.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FindStreamError {
    /// Neither a name nor an ARN.
    #[error("{}", texts::STREAM_NOT_NAMED)]
    NotNamed,
    /// The ARN is not one of a stream.
    #[error("{}", texts::invalid_arn(.0))]
    InvalidArn(String),
    /// Name and ARN are of different streams.
    #[error("{}", texts::names_differ(.name, .arn))]
    NamesDiffer {
        /// The name.
        name: String,
        /// The ARN.
        arn: String,
    },
    /// The caller may not do this to the stream, be it there or not.
    #[error(transparent)]
    AccessDenied(#[from] AccessDenied),
    /// There is no such stream; also where the ARN is of another partition or region, or of an account that the caller cannot see.
    #[error(transparent)]
    NotFound(#[from] StreamNotFound),
}

impl From<FindStreamError> for ApiError {
    fn from(error: FindStreamError) -> Self {
        let code = match &error {
            FindStreamError::NotNamed | FindStreamError::NamesDiffer { .. } => {
                ErrorCode::InvalidArgument
            }
            FindStreamError::InvalidArn(_) => ErrorCode::Validation,
            FindStreamError::AccessDenied(_) => ErrorCode::AccessDenied,
            FindStreamError::NotFound(_) => ErrorCode::ResourceNotFound,
        };
        Self::new(code, error.to_string())
    }
}

/// How an operation fails that looks at a stream and nothing else.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ReadStreamError {
    /// The request names no stream that there is.
    #[error(transparent)]
    Find(#[from] FindStreamError),
    /// See [`Unavailable`].
    #[error(transparent)]
    Unavailable(#[from] Unavailable),
}

impl From<ReadStreamError> for ApiError {
    fn from(error: ReadStreamError) -> Self {
        match error {
            ReadStreamError::Find(error) => error.into(),
            ReadStreamError::Unavailable(error) => error.into(),
        }
    }
}

/// A stream as a request names it; it need not exist.
#[derive(Debug)]
pub(super) struct NamedStream<'a> {
    pub(super) name: Cow<'a, str>,
    pub(super) account: Cow<'a, AccountId>,
    region: Cow<'a, Region>,
    partition: Partition,
}

impl<'a> NamedStream<'a> {
    pub(super) fn new(
        caller: &'a Caller,
        name: Option<&'a str>,
        arn: Option<&str>,
    ) -> Result<Self, FindStreamError> {
        let Some(arn) = arn else {
            return Ok(Self {
                name: Cow::Borrowed(name.ok_or(FindStreamError::NotNamed)?),
                account: Cow::Borrowed(&caller.account),
                region: Cow::Borrowed(&caller.region),
                partition: Partition::Aws,
            });
        };
        let parsed: Result<StreamArn, _> = arn.parse();
        let parsed = parsed.map_err(|_| FindStreamError::InvalidArn(arn.to_owned()))?;
        if let Some(name) = name.filter(|name| *name != parsed.stream.as_str()) {
            return Err(FindStreamError::NamesDiffer {
                name: name.to_owned(),
                arn: arn.to_owned(),
            });
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

    pub(super) fn not_found(&self) -> StreamNotFound {
        StreamNotFound {
            name: self.name.clone().into_owned(),
            account: self.account.clone().into_owned(),
        }
    }
}

impl StreamService {
    /// The stream that a request names, in whatever state, for `operation`.
    ///
    /// Every operation on a stream that is there comes through here with its own name, and is allowed or denied here.
    /// As on AWS that comes first: who may not do something does not learn whether the stream is there.
    pub(super) fn look_up(
        &self,
        caller: &Caller,
        operation: Operation,
        named: &NamedStream<'_>,
    ) -> Result<Arc<Stream>, FindStreamError> {
        let found = self.in_sight(caller, named);
        let resource = Resource {
            owner: &named.account,
            policy: found.as_ref().and_then(|stream| stream.policy()),
        };
        caller.authorize(operation, resource, || named.arn())?;
        found.ok_or_else(|| named.not_found().into())
    }

    /// The same for a stream that a token or iterator leads to: `None` if it is not the caller's to see.
    pub(super) fn allow(
        caller: &Caller,
        operation: Operation,
        stream: &Stream,
    ) -> Option<Result<(), AccessDenied>> {
        let key = &stream.key;
        let is_own = key.account == caller.account;
        if key.region != caller.region || !(is_own || caller.may_look_elsewhere()) {
            return None;
        }
        let resource = Resource {
            owner: &key.account,
            policy: stream.policy(),
        };
        Some(caller.authorize(operation, resource, || stream.arn().to_string()))
    }

    /// The stream, if it is there and can be the caller's to see; whether the caller may is not asked yet.
    pub(super) fn in_sight(&self, caller: &Caller, named: &NamedStream<'_>) -> Option<Arc<Stream>> {
        let is_seen = named.partition == Partition::Aws
            && *named.region == caller.region
            && (*named.account == caller.account || caller.may_look_elsewhere());
        let find = || {
            self.inner
                .view
                .find(&named.account, &named.region, &named.name)
        };
        is_seen.then(find).flatten()
    }

    /// [`look_up`](Self::look_up) by what stands in the request.
    pub(super) fn find_stream(
        &self,
        caller: &Caller,
        operation: Operation,
        name: Option<&str>,
        arn: Option<&str>,
    ) -> Result<Arc<Stream>, FindStreamError> {
        let named = NamedStream::new(caller, name, arn)?;
        self.look_up(caller, operation, &named)
    }
}
