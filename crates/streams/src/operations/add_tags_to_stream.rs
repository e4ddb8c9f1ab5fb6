//! AddTagsToStream.

use millstream_wire::Operation;
use millstream_wire::shapes::AddTagsToStreamRequest;

use super::change_stream::ChangeStreamError;
use super::change_tags::ChangeTagsError;
use super::find_resource::FoundResource;
use crate::{Caller, StreamService};

impl StreamService {
    /// Adds tags to a stream, and gives new values to those that it has. A stream has at most 50.
    ///
    /// If the future is dropped, the tags may still be added.
    ///
    /// # Errors
    /// See [`ChangeTagsError`].
    pub async fn add_tags_to_stream(
        &self,
        caller: &Caller,
        request: AddTagsToStreamRequest,
    ) -> Result<(), ChangeTagsError> {
        let _call = self.enter().map_err(ChangeStreamError::from)?;
        let name = request.stream_name.as_ref().map(|name| name.as_str());
        let arn = request.stream_arn.as_deref();
        let stream = self.stream_to_change(caller, Operation::AddTagsToStream, name, arn)?;
        self.add_tags(&FoundResource::Stream(stream), request.tags)
            .await
    }
}
