//! TagResource.

use millstream_wire::shapes::TagResourceRequest;

use crate::Failure;
use crate::call::{Call, operation};

operation! {
    /// Adds tags to a stream or consumer, and gives new values to those that it has. Each has at most 50.
    ///
    /// If the future is dropped, the tags may still be added.
    TagResource: tag_resource(TagResourceRequest) -> ()
}

async fn tag_resource(call: &Call<'_>, request: TagResourceRequest) -> Result<(), Failure> {
    let found = call.resource(&request.resource_arn)?;
    call.add_tags(&found, request.tags).await
}
