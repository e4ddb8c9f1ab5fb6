//! ListStreamConsumers.

use std::sync::Arc;

use millstream_types::TimestampMs;
use millstream_wire::shapes::{ListStreamConsumersRequest, ListStreamConsumersResponse};
use millstream_wire::{ApiError, ErrorCode, Operation};

use super::consumer_description::describe_consumer;
use super::find_stream::{FindStreamError, NamedStream};
use super::shard_description::creation_timestamp;
use super::unavailable::Unavailable;
use super::unverified_texts as texts;
use crate::tokens::{ConsumersAfter, NextToken, NextTokenError, UtcText};
use crate::{Caller, StreamService};
use millstream_catalog::Stream;

/// AWS lists no more consumers in one answer, whatever the request says.
const CONSUMERS_PER_ANSWER_MAX: usize = 100;

/// How ListStreamConsumers fails.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ListStreamConsumersError {
    /// The request names no stream that there is.
    #[error(transparent)]
    Find(#[from] FindStreamError),
    /// A token and the time that tells namesakes apart, which the token does by itself.
    #[error("{}", texts::not_both(&"StreamCreationTimestamp"))]
    TokenAndTimestamp,
    /// The token was not made by this service for this operation and stream.
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
    /// See [`Unavailable`].
    #[error(transparent)]
    Unavailable(#[from] Unavailable),
}

impl From<ListStreamConsumersError> for ApiError {
    fn from(error: ListStreamConsumersError) -> Self {
        let code = match error {
            ListStreamConsumersError::Find(error) => return error.into(),
            ListStreamConsumersError::TokenAndTimestamp
            | ListStreamConsumersError::InvalidToken => ErrorCode::InvalidArgument,
            ListStreamConsumersError::ExpiredToken { .. } => ErrorCode::ExpiredNextToken,
            ListStreamConsumersError::Unavailable(error) => return error.into(),
        };
        Self::new(code, error.to_string())
    }
}

impl StreamService {
    /// Lists a stream's fan-out consumers by name, up to 100 at a time.
    ///
    /// # Errors
    /// See [`ListStreamConsumersError`].
    pub async fn list_stream_consumers(
        &self,
        caller: &Caller,
        request: ListStreamConsumersRequest,
    ) -> Result<ListStreamConsumersResponse, ListStreamConsumersError> {
        let _call = self.enter()?;
        let now = self.inner.clock.now();
        let named = NamedStream::new(caller, None, Some(&request.stream_arn))?;
        let stream = self.look_up(caller, Operation::ListStreamConsumers, &named)?;
        let created = request.stream_creation_timestamp;
        if request.next_token.is_some() && created.is_some() {
            return Err(ListStreamConsumersError::TokenAndTimestamp);
        }
        let is_other =
            created.is_some_and(|time| time.0.as_secs() != creation_timestamp(&stream).0.as_secs());
        if is_other {
            return Err(FindStreamError::from(named.not_found()).into());
        }
        let after = request.next_token.as_deref();
        let after = after
            .map(|token| self.consumers_after(&stream, token, now))
            .transpose()?;
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
            self.inner.tokens.seal_next(&token, now)
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
        &self,
        stream: &Arc<Stream>,
        token: &str,
        now: TimestampMs,
    ) -> Result<String, ListStreamConsumersError> {
        match self.inner.tokens.open_next(token, now) {
            Ok(NextToken::Consumers(token)) if token.stream == stream.id => {
                Ok(token.after.to_string())
            }
            Ok(_) | Err(NextTokenError::Invalid) => Err(ListStreamConsumersError::InvalidToken),
            Err(NextTokenError::Expired { issued, now }) => {
                Err(ListStreamConsumersError::ExpiredToken { issued, now })
            }
        }
    }
}
