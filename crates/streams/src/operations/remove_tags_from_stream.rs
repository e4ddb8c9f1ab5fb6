//! RemoveTagsFromStream, and what it shares with UntagResource.

use millstream_wire::Operation;
use millstream_wire::shapes::RemoveTagsFromStreamRequest;

use super::change_stream::ChangeStreamError;
use crate::catalog::{Command, Stream, Tagged};
use crate::{Caller, StreamService};

impl StreamService {
    /// Takes tags away from a stream. Keys that it does not have are passed over.
    ///
    /// If the future is dropped, the tags may still be taken away.
    ///
    /// # Errors
    /// See [`ChangeStreamError`].
    pub async fn remove_tags_from_stream(
        &self,
        caller: &Caller,
        request: RemoveTagsFromStreamRequest,
    ) -> Result<(), ChangeStreamError> {
        let _call = self.enter()?;
        let name = request.stream_name.as_ref().map(|name| name.as_str());
        let arn = request.stream_arn.as_deref();
        let stream = self.stream_to_change(caller, Operation::RemoveTagsFromStream, name, arn)?;
        self.remove_tags(&stream, Tagged::Stream(stream.id), request.tag_keys)
            .await
    }

    /// Takes tags away from a stream, or from what belongs to it.
    pub(super) async fn remove_tags(
        &self,
        stream: &Stream,
        resource: Tagged,
        keys: Vec<String>,
    ) -> Result<(), ChangeStreamError> {
        let keys = keys.into_iter().collect();
        let command = Command::RemoveTags { resource, keys };
        self.change_stream::<ChangeStreamError>(stream, command, |_| None)
            .await?;
        Ok(())
    }
}
