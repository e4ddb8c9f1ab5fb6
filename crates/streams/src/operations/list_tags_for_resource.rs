//! ListTagsForResource.

use millstream_wire::shapes::{ListTagsForResourceRequest, ListTagsForResourceResponse};

use crate::Failure;
use crate::call::{Call, operation};
use crate::rules::tags::listed;

operation! {
    /// Lists all tags of a stream or consumer by key, in order of code points.
    ListTagsForResource: list_tags_for_resource(ListTagsForResourceRequest) -> ListTagsForResourceResponse
}

async fn list_tags_for_resource(
    call: &Call<'_>,
    request: ListTagsForResourceRequest,
) -> Result<ListTagsForResourceResponse, Failure> {
    let found = call.resource(&request.resource_arn)?;
    Ok(ListTagsForResourceResponse {
        tags: listed(found.tags().iter()),
    })
}
