//! UntagResource.

use millstream_wire::shapes::UntagResourceRequest;
use millstream_wire::{ApiError, Operation};

use super::change_stream::ChangeStreamError;
use super::find_resource::FindResourceError;
use crate::{Caller, StreamService};

/// How UntagResource fails.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum UntagResourceError {
    /// The request names nothing that there is.
    #[error(transparent)]
    Find(#[from] FindResourceError),
    /// As any change of a stream.
    #[error(transparent)]
    Change(#[from] ChangeStreamError),
}

impl From<UntagResourceError> for ApiError {
    fn from(error: UntagResourceError) -> Self {
        match error {
            UntagResourceError::Find(error) => error.into(),
            UntagResourceError::Change(error) => error.into(),
        }
    }
}

impl StreamService {
    /// Takes tags away from a resource. Keys that it does not have are passed over.
    ///
    /// If the future is dropped, the tags may still be taken away.
    ///
    /// # Errors
    /// See [`UntagResourceError`].
    pub async fn untag_resource(
        &self,
        caller: &Caller,
        request: UntagResourceRequest,
    ) -> Result<(), UntagResourceError> {
        let _call = self.enter().map_err(ChangeStreamError::from)?;
        let found = self.find_resource(caller, Operation::UntagResource, &request.resource_arn)?;
        self.remove_tags(&found.stream, found.tagged, request.tag_keys)
            .await?;
        Ok(())
    }
}
