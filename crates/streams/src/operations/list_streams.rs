//! ListStreams.

use std::ops::Bound;

use millstream_wire::shapes::{ListStreamsRequest, ListStreamsResponse};
use millstream_wire::{ApiError, ErrorCode, Operation};

use super::shard_description::summary;
use super::unavailable::Unavailable;
use super::unverified_texts as texts;
use crate::tokens::{NextToken, NextTokenError, UtcText};
use crate::{AccessDenied, Caller, StreamService};

/// AWS lists no more streams in one answer, whatever the request says.
const STREAMS_PER_ANSWER_MAX: usize = 100;

/// How ListStreams fails.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ListStreamsError {
    /// A token and a name to start after.
    #[error("{}", texts::not_both(&"ExclusiveStartStreamName"))]
    TokenAndStart,
    /// The token was not made by this service for this operation.
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
    /// The caller may not list streams.
    #[error(transparent)]
    AccessDenied(#[from] AccessDenied),
    /// See [`Unavailable`].
    #[error(transparent)]
    Unavailable(#[from] Unavailable),
}

impl From<ListStreamsError> for ApiError {
    fn from(error: ListStreamsError) -> Self {
        let code = match &error {
            ListStreamsError::TokenAndStart | ListStreamsError::InvalidToken => {
                ErrorCode::InvalidArgument
            }
            ListStreamsError::ExpiredToken { .. } => ErrorCode::ExpiredNextToken,
            ListStreamsError::AccessDenied(_) => ErrorCode::AccessDenied,
            ListStreamsError::Unavailable(error) => return (*error).into(),
        };
        Self::new(code, error.to_string())
    }
}

impl StreamService {
    /// Lists the caller's streams by name, up to 100 at a time.
    ///
    /// # Errors
    /// See [`ListStreamsError`].
    pub async fn list_streams(
        &self,
        caller: &Caller,
        request: ListStreamsRequest,
    ) -> Result<ListStreamsResponse, ListStreamsError> {
        let _call = self.enter()?;
        caller.authorize_in_general(Operation::ListStreams)?;
        let now = self.inner.clock.now();
        let after = match (&request.next_token, request.exclusive_start_stream_name) {
            (Some(_), Some(_)) => return Err(ListStreamsError::TokenAndStart),
            (Some(token), None) => match self.inner.tokens.open_next(token, now) {
                Ok(NextToken::StreamsAfter(name)) => Some(name.to_string()),
                Ok(_) | Err(NextTokenError::Invalid) => {
                    return Err(ListStreamsError::InvalidToken);
                }
                Err(NextTokenError::Expired { issued, now }) => {
                    return Err(ListStreamsError::ExpiredToken { issued, now });
                }
            },
            (None, start) => start,
        };
        let limit = request
            .limit
            .map_or(STREAMS_PER_ANSWER_MAX, |limit| limit as usize);
        let limit = limit.clamp(1, STREAMS_PER_ANSWER_MAX);
        let after = after.as_deref().map_or(Bound::Unbounded, Bound::Excluded);
        let mut streams: Vec<_> = self.inner.view.read(|catalog| {
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
            self.inner.tokens.seal_next(&token, now)
        });
        Ok(ListStreamsResponse {
            stream_names: streams.iter().map(|one| one.key.name.clone()).collect(),
            has_more_streams,
            next_token,
            stream_summaries: streams.iter().map(|one| summary(one)).collect(),
        })
    }
}
