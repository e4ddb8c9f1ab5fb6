//! RemoveTagsFromStream.

use millstream_wire::shapes::RemoveTagsFromStreamRequest;

use crate::Failure;
use crate::call::{Call, FoundResource, operation};

operation! {
    /// Takes tags away from a stream. Keys that it does not have are passed over.
    ///
    /// If the future is dropped, the tags may still be taken away.
    RemoveTagsFromStream: remove_tags_from_stream(RemoveTagsFromStreamRequest) -> ()
}

async fn remove_tags_from_stream(
    call: &Call<'_>,
    request: RemoveTagsFromStreamRequest,
) -> Result<(), Failure> {
    let stream = FoundResource::Stream(call.stream(&request)?);
    call.remove_tags(&stream, request.tag_keys).await
}
