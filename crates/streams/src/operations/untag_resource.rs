//! UntagResource.

use millstream_wire::shapes::UntagResourceRequest;

use crate::Failure;
use crate::call::{Call, operation};

operation! {
    /// Takes tags away from a stream or consumer. Keys that it does not have are passed over.
    ///
    /// If the future is dropped, the tags may still be taken away.
    UntagResource: untag_resource(UntagResourceRequest) -> ()
}

async fn untag_resource(call: &Call<'_>, request: UntagResourceRequest) -> Result<(), Failure> {
    let found = call.resource(&request.resource_arn)?;
    call.remove_tags(&found, request.tag_keys).await
}
