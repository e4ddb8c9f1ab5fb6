//! ListStreams.

use std::ops::Bound;

use millstream_wire::shapes::{ListStreamsRequest, ListStreamsResponse};

use crate::Failure;
use crate::call::{Call, operation};
use crate::descriptions::summary;
use crate::rules::next_token;
use crate::tokens::NextToken;
use crate::unverified_texts as texts;

/// AWS lists no more streams in one answer, whatever the request says.
const STREAMS_PER_ANSWER_MAX: usize = 100;

operation! {
    /// Lists the caller's streams by name, up to 100 at a time.
    ListStreams: list_streams(ListStreamsRequest) -> ListStreamsResponse
}

async fn list_streams(
    call: &Call<'_>,
    request: ListStreamsRequest,
) -> Result<ListStreamsResponse, Failure> {
    call.allow_in_general()?;
    let now = call.now();
    let after = match (&request.next_token, request.exclusive_start_stream_name) {
        (Some(_), Some(_)) => {
            let text = texts::not_both(&"ExclusiveStartStreamName");
            return Err(Failure::invalid_argument(text));
        }
        (Some(token), None) => match next_token::open(call, token, now)? {
            NextToken::StreamsAfter(name) => Some(name.to_string()),
            _ => return Err(next_token::invalid()),
        },
        (None, start) => start,
    };
    let limit = request
        .limit
        .map_or(STREAMS_PER_ANSWER_MAX, |limit| limit as usize);
    let limit = limit.clamp(1, STREAMS_PER_ANSWER_MAX);
    let after = after.as_deref().map_or(Bound::Unbounded, Bound::Excluded);
    let caller = call.caller;
    let mut streams: Vec<_> = call.inner().view.read(|catalog| {
        let streams = catalog.in_region(&caller.account, &caller.region);
        let after = streams
            .into_iter()
            .flat_map(|streams| streams.range::<str, _>((after, Bound::Unbounded)));
        after
            .take(limit + 1)
            .map(|(_, stream)| stream.clone())
            .collect()
    });
    let has_more_streams = streams.len() > limit;
    streams.truncate(limit);
    let last = streams.last().filter(|_| has_more_streams);
    let next_token = last.map(|stream| {
        let token = NextToken::StreamsAfter(stream.key.name.clone());
        call.inner().tokens.seal_next(&token, now)
    });
    Ok(ListStreamsResponse {
        stream_names: streams.iter().map(|one| one.key.name.clone()).collect(),
        has_more_streams,
        next_token,
        stream_summaries: streams.iter().map(|one| summary(one)).collect(),
    })
}
