//! Which stream a request means: by name, by ARN, or by both if they agree.

use std::borrow::Cow;
use std::sync::Arc;

use millstream_types::{AccountId, StreamArn};
use millstream_wire::{ApiError, ErrorCode, Operation};

use super::not_found::StreamNotFound;
use super::unverified_texts as texts;
use crate::catalog::Stream;
use crate::{Caller, StreamService};

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
    /// There is no such stream; also where the ARN is of another account or region.
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
            FindStreamError::NotFound(_) => ErrorCode::ResourceNotFound,
        };
        Self::new(code, error.to_string())
    }
}

/// A stream as a request names it; it need not exist.
#[derive(Debug)]
pub(super) struct NamedStream<'a> {
    pub(super) name: Cow<'a, str>,
    pub(super) account: Cow<'a, AccountId>,
    /// Whether the ARN is of another account or region: not the caller's to see.
    is_elsewhere: bool,
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
                is_elsewhere: false,
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
            is_elsewhere: parsed.account != caller.account || parsed.region != caller.region,
            account: Cow::Owned(parsed.account),
        })
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
    /// Every operation on a stream that is there comes through here with its own name.
    pub(super) fn look_up(
        &self,
        caller: &Caller,
        _operation: Operation,
        named: &NamedStream<'_>,
    ) -> Result<Arc<Stream>, FindStreamError> {
        let found = self.in_sight(caller, named);
        found.ok_or_else(|| named.not_found().into())
    }

    /// The stream, if it is there and in the caller's account and region; whether the caller may is not asked.
    pub(super) fn in_sight(&self, caller: &Caller, named: &NamedStream<'_>) -> Option<Arc<Stream>> {
        if named.is_elsewhere {
            return None;
        }
        self.inner.view.find(caller, &named.name)
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
