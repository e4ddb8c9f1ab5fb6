//! ListTagsForStream.

use std::ops::Bound;

use millstream_wire::Operation;
use millstream_wire::shapes::{ListTagsForStreamRequest, ListTagsForStreamResponse};

use super::find_stream::ReadStreamError;
use super::tags::listed;
use crate::{Caller, StreamService};

impl StreamService {
    /// Lists a stream's tags by key, in order of code points; all of them unless the request says less.
    ///
    /// # Errors
    /// See [`ReadStreamError`].
    pub async fn list_tags_for_stream(
        &self,
        caller: &Caller,
        request: ListTagsForStreamRequest,
    ) -> Result<ListTagsForStreamResponse, ReadStreamError> {
        let _call = self.enter()?;
        let name = request.stream_name.as_ref().map(|name| name.as_str());
        let arn = request.stream_arn.as_deref();
        let stream = self.find_stream(caller, Operation::ListTagsForStream, name, arn)?;
        let start = request.exclusive_start_tag_key.as_deref();
        let start = start.map_or(Bound::Unbounded, Bound::Excluded);
        let mut tags = stream.tags.range::<str, _>((start, Bound::Unbounded));
        let limit = request.limit.map_or(usize::MAX, |limit| limit as usize);
        Ok(ListTagsForStreamResponse {
            tags: listed(tags.by_ref().take(limit)),
            has_more_tags: tags.next().is_some(),
        })
    }
}
