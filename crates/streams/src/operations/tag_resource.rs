//! TagResource.

use millstream_wire::Operation;
use millstream_wire::shapes::TagResourceRequest;

use super::change_resource::ChangeResourceError;
use super::change_stream::ChangeStreamError;
use super::change_tags::ChangeTagsError;
use crate::{Caller, StreamService};

impl StreamService {
    /// Adds tags to a stream or consumer, and gives new values to those that it has. Each has at most 50.
    ///
    /// If the future is dropped, the tags may still be added.
    ///
    /// # Errors
    /// See [`ChangeTagsError`].
    pub async fn tag_resource(
        &self,
        caller: &Caller,
        request: TagResourceRequest,
    ) -> Result<(), ChangeTagsError> {
        let _call = self.enter().map_err(ChangeStreamError::from)?;
        let found = self.find_resource(caller, Operation::TagResource, &request.resource_arn);
        let found = found.map_err(ChangeResourceError::from)?;
        self.add_tags(&found, request.tags).await
    }
}
