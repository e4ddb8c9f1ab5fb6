//! TagResource, and how it and UntagResource fail.

use millstream_wire::shapes::TagResourceRequest;
use millstream_wire::{ApiError, Operation};

use super::change_stream::ChangeStreamError;
use super::change_tags::ChangeTagsError;
use super::find_resource::FindResourceError;
use super::unavailable::Unavailable;
use crate::{Caller, StreamService};

/// How TagResource and UntagResource fail.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TagResourceError {
    /// The request names nothing that there is.
    #[error(transparent)]
    Find(#[from] FindResourceError),
    /// As any change of tags.
    #[error(transparent)]
    Change(#[from] ChangeTagsError),
}

impl From<TagResourceError> for ApiError {
    fn from(error: TagResourceError) -> Self {
        match error {
            TagResourceError::Find(error) => error.into(),
            TagResourceError::Change(error) => error.into(),
        }
    }
}

impl StreamService {
    /// Adds tags to a resource, and gives new values to those that it has. A resource has at most 50.
    ///
    /// If the future is dropped, the tags may still be added.
    ///
    /// # Errors
    /// See [`TagResourceError`].
    pub async fn tag_resource(
        &self,
        caller: &Caller,
        request: TagResourceRequest,
    ) -> Result<(), TagResourceError> {
        let _call = self.enter().map_err(stopped)?;
        let found = self.find_resource(caller, Operation::TagResource, &request.resource_arn)?;
        Ok(self.add_tags(&found, request.tags).await?)
    }
}

/// The service is stopping.
pub(super) fn stopped(reason: Unavailable) -> TagResourceError {
    ChangeTagsError::from(ChangeStreamError::from(reason)).into()
}
