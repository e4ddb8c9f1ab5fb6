//! What an answer means.

use http::{HeaderMap, StatusCode};
use serde_json::Value;

use crate::Item;
use crate::sinks::halves::NotWritten;

/// Set by Lambda where a function ended with an error.
const FUNCTION_ERROR: &str = "x-amz-function-error";
/// Characters of an answer that go into a cause.
const CAUSE_CHARS_MAX: usize = 300;

/// Why a batch was not taken, or not all of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum NotTaken {
    /// Something in it will never be.
    Refused(String),
    /// Not this time; or it was, and nobody knows.
    Unknown(String),
    /// The receiver failed on the item of this index. Those before it are taken.
    Named(usize),
}

impl From<NotTaken> for NotWritten {
    fn from(reason: NotTaken) -> Self {
        match reason {
            NotTaken::Refused(cause) => Self::Refused(cause),
            NotTaken::Unknown(cause) => Self::Unknown(cause),
            NotTaken::Named(index) => {
                Self::OnlyFirst(index, "the receiver failed on a record".to_owned())
            }
        }
    }
}

/// By its status.
pub(super) fn of_status(status: StatusCode, body: &[u8]) -> Result<(), NotTaken> {
    if status.is_success() {
        return Ok(());
    }
    let text: String = String::from_utf8_lossy(body)
        .chars()
        .take(CAUSE_CHARS_MAX)
        .collect();
    let cause = format!("the receiver answers {status}: {}", text.trim());
    // These are about who asks, where and when; not about what was sent.
    let is_about_place = matches!(
        status.as_u16(),
        401 | 403 | 404 | 405 | 407 | 408 | 421 | 425 | 429
    );
    if status.is_client_error() && !is_about_place {
        Err(NotTaken::Refused(cause))
    } else {
        Err(NotTaken::Unknown(cause))
    }
}

/// A function's: the first of those that failed counts, as with Lambda, and all behind it come again.
pub(super) fn of_function(
    items: &[Item],
    headers: &HeaderMap,
    body: &[u8],
) -> Result<(), NotTaken> {
    let answer: Value = serde_json::from_slice(body).unwrap_or_default();
    let failed = || {
        let text = String::from_utf8_lossy(body);
        let text: String = text.chars().take(CAUSE_CHARS_MAX).collect();
        NotTaken::Unknown(format!("the function failed: {text}"))
    };
    if headers.contains_key(FUNCTION_ERROR) || answer.get("errorType").is_some() {
        return Err(failed());
    }
    let failures = match answer.get("batchItemFailures") {
        None | Some(Value::Null) => return Ok(()),
        Some(Value::Array(failures)) => failures,
        Some(_) => return Err(failed()),
    };
    let mut first: Option<usize> = None;
    for failure in failures {
        let named = failure.get("itemIdentifier").and_then(Value::as_str);
        let index = items
            .iter()
            .position(|item| Some(&*item.origin.sequence_number) == named);
        // It names nothing that it was given: as with Lambda, the whole batch has failed.
        let Some(index) = index else {
            return Err(failed());
        };
        first = Some(first.map_or(index, |first| first.min(index)));
    }
    first.map_or(Ok(()), |index| Err(NotTaken::Named(index)))
}
