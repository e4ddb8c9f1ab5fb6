//! What an answer of the bulk API means.

use http::StatusCode;
use serde_json::Value;

use crate::Outcome;
use crate::sinks::halves::NotWritten;

/// Characters of an answer that go into a cause.
const CAUSE_CHARS_MAX: usize = 300;
/// Errors of status 400 that are about the index or the cluster, not about a document: somebody mends that, and then the
/// document is written.
const ABOUT_PLACE: [&str; 4] = [
    "index_closed_exception",
    "invalid_index_name_exception",
    "invalid_alias_name_exception",
    "validation_exception",
];
/// Of an error that may be about both, words of those that are about the place.
const WORDS_ABOUT_PLACE: [&str; 3] = ["write index", "data stream", "maximum normal shards"];

/// One outcome for each item of the request, in their order.
pub(super) fn outcomes(
    status: StatusCode,
    body: &[u8],
    count: usize,
) -> Result<Vec<Outcome>, NotWritten> {
    if !status.is_success() {
        let cause = format!(
            "the cluster answers {status}: {}",
            cut(&String::from_utf8_lossy(body))
        );
        // What it cannot read, or what is too large, is found by halves.
        return Err(match status {
            StatusCode::BAD_REQUEST | StatusCode::PAYLOAD_TOO_LARGE => NotWritten::Refused(cause),
            _ => NotWritten::Unknown(cause),
        });
    }
    let answer: Value = serde_json::from_slice(body).unwrap_or_default();
    let told = answer.get("items").and_then(Value::as_array);
    let told = told.filter(|items| items.len() == count);
    let outcomes = told.and_then(|items| items.iter().map(outcome).collect::<Option<Vec<_>>>());
    // They may have been written.
    outcomes.ok_or_else(|| {
        let text = cut(&String::from_utf8_lossy(body));
        NotWritten::Unknown(format!("what answers is no OpenSearch: {text}"))
    })
}

/// What became of one item; none if that is not said.
fn outcome(item: &Value) -> Option<Outcome> {
    let (_, told) = item.as_object()?.iter().next()?;
    let status = told.get("status")?.as_u64()?;
    let of_error = |name: &str| told.get("error").and_then(|error| error.get(name));
    let kind = of_error("type").and_then(Value::as_str).unwrap_or_default();
    let reason = of_error("reason")
        .and_then(Value::as_str)
        .unwrap_or_default();
    Some(match status {
        200..300 => Outcome::Delivered,
        // The document is there, of this revision or a higher one.
        409 => Outcome::Delivered,
        _ => {
            let deeper = of_error("caused_by").and_then(|cause| cause.get("reason"));
            let deeper = deeper
                .and_then(Value::as_str)
                .map(|text| format!(": {text}"));
            let cause = format!("{status} {kind}: {reason}{}", deeper.unwrap_or_default());
            if status == 400 && !is_about_place(kind, reason) {
                Outcome::Rejected(cut(&cause))
            } else {
                Outcome::Again(cut(&cause))
            }
        }
    })
}

fn is_about_place(kind: &str, reason: &str) -> bool {
    ABOUT_PLACE.contains(&kind)
        || kind == "illegal_argument_exception"
            && WORDS_ABOUT_PLACE.iter().any(|words| reason.contains(words))
}

fn cut(text: &str) -> String {
    text.trim().chars().take(CAUSE_CHARS_MAX).collect()
}
