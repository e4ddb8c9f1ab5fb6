//! AddTagsToStream.

use millstream_wire::shapes::AddTagsToStreamRequest;

use crate::Failure;
use crate::call::{Call, FoundResource, operation};

operation! {
    /// Adds tags to a stream, and gives new values to those that it has. A stream has at most 50.
    ///
    /// If the future is dropped, the tags may still be added.
    AddTagsToStream: add_tags_to_stream(AddTagsToStreamRequest) -> ()
}

async fn add_tags_to_stream(
    call: &Call<'_>,
    request: AddTagsToStreamRequest,
) -> Result<(), Failure> {
    let stream = FoundResource::Stream(call.stream(&request)?);
    call.add_tags(&stream, request.tags).await
}
