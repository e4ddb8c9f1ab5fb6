//! Who hears of calls: one record of each goes to all of them.

use std::fmt::Display;
use std::sync::Arc;
use std::time::Duration;

use http::request::Parts;
use millstream_types::{CallRecord, CallRecorder};

use super::credentials::presented_key;
use super::front::Served;
use super::target;
use crate::http::Connection;

/// Longest text that a client can put into a record, in bytes: as long as an ARN may be.
const TEXT_BYTES_MAX: usize = 2048;
/// Longest access key that a record repeats, in bytes: as long as an id may be in the file of access keys.
const ACCESS_KEY_BYTES_MAX: usize = 128;

/// All that hear of calls, in the order in which they do.
#[derive(Debug)]
pub(crate) struct Recorders(pub(crate) Vec<Arc<dyn CallRecorder>>);

/// What is known of a call besides what the front found out.
#[derive(Clone, Copy)]
pub(crate) struct Seen<'a> {
    pub(crate) id: &'a dyn Display,
    pub(crate) connection: &'a Connection,
    pub(crate) head: &'a Parts,
    pub(crate) time: Duration,
}

impl Recorders {
    /// Tells of a call that is over.
    pub(crate) fn tell(&self, seen: Seen<'_>, served: &Served) {
        let answer = &served.answer;
        let error = answer.failure();
        let caller = served.caller.as_ref();
        let asked = match &answer.resource {
            Some(_) => None,
            None => caller.and_then(|caller| caller.asked.resource()),
        };
        let resource = answer.resource.as_deref().or(asked.as_deref());
        // Whoever was verified is named by its principal.
        let key = match (&error, caller) {
            (Some(_), None) => presented_key(seen.head),
            _ => None,
        };
        self.hand(&CallRecord {
            request_id: seen.id,
            service: served.service,
            operation: served.operation,
            target: cut(target(seen.head), TEXT_BYTES_MAX),
            plane: served.plane,
            peer: seen.connection.peer,
            account: caller.map(|caller| &caller.account),
            region: caller.map(|caller| &caller.region),
            principal: caller.and_then(|caller| caller.arn()),
            access_key: key.as_deref().map(|key| cut(key, ACCESS_KEY_BYTES_MAX)),
            resource: resource.map(|resource| cut(resource, TEXT_BYTES_MAX)),
            status: answer.status.as_u16(),
            error,
            request_bytes: served.request_bytes,
            answer_bytes: answer.body.whole_bytes() as u64,
            records: answer.records,
            time: seen.time,
        });
    }

    fn hand(&self, call: &CallRecord<'_>) {
        self.0.iter().for_each(|recorder| recorder.call(call));
    }
}

/// A client's text, cut where it is longer than anything that it could name.
fn cut(text: &str, bytes_max: usize) -> &str {
    &text[..text.floor_char_boundary(bytes_max)]
}

/// Writes a line of the server's log for each call, for whoever looks for one.
#[derive(Debug)]
pub(crate) struct RequestLog;

impl CallRecorder for RequestLog {
    fn call(&self, call: &CallRecord<'_>) {
        tracing::debug!(
            request_id = %call.request_id,
            target = call.target,
            status = call.status,
            error = call.error.map(|error| error.name),
            micros = u64::try_from(call.time.as_micros()).unwrap_or(u64::MAX),
            "request"
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_client_says_is_repeated_up_to_a_bound() {
        assert_eq!(cut(&"ä".repeat(2_000), ACCESS_KEY_BYTES_MAX).len(), 128);
        assert_eq!(cut(&"a".repeat(100_000), TEXT_BYTES_MAX).len(), 2048);
        assert_eq!(cut("AKIDEXAMPLE", ACCESS_KEY_BYTES_MAX), "AKIDEXAMPLE");
    }
}
