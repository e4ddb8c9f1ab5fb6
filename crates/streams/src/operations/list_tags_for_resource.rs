//! ListTagsForResource.

use millstream_wire::Operation;
use millstream_wire::shapes::{ListTagsForResourceRequest, ListTagsForResourceResponse};

use super::find_resource::ReadResourceError;
use super::tags::listed;
use crate::{Caller, StreamService};

impl StreamService {
    /// Lists all tags of a stream or consumer by key, in order of code points.
    ///
    /// # Errors
    /// See [`ReadResourceError`].
    pub async fn list_tags_for_resource(
        &self,
        caller: &Caller,
        request: ListTagsForResourceRequest,
    ) -> Result<ListTagsForResourceResponse, ReadResourceError> {
        let _call = self.enter()?;
        let operation = Operation::ListTagsForResource;
        let found = self.find_resource(caller, operation, &request.resource_arn)?;
        Ok(ListTagsForResourceResponse {
            tags: listed(found.tags().iter()),
        })
    }
}
