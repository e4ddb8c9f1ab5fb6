//! ListShards.

use std::sync::Arc;

use millstream_types::{ShardId, TimestampMs};
use millstream_wire::shapes::{
    ListShardsRequest, ListShardsResponse, ShardFilter, ShardFilterType,
};
use millstream_wire::{ApiError, ErrorCode, Operation};

use super::change_stream::StreamNotActive;
use super::find_stream::{FindStreamError, NamedStream};
use super::not_found::StreamNotFound;
use super::shard_description::{creation_timestamp, describe, listed_shards};
use super::unavailable::Unavailable;
use super::unverified_texts as texts;
use crate::tokens::{NextToken, NextTokenError, ShardsAfter, UtcText};
use crate::{Caller, StreamService};
use millstream_catalog::{Shard, Stream};

/// Shards of one answer if the request does not say, and if it does, at most.
const SHARDS_PER_ANSWER_DEFAULT: u32 = 1000;
const SHARDS_PER_ANSWER_MAX: u32 = 10_000;

/// How ListShards fails.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ListShardsError {
    /// Neither a token nor a stream.
    #[error("Either NextToken or StreamName should be provided.")]
    NotNamed,
    /// A token and something that it says already.
    #[error("{}", texts::not_both(.0))]
    TokenAnd(&'static str),
    /// The token was not made by this service for this operation and account.
    #[error("{}", texts::INVALID_NEXT_TOKEN)]
    InvalidToken,
    /// The token is older than 300 s.
    #[error("{}", texts::next_token_expired(.issued, .now))]
    ExpiredToken {
        /// When it was made.
        issued: UtcText,
        /// The time now.
        now: UtcText,
    },
    /// AFTER_SHARD_ID without a shard id.
    #[error("{}", texts::SHARD_FILTER_WITHOUT_SHARD_ID)]
    FilterWithoutShardId,
    /// AT_TIMESTAMP or FROM_TIMESTAMP without a timestamp.
    #[error("{}", texts::SHARD_FILTER_WITHOUT_TIMESTAMP)]
    FilterWithoutTimestamp,
    /// The request names no stream that there is.
    #[error(transparent)]
    Find(#[from] FindStreamError),
    /// The stream is being created or deleted.
    #[error(transparent)]
    NotActive(#[from] StreamNotActive),
    /// See [`Unavailable`].
    #[error(transparent)]
    Unavailable(#[from] Unavailable),
}

impl From<ListShardsError> for ApiError {
    fn from(error: ListShardsError) -> Self {
        let code = match &error {
            ListShardsError::NotNamed
            | ListShardsError::TokenAnd(_)
            | ListShardsError::InvalidToken
            | ListShardsError::FilterWithoutShardId
            | ListShardsError::FilterWithoutTimestamp => ErrorCode::InvalidArgument,
            ListShardsError::ExpiredToken { .. } => ErrorCode::ExpiredNextToken,
            ListShardsError::NotActive(_) => ErrorCode::ResourceInUse,
            ListShardsError::Find(_) => return find_error(error),
            ListShardsError::Unavailable(error) => return (*error).into(),
        };
        Self::new(code, error.to_string())
    }
}

fn find_error(error: ListShardsError) -> ApiError {
    match error {
        ListShardsError::Find(error) => error.into(),
        other => ApiError::new(ErrorCode::InternalFailure, other.to_string()),
    }
}

/// What is asked for, from the request or from the token of the page before.
struct Question {
    stream: Arc<Stream>,
    /// Shards after this one, as a request writes it.
    after: Option<String>,
    filter: ShardFilterType,
    time: Option<TimestampMs>,
}

impl StreamService {
    /// Lists shards that may still hold records.
    ///
    /// # Errors
    /// See [`ListShardsError`].
    pub async fn list_shards(
        &self,
        caller: &Caller,
        request: ListShardsRequest,
    ) -> Result<ListShardsResponse, ListShardsError> {
        let _call = self.enter()?;
        let now = self.inner.clock.now();
        let max_results = request.max_results.unwrap_or(SHARDS_PER_ANSWER_DEFAULT);
        let limit = max_results.clamp(1, SHARDS_PER_ANSWER_MAX) as usize;
        let question = match &request.next_token {
            Some(token) => self.continued(caller, &request, token, now)?,
            None => self.asked(caller, request)?,
        };
        let stream = &question.stream;
        if !stream.is_usable() {
            return Err(StreamNotActive {
                name: stream.key.name.to_string(),
                account: stream.key.account.clone(),
                status: stream.status,
            }
            .into());
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
            self.inner.tokens.seal_next(&token, now)
        });
        Ok(ListShardsResponse {
            shards: page.into_iter().map(describe).collect(),
            next_token,
        })
    }

    fn continued(
        &self,
        caller: &Caller,
        request: &ListShardsRequest,
        token: &str,
        now: TimestampMs,
    ) -> Result<Question, ListShardsError> {
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
            return Err(ListShardsError::TokenAnd(name));
        }
        let token = match self.inner.tokens.open_next(token, now) {
            Ok(NextToken::Shards(token)) => token,
            Ok(_) | Err(NextTokenError::Invalid) => {
                return Err(ListShardsError::InvalidToken);
            }
            Err(NextTokenError::Expired { issued, now }) => {
                return Err(ListShardsError::ExpiredToken { issued, now });
            }
        };
        let stream = self.inner.view.get(token.stream).ok_or_else(|| {
            FindStreamError::from(StreamNotFound {
                name: token.stream_name.to_string(),
                account: caller.account.clone(),
            })
        })?;
        Self::allow(caller, Operation::ListShards, &stream)
            .ok_or(ListShardsError::InvalidToken)?
            .map_err(FindStreamError::from)?;
        Ok(Question {
            stream,
            after: Some(token.after.to_string()),
            filter: token.filter,
            time: token.time,
        })
    }

    fn asked(
        &self,
        caller: &Caller,
        request: ListShardsRequest,
    ) -> Result<Question, ListShardsError> {
        let name = request.stream_name.as_ref().map(|name| name.as_str());
        if name.is_none() && request.stream_arn.is_none() {
            return Err(ListShardsError::NotNamed);
        }
        let named = NamedStream::new(caller, name, request.stream_arn.as_deref())?;
        let not_found = || FindStreamError::from(named.not_found());
        let stream = self.look_up(caller, Operation::ListShards, &named)?;
        if let Some(created) = request.stream_creation_timestamp
            && created.0.as_secs() != creation_timestamp(&stream).0.as_secs()
        {
            return Err(not_found().into());
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
}

/// Rule, shard id and time of a filter.
type FilterParts = (ShardFilterType, Option<String>, Option<TimestampMs>);

fn filter_of(filter: Option<ShardFilter>) -> Result<FilterParts, ListShardsError> {
    let Some(filter) = filter else {
        return Ok((ShardFilterType::FromTrimHorizon, None, None));
    };
    match filter.filter_type {
        ShardFilterType::AfterShardId => match filter.shard_id {
            Some(shard) => Ok((filter.filter_type, Some(shard), None)),
            None => Err(ListShardsError::FilterWithoutShardId),
        },
        ShardFilterType::AtTimestamp | ShardFilterType::FromTimestamp => match filter.timestamp {
            Some(time) => Ok((filter.filter_type, None, Some(time.0))),
            None => Err(ListShardsError::FilterWithoutTimestamp),
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
