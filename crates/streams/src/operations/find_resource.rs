//! Which stream or consumer a resource ARN means.

use std::sync::Arc;

use millstream_wire::{ApiError, ErrorCode, Operation};

use super::find_stream::{FindStreamError, NamedStream};
use super::unverified_texts as texts;
use crate::catalog::{Stream, Tagged};
use crate::{Caller, StreamService};

/// The ARN is of nothing that there is.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FindResourceError {
    /// It is not an ARN of this service.
    #[error("{}", texts::invalid_resource_arn(.0))]
    InvalidArn(String),
    /// It is the ARN of a consumer, channel or queue that there is not.
    #[error("{}", texts::resource_not_found(.0))]
    NotFound(String),
    /// It is the ARN of a stream that there is not.
    #[error(transparent)]
    Stream(#[from] FindStreamError),
}

impl From<FindResourceError> for ApiError {
    fn from(error: FindResourceError) -> Self {
        let code = match error {
            FindResourceError::Stream(error) => return error.into(),
            FindResourceError::InvalidArn(_) => ErrorCode::Validation,
            FindResourceError::NotFound(_) => ErrorCode::ResourceNotFound,
        };
        Self::new(code, error.to_string())
    }
}

/// What a resource ARN means.
pub(super) struct Resource {
    /// The stream itself, or the one that the resource belongs to.
    pub(super) stream: Arc<Stream>,
    /// What carries the tags.
    pub(super) tagged: Tagged,
}

impl StreamService {
    /// The resource that a request names, in whatever state.
    pub(super) fn find_resource(
        &self,
        caller: &Caller,
        operation: Operation,
        arn: &str,
    ) -> Result<Resource, FindResourceError> {
        let named = match NamedStream::new(caller, None, Some(arn)) {
            Ok(named) => named,
            Err(_) if is_of_other_kind(arn) => {
                return Err(FindResourceError::NotFound(arn.to_owned()));
            }
            Err(_) => return Err(FindResourceError::InvalidArn(arn.to_owned())),
        };
        let stream = self.look_up(caller, operation, &named)?;
        let tagged = Tagged::Stream(stream.id);
        Ok(Resource { stream, tagged })
    }
}

/// Whether the ARN, which is none of a stream, is one of a consumer, channel or queue.
fn is_of_other_kind(arn: &str) -> bool {
    let resource = arn.splitn(6, ':').nth(5).unwrap_or_default();
    match resource.split_once('/') {
        Some(("channel" | "queue", _)) => true,
        Some(("stream", rest)) => rest.contains("/consumer/"),
        _ => false,
    }
}
