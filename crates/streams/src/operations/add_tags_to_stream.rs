//! AddTagsToStream, and what it shares with TagResource.

use std::collections::BTreeMap;

use millstream_wire::shapes::AddTagsToStreamRequest;
use millstream_wire::{ApiError, ErrorCode, Operation};

use super::change_stream::ChangeStreamError;
use super::tags::{InvalidTags, check_tags};
use crate::catalog::{Command, Rejected, Stream, Tagged};
use crate::{Caller, StreamService};

/// How AddTagsToStream fails.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AddTagsToStreamError {
    /// The stream cannot have these tags.
    #[error(transparent)]
    InvalidTags(#[from] InvalidTags),
    /// As any change of a stream.
    #[error(transparent)]
    Change(#[from] ChangeStreamError),
}

impl From<AddTagsToStreamError> for ApiError {
    fn from(error: AddTagsToStreamError) -> Self {
        match error {
            AddTagsToStreamError::Change(error) => error.into(),
            AddTagsToStreamError::InvalidTags(_) => {
                Self::new(ErrorCode::InvalidArgument, error.to_string())
            }
        }
    }
}

impl StreamService {
    /// Adds tags to a stream, and gives new values to those that it has. A stream has at most 50.
    ///
    /// If the future is dropped, the tags may still be added.
    ///
    /// # Errors
    /// See [`AddTagsToStreamError`].
    pub async fn add_tags_to_stream(
        &self,
        caller: &Caller,
        request: AddTagsToStreamRequest,
    ) -> Result<(), AddTagsToStreamError> {
        let _call = self.enter().map_err(ChangeStreamError::from)?;
        let name = request.stream_name.as_ref().map(|name| name.as_str());
        let arn = request.stream_arn.as_deref();
        let stream = self.stream_to_change(caller, Operation::AddTagsToStream, name, arn)?;
        self.add_tags(&stream, Tagged::Stream(stream.id), request.tags)
            .await
    }

    /// Adds tags to a stream, or to what belongs to it.
    pub(super) async fn add_tags(
        &self,
        stream: &Stream,
        resource: Tagged,
        tags: BTreeMap<String, String>,
    ) -> Result<(), AddTagsToStreamError> {
        let (name, account) = (&stream.key.name, &stream.key.account);
        check_tags(&tags, name, account)?;
        let command = Command::AddTags { resource, tags };
        self.change_stream(stream, command, |reason| match reason {
            Rejected::TooManyTags => Some(AddTagsToStreamError::from(InvalidTags::too_many(
                name, account,
            ))),
            _ => None,
        })
        .await?;
        Ok(())
    }
}
