//! UntagResource.

use millstream_wire::Operation;
use millstream_wire::shapes::UntagResourceRequest;

use super::tag_resource::{TagResourceError, stopped};
use crate::{Caller, StreamService};

impl StreamService {
    /// Takes tags away from a resource. Keys that it does not have are passed over.
    ///
    /// If the future is dropped, the tags may still be taken away.
    ///
    /// # Errors
    /// See [`TagResourceError`].
    pub async fn untag_resource(
        &self,
        caller: &Caller,
        request: UntagResourceRequest,
    ) -> Result<(), TagResourceError> {
        let _call = self.enter().map_err(stopped)?;
        let found = self.find_resource(caller, Operation::UntagResource, &request.resource_arn)?;
        Ok(self.remove_tags(&found, request.tag_keys).await?)
    }
}
