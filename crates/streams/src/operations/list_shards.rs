//! ListShards.

use std::sync::Arc;

use millstream_catalog::{Shard, Stream};
use millstream_types::{ShardId, TimestampMs};
use millstream_wire::shapes::{
    ListShardsRequest, ListShardsResponse, ShardFilter, ShardFilterType,
};

use crate::call::{Call, OfStream, operation};
use crate::descriptions::{creation_timestamp, describe, listed_shards};
use crate::rules::next_token;
use crate::tokens::{NextToken, ShardsAfter};
use crate::unverified_texts as texts;
use crate::{Failure, refusals};

/// Shards of one answer if the request does not say, and if it does, at most.
const SHARDS_PER_ANSWER_DEFAULT: u32 = 1000;
const SHARDS_PER_ANSWER_MAX: u32 = 10_000;

operation! {
    /// Lists shards that may still hold records.
    ListShards: list_shards(ListShardsRequest) -> ListShardsResponse
}

/// What is asked for, from the request or from the token of the page before.
struct Question {
    stream: Arc<Stream>,
    /// Shards after this one, as a request writes it.
    after: Option<String>,
    filter: ShardFilterType,
    time: Option<TimestampMs>,
}

async fn list_shards(
    call: &Call<'_>,
    request: ListShardsRequest,
) -> Result<ListShardsResponse, Failure> {
    let now = call.now();
    let max_results = request.max_results.unwrap_or(SHARDS_PER_ANSWER_DEFAULT);
    let limit = max_results.clamp(1, SHARDS_PER_ANSWER_MAX) as usize;
    let question = match &request.next_token {
        Some(token) => continued(call, &request, token, now)?,
        None => asked(call, request)?,
    };
    let stream = &question.stream;
    if !stream.is_usable() {
        return Err(refusals::stream_not_active(&stream.key, stream.status));
    }
    let mut listed = listed_shards(stream, question.after.as_deref(), now)
        .filter(|shard| passes(shard, &question, now));
    let page: Vec<Shard> = listed.by_ref().take(limit).collect();
    let last = page.last().filter(|_| listed.next().is_some());
    let next_token = last.map(|last| {
        let token = NextToken::Shards(ShardsAfter {
            stream: stream.id,
            stream_name: stream.key.name.clone(),
            after: last.id,
            filter: question.filter,
            time: question.time,
        });
        call.inner().tokens.seal_next(&token, now)
    });
    Ok(ListShardsResponse {
        shards: page.into_iter().map(describe).collect(),
        next_token,
    })
}

fn continued(
    call: &Call<'_>,
    request: &ListShardsRequest,
    token: &str,
    now: TimestampMs,
) -> Result<Question, Failure> {
    let others = [
        (request.stream_name.is_some(), "StreamName"),
        (request.stream_arn.is_some(), "StreamARN"),
        (
            request.exclusive_start_shard_id.is_some(),
            "ExclusiveStartShardId",
        ),
        (request.shard_filter.is_some(), "ShardFilter"),
        (
            request.stream_creation_timestamp.is_some(),
            "StreamCreationTimestamp",
        ),
    ];
    if let Some((_, name)) = others.into_iter().find(|(is_given, _)| *is_given) {
        return Err(Failure::invalid_argument(texts::not_both(&name)));
    }
    let NextToken::Shards(token) = next_token::open(call, token, now)? else {
        return Err(next_token::invalid());
    };
    let gone = || {
        let name = token.stream_name.as_str();
        refusals::stream_not_found(name, &call.caller.account)
    };
    let stream = call.inner().view.get(token.stream).ok_or_else(gone)?;
    call.allow(&stream).ok_or_else(next_token::invalid)??;
    Ok(Question {
        stream,
        after: Some(token.after.to_string()),
        filter: token.filter,
        time: token.time,
    })
}

fn asked(call: &Call<'_>, request: ListShardsRequest) -> Result<Question, Failure> {
    if request.name().is_none() && request.arn().is_none() {
        let text = "Either NextToken or StreamName should be provided.";
        return Err(Failure::invalid_argument(text));
    }
    let named = call.named(&request)?;
    let stream = call.look_up(&named)?;
    if let Some(created) = request.stream_creation_timestamp
        && created.0.as_secs() != creation_timestamp(&stream).0.as_secs()
    {
        return Err(named.not_found());
    }
    let start = request.exclusive_start_shard_id;
    let (filter, shard, time) = filter_of(request.shard_filter)?;
    // Both say "after"; the later one holds.
    let after = match (start, shard) {
        (Some(start), Some(shard)) => Some(later(start, shard)),
        (start, shard) => start.or(shard),
    };
    Ok(Question {
        stream,
        after,
        filter,
        time,
    })
}

/// Rule, shard id and time of a filter.
type FilterParts = (ShardFilterType, Option<String>, Option<TimestampMs>);

fn filter_of(filter: Option<ShardFilter>) -> Result<FilterParts, Failure> {
    let Some(filter) = filter else {
        return Ok((ShardFilterType::FromTrimHorizon, None, None));
    };
    match filter.filter_type {
        ShardFilterType::AfterShardId => match filter.shard_id {
            Some(shard) => Ok((filter.filter_type, Some(shard), None)),
            None => Err(Failure::invalid_argument(
                texts::SHARD_FILTER_WITHOUT_SHARD_ID,
            )),
        },
        ShardFilterType::AtTimestamp | ShardFilterType::FromTimestamp => match filter.timestamp {
            Some(time) => Ok((filter.filter_type, None, Some(time.0))),
            None => Err(Failure::invalid_argument(
                texts::SHARD_FILTER_WITHOUT_TIMESTAMP,
            )),
        },
        ShardFilterType::AtTrimHorizon
        | ShardFilterType::FromTrimHorizon
        | ShardFilterType::AtLatest => Ok((filter.filter_type, None, None)),
    }
}

fn later(one: String, other: String) -> String {
    match (one.parse::<ShardId>(), other.parse::<ShardId>()) {
        (Ok(first), Ok(second)) if first > second => one,
        (Ok(_), Ok(_)) => other,
        (Ok(_), Err(_)) | (Err(_), Ok(_)) | (Err(_), Err(_)) => one.max(other),
    }
}

fn passes(shard: &Shard, question: &Question, now: TimestampMs) -> bool {
    let stream = &question.stream;
    let horizon = stream.trim_horizon(now).max(stream.created_ms);
    let time = question.time.unwrap_or_default();
    match question.filter {
        ShardFilterType::AfterShardId | ShardFilterType::FromTrimHorizon => true,
        ShardFilterType::AtLatest => !shard.is_closed(),
        ShardFilterType::AtTrimHorizon => shard.was_open_at(horizon),
        // Before the horizon nothing is left: the shards of the horizon are where to start.
        ShardFilterType::AtTimestamp => shard.was_open_at(time.max(horizon)),
        ShardFilterType::FromTimestamp => shard.was_open_at_or_after(time.max(horizon)),
    }
}
