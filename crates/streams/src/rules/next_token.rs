//! Next-tokens that come back with a request.

use millstream_types::TimestampMs;
use millstream_wire::ErrorCode;

use crate::Failure;
use crate::call::Call;
use crate::tokens::{NextToken, NextTokenError};
use crate::unverified_texts as texts;

/// The token was not made by this service for this operation and account.
pub(crate) fn invalid() -> Failure {
    Failure::invalid_argument(texts::INVALID_NEXT_TOKEN)
}

/// What a token says.
pub(crate) fn open(call: &Call<'_>, token: &str, now: TimestampMs) -> Result<NextToken, Failure> {
    let opened = call.inner().tokens.open_next(token, now);
    opened.map_err(|error| match error {
        NextTokenError::Invalid => invalid(),
        // It is older than 300 s.
        NextTokenError::Expired { issued, now } => Failure::new(
            ErrorCode::ExpiredNextToken,
            texts::next_token_expired(&issued, &now),
        ),
    })
}
