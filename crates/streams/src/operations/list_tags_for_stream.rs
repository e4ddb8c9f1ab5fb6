//! ListTagsForStream.

use std::ops::Bound;

use millstream_wire::shapes::{ListTagsForStreamRequest, ListTagsForStreamResponse};

use crate::Failure;
use crate::call::{Call, operation};
use crate::rules::tags::listed;

operation! {
    /// Lists a stream's tags by key, in order of code points; all of them unless the request says less.
    ListTagsForStream: list_tags_for_stream(ListTagsForStreamRequest) -> ListTagsForStreamResponse
}

async fn list_tags_for_stream(
    call: &Call<'_>,
    request: ListTagsForStreamRequest,
) -> Result<ListTagsForStreamResponse, Failure> {
    let stream = call.stream(&request)?;
    let start = request.exclusive_start_tag_key.as_deref();
    let start = start.map_or(Bound::Unbounded, Bound::Excluded);
    let mut tags = stream.tags.range::<str, _>((start, Bound::Unbounded));
    let limit = request.limit.map_or(usize::MAX, |limit| limit as usize);
    Ok(ListTagsForStreamResponse {
        tags: listed(tags.by_ref().take(limit)),
        has_more_tags: tags.next().is_some(),
    })
}
