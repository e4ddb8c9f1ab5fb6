//! One request of a service that starts workers, and what its answer means.

use std::error::Error;
use std::path::Path;
use std::time::Duration;

use bytes::Bytes;
use http::{Request, StatusCode, Uri};
use http_body_util::Full;
use millstream_https::Https;

/// Why a call of a service did not succeed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CallError {
    /// There was no answer, or one that says to come again: nothing is known of what became of the call.
    #[error("no answer to {what}: {cause}")]
    Unreachable {
        /// The call.
        what: String,
        /// What failed.
        cause: String,
    },
    /// The answer says no.
    #[error("{what} was refused: {said}")]
    Refused {
        /// The call.
        what: String,
        /// The answer.
        said: String,
    },
    /// What is needed for a call is not there, such as credentials or a certificate.
    #[error("{0}")]
    Setup(String),
}

impl CallError {
    /// Whether the same call may succeed soon.
    pub fn is_passing(&self) -> bool {
        matches!(self, Self::Unreachable { .. })
    }
}

/// An answer that says more is none of those that are expected.
const ANSWER_BYTES_MAX: usize = 1024 * 1024;

/// Sends requests to one service.
#[derive(Debug)]
pub(crate) struct Requests {
    https: Https,
    timeout: Duration,
}

impl Requests {
    /// The service at this URL, checked by the authorities of that file or those that the machine trusts. An answer may take
    /// as long as `timeout`, to its last byte.
    pub(crate) fn new(
        url: &str,
        authorities: Option<&Path>,
        timeout: Duration,
    ) -> Result<Self, CallError> {
        // What is no URL is refused where it is asked.
        let url = url.parse::<Uri>().unwrap_or_default();
        let https = Https::to(&url, authorities);
        Ok(Self {
            https: https.map_err(|error| CallError::Setup(error.to_string()))?,
            timeout,
        })
    }

    /// Sends one; `what` names it in errors. If this future is dropped, it may have arrived.
    pub(crate) async fn send(
        &self,
        what: &str,
        request: Request<Full<Bytes>>,
    ) -> Result<(StatusCode, Bytes), CallError> {
        let asked = self.https.ask(request, ANSWER_BYTES_MAX, self.timeout);
        let answer = asked.await.map_err(|error| CallError::Unreachable {
            what: what.to_owned(),
            cause: innermost(&error),
        })?;
        Ok((answer.status, answer.body))
    }
}

/// What an answer means that is no success: whether to come again, or that the call is refused.
pub(crate) fn failed(what: &str, status: StatusCode, said: String) -> CallError {
    let what = what.to_owned();
    let is_passing = status.is_server_error()
        || matches!(
            status,
            StatusCode::TOO_MANY_REQUESTS | StatusCode::REQUEST_TIMEOUT | StatusCode::CONFLICT
        );
    if is_passing {
        let cause = format!("{status}: {said}");
        CallError::Unreachable { what, cause }
    } else {
        CallError::Refused { what, said }
    }
}

/// The beginning of a body, for an error.
pub(crate) fn beginning(body: &[u8]) -> String {
    const CHARACTERS: usize = 200;
    let text = String::from_utf8_lossy(body);
    text.trim().chars().take(CHARACTERS).collect()
}

fn innermost(error: &(dyn Error + 'static)) -> String {
    let mut last = error;
    while let Some(source) = last.source() {
        last = source;
    }
    last.to_string()
}
