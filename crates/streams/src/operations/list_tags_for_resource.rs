//! ListTagsForResource.

use millstream_wire::shapes::{ListTagsForResourceRequest, ListTagsForResourceResponse};
use millstream_wire::{ApiError, Operation};

use super::find_resource::FindResourceError;
use super::tags::listed;
use super::unavailable::Unavailable;
use crate::{Caller, StreamService};

/// How ListTagsForResource fails.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ListTagsForResourceError {
    /// The request names nothing that there is.
    #[error(transparent)]
    Find(#[from] FindResourceError),
    /// See [`Unavailable`].
    #[error(transparent)]
    Unavailable(#[from] Unavailable),
}

impl From<ListTagsForResourceError> for ApiError {
    fn from(error: ListTagsForResourceError) -> Self {
        match error {
            ListTagsForResourceError::Find(error) => error.into(),
            ListTagsForResourceError::Unavailable(error) => error.into(),
        }
    }
}

impl StreamService {
    /// Lists all tags of a resource by key, in order of code points.
    ///
    /// # Errors
    /// See [`ListTagsForResourceError`].
    pub async fn list_tags_for_resource(
        &self,
        caller: &Caller,
        request: ListTagsForResourceRequest,
    ) -> Result<ListTagsForResourceResponse, ListTagsForResourceError> {
        let _call = self.enter()?;
        let operation = Operation::ListTagsForResource;
        let found = self.find_resource(caller, operation, &request.resource_arn)?;
        Ok(ListTagsForResourceResponse {
            tags: listed(found.tags().iter()),
        })
    }
}
