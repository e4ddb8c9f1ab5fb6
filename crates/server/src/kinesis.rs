//! The stream service over HTTP: AWS's order of checks, then decode, call, encode. No rule of the service is here.

mod beside;
mod dispatch;
mod get_records;
mod put_record;
mod put_records;
mod subscribe_to_shard;

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::StatusCode;
use http::request::Parts;
use millstream_streams::{Caller, StreamService};
use millstream_types::{AccountId, Plane};
use millstream_wire::{
    ApiError, Encoding, ErrorCode, OPERATIONS_NOT_SERVED, Operation, Value, cbor, json,
};

use crate::absent;
use crate::edge::{
    Answer, BODY_BYTES_MAX, Callers, Named, PortService, Profile, Refusal, Request, RequestId,
    is_media_type, target, text_header,
};
use crate::http::{ByteBudget, Holder, hold};
use beside::Beside;
use dispatch::Call;

/// What stands before the operation's name in `X-Amz-Target`.
const TARGET_PREFIX: &str = "Kinesis_20131202.";

/// The operations of the stream service behind `POST`.
#[derive(Debug)]
pub(crate) struct Kinesis {
    pub(crate) streams: StreamService,
    pub(crate) answers: Arc<ByteBudget>,
    /// How long a subscriber may take nothing of an event.
    pub(crate) subscriber_timeout: Duration,
}

/// An operation, and how its request and answer are spelled.
#[derive(Debug, Clone, Copy)]
pub(crate) struct NamedOperation {
    encoding: Encoding,
    operation: Operation,
}

impl Named for NamedOperation {
    fn operation(&self) -> &'static str {
        self.operation.name()
    }

    fn plane(&self) -> Plane {
        match self.operation {
            Operation::GetRecords
            | Operation::GetShardIterator
            | Operation::ListShards
            | Operation::PutRecord
            | Operation::PutRecords
            | Operation::SubscribeToShard => Plane::Data,
            _ => Plane::Control,
        }
    }
}

impl PortService for Kinesis {
    type Named = NamedOperation;

    fn claims(&self, head: &Parts) -> bool {
        target(head).starts_with(TARGET_PREFIX)
    }

    fn profile(&self) -> Profile {
        Profile {
            service: "kinesis",
            scope: "kinesis",
            body_bytes_max: BODY_BYTES_MAX,
            callers: Callers::Verified,
        }
    }

    /// AWS's checks in AWS's order; also of what nobody claims, which is answered as at this service's address.
    fn name(&self, request: &Request<'_>) -> Result<NamedOperation, Box<Answer>> {
        let Request { head, body, .. } = request;
        let content_type = text_header(head, "content-type");
        let encoding = Encoding::from_content_type(content_type);
        let operation = Operation::from_target(target(head));
        if body.bytes.is_empty() {
            let code = match operation {
                Some(_) => ErrorCode::Serialization,
                None => ErrorCode::UnknownOperation,
            };
            return Err(error(encoding.unwrap_or(Encoding::Cbor), code, "").into());
        }
        let Some(encoding) = encoding else {
            return Err(without_encoding(head, content_type, &body.bytes).into());
        };
        operation
            .map(|operation| NamedOperation {
                encoding,
                operation,
            })
            .ok_or_else(|| {
                let text = not_served(target(head));
                unless_unreadable(encoding, &body.bytes, ErrorCode::UnknownOperation, &text).into()
            })
    }

    fn refuse(&self, _id: RequestId, head: &Parts, refusal: Refusal<'_>) -> Answer {
        let known = Encoding::from_content_type(text_header(head, "content-type"));
        let encoding = known.unwrap_or(Encoding::Json);
        match refusal {
            Refusal::NoRoom => Answer::error(encoding, &busy("requests")),
            Refusal::Failed => error(encoding, ErrorCode::InternalFailure, ""),
            Refusal::Unverified(..) if known.is_none() => Answer::no_operation(),
            Refusal::Unverified(unverified, body) => {
                let (code, text) = (unverified.code(), unverified.to_string());
                match body {
                    Some(body) => unless_unreadable(encoding, body, code, &text),
                    None => error(encoding, code, &text),
                }
            }
        }
    }

    async fn call(&self, request: Request<'_>, named: NamedOperation, caller: &Caller) -> Answer {
        let NamedOperation {
            encoding,
            operation,
        } = named;
        self.dispatch(Call {
            encoding,
            operation,
            caller,
            beside: match operation {
                Operation::GetRecords => Beside::of(request.head),
                _ => None,
            },
            body: request.body,
        })
        .await
    }
}

fn error(encoding: Encoding, code: ErrorCode, text: &str) -> Answer {
    Answer::error(encoding, &ApiError::new(code, text))
}

/// What cannot be read is refused before what is not allowed; the operation itself reads what is let through.
fn unless_unreadable(encoding: Encoding, body: &[u8], code: ErrorCode, text: &str) -> Answer {
    if is_object(encoding, body) {
        error(encoding, code, text)
    } else {
        error(encoding, ErrorCode::Serialization, "")
    }
}

impl Kinesis {
    fn hold(&self, account: &AccountId, body: Vec<u8>) -> Result<Bytes, ApiError> {
        held(&self.answers, account, body)
    }
}

/// Counts the bytes of an answer on an account while they are in memory.
fn held(answers: &Arc<ByteBudget>, account: &AccountId, body: Vec<u8>) -> Result<Bytes, ApiError> {
    let size_bytes = body.capacity();
    let holder = || Holder::Account(account.clone());
    hold(answers, holder, body, size_bytes).ok_or_else(|| busy("answers"))
}

fn busy(what: &str) -> ApiError {
    ApiError::new(
        ErrorCode::ServiceUnavailable,
        format!("Too many bytes of {what} are in flight. Try again."),
    )
}

/// What to say of an operation that AWS has and this service has not; of others AWS says nothing.
fn not_served(target: &str) -> String {
    let name = target.strip_prefix(TARGET_PREFIX);
    let name = name.filter(|name| OPERATIONS_NOT_SERVED.contains(name));
    name.map_or_else(String::new, |name| absent::missing(Some("Kinesis"), name))
}

fn without_encoding(head: &Parts, content_type: &str, body: &[u8]) -> Answer {
    if is_media_type(content_type, "application/json") {
        return if is_object(Encoding::Json, body) {
            coral(StatusCode::NOT_FOUND, "UnknownOperationException")
        } else {
            coral(StatusCode::BAD_REQUEST, "SerializationException")
        };
    }
    let names_operation = target(head)
        .split_once('.')
        .is_some_and(|(service, operation)| !service.is_empty() && !operation.is_empty());
    if names_operation {
        unknown_protocol()
    } else {
        Answer::no_operation()
    }
}

fn is_object(encoding: Encoding, body: &[u8]) -> bool {
    let parsed = match encoding {
        Encoding::Json => json::parse(body),
        Encoding::Cbor => cbor::parse(body),
    };
    matches!(parsed, Ok(Value::Map(_)))
}

/// The old protocol of which nothing but its errors is left.
fn coral(status: StatusCode, name: &'static str) -> Answer {
    let text = format!(
        "{{\"Output\":{{\"__type\":\"com.amazon.coral.service#{name}\"}},\"Version\":\"1.0\"}}"
    );
    Answer::plain(status, "application/json", text).named(name)
}

/// No protocol, though an operation is named.
fn unknown_protocol() -> Answer {
    Answer {
        content_type: None,
        ..Answer::plain(
            StatusCode::NOT_FOUND,
            "",
            &b"<UnknownOperationException/>\n"[..],
        )
    }
    .named("UnknownOperationException")
}
