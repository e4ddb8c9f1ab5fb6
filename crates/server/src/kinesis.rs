//! The stream service over HTTP: AWS's order of checks, then decode, call, encode. No rule of the service is here.

mod audited;
mod dispatch;
mod get_records;
mod put_record;
mod put_records;
mod subscribe_to_shard;

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::request::Parts;
use http::{StatusCode, Version};
use millstream_streams::{Caller, StreamService};
use millstream_types::AccountId;
use millstream_wire::sigv4::AuthenticationError;
use millstream_wire::{
    ApiError, Encoding, ErrorCode, OPERATIONS_NOT_SERVED, Operation, Value, cbor, json,
};

use crate::absent;
use crate::edge::{
    Answer, Arriving, Authenticator, PortService, is_media_type, target, text_header,
};
use crate::http::{BodyError, ByteBudget, Holder, RequestBody, Unanswerable, hold, read_body};

/// Longest body that is looked at: 10 MiB of records in base64, and room for the rest.
pub(crate) const BODY_BYTES_MAX: usize = (16 * 1024 + 256) * 1024;

/// What stands before the operation's name in `X-Amz-Target`.
const TARGET_PREFIX: &str = "Kinesis_20131202.";
/// The service of credential scopes.
const SERVICE: &str = "kinesis";

/// The operations of the stream service behind `POST`.
#[derive(Debug)]
pub(crate) struct Kinesis {
    pub(crate) authenticator: Arc<Authenticator>,
    /// Whether somebody reads the audit log.
    pub(crate) is_audited: bool,
    pub(crate) streams: StreamService,
    pub(crate) bodies: Arc<ByteBudget>,
    pub(crate) answers: Arc<ByteBudget>,
    /// How long a subscriber may take nothing of an event.
    pub(crate) subscriber_timeout: Duration,
}

/// A request that AWS answers without calling the operation.
enum Refusal {
    /// In the request's own encoding.
    Error(Encoding, ErrorCode, String),
    /// In the old protocol of which nothing but its errors is left.
    Coral(StatusCode, &'static str),
    /// No protocol at all.
    NoOperation,
    /// No protocol, though an operation is named.
    UnknownProtocol,
}

impl PortService for Kinesis {
    fn claims(&self, head: &Parts) -> bool {
        target(head).starts_with(TARGET_PREFIX)
    }

    /// Answers what nobody claims, too: as AWS does at this service's address.
    async fn answer(&self, request: Arriving<'_>) -> Result<Answer, Unanswerable> {
        let Arriving {
            connection,
            head,
            incoming,
            ..
        } = request;
        let version: Version = head.version;
        let sender = || self.authenticator.sender(head, SERVICE).ok();
        let bodies = &self.bodies;
        let read = read_body(
            incoming,
            version,
            connection,
            bodies,
            BODY_BYTES_MAX,
            sender,
        );
        let body = match read.await {
            Ok(body) => body,
            Err(BodyError::Incomplete) => return Err(Unanswerable),
            Err(BodyError::TooLarge) => return Ok(Answer::body_too_large()),
            Err(BodyError::NoRoom) => return Ok(no_room(head)),
            Err(BodyError::Unwelcome) => return Ok(self.refused(head, self.unwelcome(head))),
        };
        Ok(match self.check(head, &body) {
            Ok((encoding, operation, caller)) => self.call(encoding, operation, caller, body).await,
            Err(refusal) => self.refused(head, refusal),
        })
    }
}

impl Kinesis {
    /// AWS's checks in AWS's order, up to the operation's own.
    fn check(
        &self,
        head: &Parts,
        body: &RequestBody,
    ) -> Result<(Encoding, Operation, Caller), Refusal> {
        let content_type = text_header(head, "content-type");
        let encoding = Encoding::from_content_type(content_type);
        let operation = Operation::from_target(target(head));
        if body.bytes.is_empty() {
            let code = match operation {
                Some(_) => ErrorCode::Serialization,
                None => ErrorCode::UnknownOperation,
            };
            return Err(Refusal::Error(
                encoding.unwrap_or(Encoding::Cbor),
                code,
                String::new(),
            ));
        }
        let Some(encoding) = encoding else {
            return Err(without_encoding(head, content_type, body));
        };
        let unknown = (ErrorCode::UnknownOperation, not_served(target(head)));
        let checked = match operation {
            Some(operation) => self
                .authenticator
                .authenticate(head, &body.bytes, SERVICE)
                .map(|caller| (encoding, operation, caller))
                .map_err(|error| (error.code(), error.to_string())),
            None => Err(unknown),
        };
        checked.map_err(|(code, text)| {
            // What cannot be read is refused before what is not allowed; the operation itself reads what is let through.
            if is_object(encoding, &body.bytes) {
                Refusal::Error(encoding, code, text)
            } else {
                Refusal::Error(encoding, ErrorCode::Serialization, String::new())
            }
        })
    }

    /// What is said to somebody who is not known and sends a large body, without waiting for it.
    fn unwelcome(&self, head: &Parts) -> Refusal {
        let Some(encoding) = Encoding::from_content_type(text_header(head, "content-type")) else {
            return Refusal::NoOperation;
        };
        match self.authenticator.sender(head, SERVICE) {
            Err(error) => Refusal::Error(encoding, error.code(), error.to_string()),
            // The key came into force meanwhile.
            Ok(_) => Refusal::Error(
                encoding,
                ErrorCode::UnrecognizedClient,
                AuthenticationError::UnknownKey.to_string(),
            ),
        }
    }

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

fn without_encoding(head: &Parts, content_type: &str, body: &RequestBody) -> Refusal {
    if is_media_type(content_type, "application/json") {
        return if is_object(Encoding::Json, &body.bytes) {
            Refusal::Coral(StatusCode::NOT_FOUND, "UnknownOperationException")
        } else {
            Refusal::Coral(StatusCode::BAD_REQUEST, "SerializationException")
        };
    }
    let names_operation = target(head)
        .split_once('.')
        .is_some_and(|(service, operation)| !service.is_empty() && !operation.is_empty());
    if names_operation {
        Refusal::UnknownProtocol
    } else {
        Refusal::NoOperation
    }
}

fn is_object(encoding: Encoding, body: &[u8]) -> bool {
    let parsed = match encoding {
        Encoding::Json => json::parse(body),
        Encoding::Cbor => cbor::parse(body),
    };
    matches!(parsed, Ok(Value::Map(_)))
}

fn no_room(head: &Parts) -> Answer {
    let encoding = Encoding::from_content_type(text_header(head, "content-type"));
    Answer::error(encoding.unwrap_or(Encoding::Json), &busy("requests"))
}

impl Refusal {
    fn answer(self) -> Answer {
        match self {
            Self::Error(encoding, code, text) => {
                Answer::error(encoding, &ApiError::new(code, text))
            }
            Self::Coral(status, error) => Answer::plain(
                status,
                "application/json",
                format!(
                    "{{\"Output\":{{\"__type\":\"com.amazon.coral.service#{error}\"}},\"Version\":\"1.0\"}}"
                ),
            ),
            Self::NoOperation => Answer::no_operation(),
            Self::UnknownProtocol => Answer {
                content_type: None,
                ..Answer::plain(
                    StatusCode::NOT_FOUND,
                    "",
                    &b"<UnknownOperationException/>\n"[..],
                )
            },
        }
    }
}
