//! ListStreamConsumers.

use millstream_catalog::Stream;
use millstream_types::TimestampMs;
use millstream_wire::shapes::{ListStreamConsumersRequest, ListStreamConsumersResponse};

use crate::Failure;
use crate::call::{Call, operation};
use crate::descriptions::{creation_timestamp, describe_consumer};
use crate::rules::next_token;
use crate::tokens::{ConsumersAfter, NextToken};
use crate::unverified_texts as texts;

/// AWS lists no more consumers in one answer, whatever the request says.
const CONSUMERS_PER_ANSWER_MAX: usize = 100;

operation! {
    /// Lists a stream's fan-out consumers by name, up to 100 at a time.
    ListStreamConsumers:
        list_stream_consumers(ListStreamConsumersRequest) -> ListStreamConsumersResponse
}

async fn list_stream_consumers(
    call: &Call<'_>,
    request: ListStreamConsumersRequest,
) -> Result<ListStreamConsumersResponse, Failure> {
    let now = call.now();
    let named = call.named(&request)?;
    let stream = call.look_up(&named)?;
    let created = request.stream_creation_timestamp;
    // The token tells namesakes apart by itself.
    if request.next_token.is_some() && created.is_some() {
        let text = texts::not_both(&"StreamCreationTimestamp");
        return Err(Failure::invalid_argument(text));
    }
    let is_other =
        created.is_some_and(|time| time.0.as_secs() != creation_timestamp(&stream).0.as_secs());
    if is_other {
        return Err(named.not_found());
    }
    let after = request.next_token.as_deref();
    let after = after.map(|token| consumers_after(call, &stream, token, now));
    let after = after.transpose()?;
    let limit = request
        .max_results
        .map_or(CONSUMERS_PER_ANSWER_MAX, |limit| limit as usize);
    let limit = limit.clamp(1, CONSUMERS_PER_ANSWER_MAX);
    let is_listed = |name: &str| after.as_deref().is_none_or(|after| name > after);
    let mut listed = stream
        .consumers
        .iter()
        .filter(|consumer| is_listed(consumer.key.name.as_str()));
    let page: Vec<_> = listed.by_ref().take(limit).collect();
    let last = page.last().filter(|_| listed.next().is_some());
    let next_token = last.map(|consumer| {
        let token = NextToken::Consumers(ConsumersAfter {
            stream: stream.id,
            after: consumer.key.name.clone(),
        });
        call.inner().tokens.seal_next(&token, now)
    });
    let consumers = page
        .into_iter()
        .map(|consumer| describe_consumer(&stream, consumer))
        .collect();
    Ok(ListStreamConsumersResponse {
        consumers,
        next_token,
    })
}

/// The name after which the token's list goes on.
fn consumers_after(
    call: &Call<'_>,
    stream: &Stream,
    token: &str,
    now: TimestampMs,
) -> Result<String, Failure> {
    match next_token::open(call, token, now)? {
        NextToken::Consumers(token) if token.stream == stream.id => Ok(token.after.to_string()),
        _ => Err(next_token::invalid()),
    }
}
