//! TagResource.

use millstream_wire::shapes::TagResourceRequest;
use millstream_wire::{ApiError, Operation};

use super::add_tags_to_stream::AddTagsToStreamError;
use super::change_stream::ChangeStreamError;
use super::find_resource::FindResourceError;
use crate::{Caller, StreamService};

/// How TagResource fails.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TagResourceError {
    /// The request names nothing that there is.
    #[error(transparent)]
    Find(#[from] FindResourceError),
    /// As AddTagsToStream.
    #[error(transparent)]
    AddTags(#[from] AddTagsToStreamError),
}

impl From<TagResourceError> for ApiError {
    fn from(error: TagResourceError) -> Self {
        match error {
            TagResourceError::Find(error) => error.into(),
            TagResourceError::AddTags(error) => error.into(),
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
        let _call = self
            .enter()
            .map_err(|stopped| AddTagsToStreamError::from(ChangeStreamError::from(stopped)))?;
        let found = self.find_resource(caller, Operation::TagResource, &request.resource_arn)?;
        self.add_tags(&found.stream, found.tagged, request.tags)
            .await?;
        Ok(())
    }
}
