//! UntagResource.

use millstream_wire::Operation;
use millstream_wire::shapes::UntagResourceRequest;

use super::change_resource::ChangeResourceError;
use super::change_stream::ChangeStreamError;
use super::change_tags::ChangeTagsError;
use crate::{Caller, StreamService};

impl StreamService {
    /// Takes tags away from a stream or consumer. Keys that it does not have are passed over.
    ///
    /// If the future is dropped, the tags may still be taken away.
    ///
    /// # Errors
    /// See [`ChangeTagsError`].
    pub async fn untag_resource(
        &self,
        caller: &Caller,
        request: UntagResourceRequest,
    ) -> Result<(), ChangeTagsError> {
        let _call = self.enter().map_err(ChangeStreamError::from)?;
        let found = self.find_resource(caller, Operation::UntagResource, &request.resource_arn);
        let found = found.map_err(ChangeResourceError::from)?;
        self.remove_tags(&found, request.tag_keys).await
    }
}
