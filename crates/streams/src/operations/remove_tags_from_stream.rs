//! RemoveTagsFromStream.

use millstream_wire::Operation;
use millstream_wire::shapes::RemoveTagsFromStreamRequest;

use super::change_stream::ChangeStreamError;
use super::change_tags::ChangeTagsError;
use super::find_resource::FoundResource;
use crate::{Caller, StreamService};

impl StreamService {
    /// Takes tags away from a stream. Keys that it does not have are passed over.
    ///
    /// If the future is dropped, the tags may still be taken away.
    ///
    /// # Errors
    /// See [`ChangeTagsError`].
    pub async fn remove_tags_from_stream(
        &self,
        caller: &Caller,
        request: RemoveTagsFromStreamRequest,
    ) -> Result<(), ChangeTagsError> {
        let _call = self.enter().map_err(ChangeStreamError::from)?;
        let name = request.stream_name.as_ref().map(|name| name.as_str());
        let arn = request.stream_arn.as_deref();
        let stream = self.stream_to_change(caller, Operation::RemoveTagsFromStream, name, arn)?;
        self.remove_tags(&FoundResource::Stream(stream), request.tag_keys)
            .await
    }
}
