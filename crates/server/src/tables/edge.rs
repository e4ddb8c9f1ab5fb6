//! The table service over HTTP: its own content type, request id, checksum and order of checks.

use std::sync::Arc;

use bytes::Bytes;
use http::request::Parts;
use http::{HeaderMap, StatusCode};
use hyper::body::Incoming;
use millstream_streams::Caller;
use millstream_wire::ErrorCode;
use millstream_wire::sigv4::AuthenticationError;

use super::authorize::authorize;
use super::{TableAnswer, TableOperation, TableOwner, Tables};
use crate::audit::{AuditNote, cut, cut_access_key};
use crate::edge::{Answer, Authenticator, Service, presented_key, target, text_header};
use crate::http::{
    AnswerBody, BodyError, ByteBudget, Connection, Holder, Unanswerable, hold, read_body,
};
use crate::kinesis::BODY_BYTES_MAX;

const TARGET_PREFIX: &str = "DynamoDB_20120810.";
/// The service of credential scopes.
const SERVICE: &str = "dynamodb";
const JSON: &str = "application/x-amz-json-1.0";
/// The names of refusals that are somebody's to look into.
const DENIALS: [&str; 5] = [
    "AccessDeniedException",
    "IncompleteSignatureException",
    "InvalidSignatureException",
    "MissingAuthenticationTokenException",
    "UnrecognizedClientException",
];
const PLAIN_JSON: &str = "application/json";

/// The operations of the table service behind `POST`.
#[derive(Debug)]
pub(crate) struct TablesEdge {
    pub(crate) authenticator: Arc<Authenticator>,
    /// Whether somebody reads the audit log.
    pub(crate) is_audited: bool,
    pub(crate) bodies: Arc<ByteBudget>,
    pub(crate) answers: Arc<ByteBudget>,
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
            || self.authenticator.sender(head, SERVICE).ok(),
        )
        .await;
        let body = match read {
            Ok(body) => body,
            Err(BodyError::Incomplete) => return Err(Unanswerable),
            Err(BodyError::TooLarge) => return Ok(Answer::body_too_large()),
            Err(BodyError::NoRoom) => return Ok(answer(content_type, no_room())),
            Err(BodyError::Unwelcome) => {
                let error = self.authenticator.sender(head, SERVICE).err();
                let refusal = unauthenticated(&error.unwrap_or(AuthenticationError::UnknownKey));
                let note = self
                    .is_audited
                    .then(|| note(head, None, &refusal, b""))
                    .flatten();
                return Ok(Answer {
                    note,
                    ..answer(content_type, refusal)
                });
            }
        };
        let (answered, caller) = match self.check(head, &body.bytes) {
            Ok((operation, caller)) => {
                let answered = self.call(operation, &caller, &body.bytes).await;
                (answered, Some((operation, caller)))
            }
            Err(refusal) => (refusal, None),
        };
        let note = self
            .is_audited
            .then(|| note(head, caller, &answered, &body.bytes))
            .flatten();
        Ok(Answer {
            note,
            ..answer(content_type, answered)
        })
    }

    fn check(&self, head: &Parts, body: &[u8]) -> Result<(TableOperation, Caller), TableAnswer> {
        let name = target(head).strip_prefix(TARGET_PREFIX).unwrap_or("");
        let operation = TableOperation::from_name(name)
            .ok_or_else(|| TableAnswer::framework_error(400, "UnknownOperationException", ""))?;
        let caller = self.authenticator.authenticate(head, body, SERVICE);
        let caller = caller.map_err(|error| unauthenticated(&error))?;
        if body.trim_ascii_start().first() != Some(&b'{') {
            return Err(TableAnswer::framework_error(
                400,
                "SerializationException",
                "",
            ));
        }
        Ok((operation, caller))
    }

    async fn call(&self, operation: TableOperation, caller: &Caller, body: &Bytes) -> TableAnswer {
        let body = match authorize(caller, operation, body) {
            Ok(body) => body,
            Err(denied) => return denied,
        };
        let owner = TableOwner {
            account: caller.account.clone(),
            region: caller.region.clone(),
        };
        let holder = Holder::Account(owner.account.clone());
        let answered = self.tables.call(owner, operation, body).await;
        let size_bytes = answered.body.len();
        match hold(&self.answers, || holder, answered.body, size_bytes) {
            Some(body) => TableAnswer { body, ..answered },
            // It is done: only a status that leaves open whether it is says so.
            None => TableAnswer::error(
                500,
                "InternalServerError",
                "Too many bytes of answers are in flight. Try again.",
            ),
        }
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

/// What the audit log is to say: every denial, and every change of tables themselves.
fn note(
    head: &Parts,
    caller: Option<(TableOperation, Caller)>,
    answered: &TableAnswer,
    body: &[u8],
) -> Option<Box<AuditNote>> {
    let text = |body: &[u8], name: &str| {
        let parsed: serde_json::Value = serde_json::from_slice(body).ok()?;
        Some(cut(parsed.get(name)?.as_str()?))
    };
    let error = (answered.status != 200).then(|| {
        let error = text(&answered.body, "__type").unwrap_or_default();
        error.rsplit('#').next().unwrap_or_default().to_owned()
    });
    let is_denial = error
        .as_deref()
        .is_some_and(|error| DENIALS.contains(&error));
    let is_control = caller
        .as_ref()
        .is_some_and(|(operation, _)| operation.is_control());
    if !is_denial && !is_control {
        return None;
    }
    let name = target(head).strip_prefix(TARGET_PREFIX).unwrap_or("");
    let caller = caller.map(|(_, caller)| caller);
    Some(Box::new(AuditNote {
        action: cut(&format!("dynamodb:{name}")),
        access_key: match &caller {
            Some(_) => None,
            None => presented_key(head).as_deref().map(cut_access_key),
        },
        principal: caller
            .as_ref()
            .and_then(|caller| caller.arn())
            .map(str::to_owned),
        account: caller.map(|caller| caller.account.to_string()),
        resource: text(body, "TableName").or_else(|| text(body, "ResourceArn")),
        error,
    }))
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
        note: None,
    }
}
