//! The table service over HTTP: its own content type, request id, checksum and order of checks.

use std::sync::Arc;

use bytes::Bytes;
use http::request::Parts;
use http::{HeaderMap, StatusCode};
use hyper::body::Incoming;
use millstream_types::AccountId;
use millstream_wire::ErrorCode;
use millstream_wire::sigv4::AuthenticationError;

use super::{TableAnswer, TableOperation, TableOwner, Tables};
use crate::edge::{Answer, Credentials, Service, target, text_header};
use crate::http::{AnswerBody, BodyError, ByteBudget, Connection, Unanswerable, read_body};
use crate::kinesis::BODY_BYTES_MAX;

const TARGET_PREFIX: &str = "DynamoDB_20120810.";
const JSON: &str = "application/x-amz-json-1.0";
const PLAIN_JSON: &str = "application/json";

/// The operations of the table service behind `POST`.
#[derive(Debug)]
pub(crate) struct TablesEdge {
    /// The account of access keys that are no account id.
    pub(crate) account: AccountId,
    pub(crate) bodies: Arc<ByteBudget>,
    pub(crate) tables: Arc<dyn Tables>,
}

impl TablesEdge {
    /// Whether an `X-Amz-Target` is this service's.
    pub(crate) fn is_target(target: &str) -> bool {
        target.starts_with(TARGET_PREFIX)
    }

    /// The request failed inside; the outcome of a write is unknown.
    pub(crate) fn internal_failure() -> Answer {
        let failed = TableAnswer::error(500, "InternalServerError", "Internal server error");
        answer(JSON, failed)
    }

    /// Answers a `POST`.
    pub(crate) async fn answer(
        &self,
        connection: &Connection,
        head: &Parts,
        incoming: Incoming,
    ) -> Result<Answer, Unanswerable> {
        let content_type = text_header(head, "content-type");
        let content_type = match content_type.split(';').next().map(str::trim) {
            Some(PLAIN_JSON) => PLAIN_JSON,
            Some(JSON) | None => JSON,
            Some("") => JSON,
            Some(_) => {
                connection.body_unwanted(true);
                return Ok(unknown_protocol());
            }
        };
        let read = read_body(
            incoming,
            head.version,
            connection,
            &self.bodies,
            BODY_BYTES_MAX,
        )
        .await;
        let body = match read {
            Ok(body) => body,
            Err(BodyError::Incomplete) => return Err(Unanswerable),
            Err(BodyError::TooLarge) => return Ok(Answer::body_too_large()),
            Err(BodyError::NoRoom) => return Ok(answer(content_type, no_room())),
        };
        let answered = match self.check(head, &body.bytes) {
            Ok((operation, owner)) => self.tables.call(owner, operation, body.bytes.clone()).await,
            Err(refusal) => refusal,
        };
        Ok(answer(content_type, answered))
    }

    fn check(
        &self,
        head: &Parts,
        body: &[u8],
    ) -> Result<(TableOperation, TableOwner), TableAnswer> {
        let name = target(head).strip_prefix(TARGET_PREFIX).unwrap_or("");
        let operation = TableOperation::from_name(name)
            .ok_or_else(|| TableAnswer::framework_error(400, "UnknownOperationException", ""))?;
        let credentials = Credentials::of(head).map_err(|error| unauthenticated(&error))?;
        if body.trim_ascii_start().first() != Some(&b'{') {
            return Err(TableAnswer::framework_error(
                400,
                "SerializationException",
                "",
            ));
        }
        let owner = TableOwner {
            account: credentials.account.unwrap_or_else(|| self.account.clone()),
            region: credentials.region,
        };
        Ok((operation, owner))
    }
}

fn unauthenticated(error: &AuthenticationError) -> TableAnswer {
    let text = match error {
        AuthenticationError::Missing => {
            "Request must contain either a valid (registered) AWS access key ID or X.509 certificate."
                .to_owned()
        }
        other => other.to_string(),
    };
    TableAnswer::framework_error(400, error.code().name(), &text)
}

fn no_room() -> TableAnswer {
    TableAnswer::error(
        503,
        ErrorCode::ServiceUnavailable.name(),
        "Too many bytes of requests are in flight. Try again.",
    )
}

fn unknown_protocol() -> Answer {
    Answer {
        service: Service::Tables,
        content_type: None,
        ..Answer::plain(
            StatusCode::NOT_FOUND,
            "",
            &b"<UnknownOperationException/>\n"[..],
        )
    }
}

fn answer(content_type: &'static str, answer: TableAnswer) -> Answer {
    let body: Bytes = answer.body;
    Answer {
        status: StatusCode::from_u16(answer.status)
            .expect("the tables answer with statuses that exist"),
        service: Service::Tables,
        content_type: Some(content_type),
        error_type: None,
        extra: HeaderMap::new(),
        body: AnswerBody::Whole(body),
    }
}
