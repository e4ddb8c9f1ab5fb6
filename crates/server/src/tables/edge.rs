//! The table service over HTTP: its own content type, request id, checksum and order of checks.

use std::sync::Arc;

use bytes::Bytes;
use http::request::Parts;
use http::{HeaderMap, StatusCode};
use millstream_streams::{Caller, Identity};
use millstream_tables::{
    TableAnswer, TableCaller, TableOperation, TableService, TableUser, Touched,
};
use millstream_wire::ErrorCode;
use millstream_wire::sigv4::AuthenticationError;

use crate::absent;
use crate::audit::{AuditNote, cut, cut_access_key};
use crate::edge::{
    Answer, Arriving, Authenticator, PortService, Service, is_media_type, presented_key, target,
    text_header,
};
use crate::http::{
    AnswerBody, BodyError, ByteBudget, Holder, InflateError, Inflated, Unanswerable, hold, inflate,
    read_body,
};
use crate::kinesis::BODY_BYTES_MAX;

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
    pub(crate) tables: TableService,
}

impl TablesEdge {
    /// Whether an `X-Amz-Target` is this service's.
    pub(crate) fn is_target(target: &str) -> bool {
        TableService::claims(target)
    }

    /// The request failed inside; the outcome of a write is unknown.
    pub(crate) fn internal_failure() -> Answer {
        let failed = TableAnswer::error(500, "InternalServerError", "Internal server error");
        answer(JSON, failed)
    }
}

impl PortService for TablesEdge {
    fn claims(&self, head: &Parts) -> bool {
        Self::is_target(target(head))
    }

    async fn answer(&self, request: Arriving<'_>) -> Result<Answer, Unanswerable> {
        let Arriving {
            connection,
            head,
            incoming,
            ..
        } = request;
        let named = text_header(head, "content-type");
        let content_type = if is_media_type(named, PLAIN_JSON) {
            PLAIN_JSON
        } else if is_media_type(named, JSON) || is_media_type(named, "") {
            JSON
        } else {
            connection.body_unwanted(true);
            return Ok(unknown_protocol());
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
                let error = error.unwrap_or(AuthenticationError::UnknownKey);
                return Ok(self.finished(
                    content_type,
                    head,
                    Called::unauthenticated(unauthenticated(&error)),
                ));
            }
        };
        let called = match self.call(head, &body.bytes).await {
            Ok(called) => called,
            Err(InflateError::TooLarge) => return Ok(Answer::body_too_large()),
            Err(InflateError::Malformed) => return Ok(answer(content_type, malformed_gzip())),
            Err(InflateError::NoRoom) => return Ok(answer(content_type, no_room())),
        };
        Ok(self.finished(content_type, head, called))
    }
}

impl TablesEdge {
    fn finished(&self, content_type: &'static str, head: &Parts, called: Called) -> Answer {
        let note = self.is_audited.then(|| note(head, &called)).flatten();
        Answer {
            note,
            ..answer(content_type, called.answer)
        }
    }

    async fn call(&self, head: &Parts, body: &Bytes) -> Result<Called, InflateError> {
        let name = TableService::operation_name(target(head));
        let Some(operation) = TableOperation::from_name(name) else {
            let text = absent::missing(Some("DynamoDB"), name);
            let unknown = TableAnswer::framework_error(400, "UnknownOperationException", &text);
            return Ok(Called::unauthenticated(unknown));
        };
        let caller = match self.authenticator.authenticate(head, body, SERVICE) {
            Ok(caller) => caller,
            Err(error) => return Ok(Called::unauthenticated(unauthenticated(&error))),
        };
        // What is signed is what came.
        let inflated: Inflated;
        let body = if text_header(head, "content-encoding").eq_ignore_ascii_case("gzip") {
            inflated = inflate(body, &self.bodies, BODY_BYTES_MAX).await?;
            &inflated.bytes
        } else {
            body
        };
        let done = self
            .tables
            .call(table_caller(&caller), operation, body)
            .await;
        let holder = Holder::Account(caller.account.clone());
        let size_bytes = done.answer.body.len();
        let answer = match hold(&self.answers, || holder, done.answer.body, size_bytes) {
            Some(body) => TableAnswer {
                body,
                ..done.answer
            },
            // It is done: only a status that leaves open whether it is says so.
            None => TableAnswer::error(
                500,
                "InternalServerError",
                "Too many bytes of answers are in flight. Try again.",
            ),
        };
        Ok(Called {
            answer,
            caller: Some((operation, caller)),
            touched: done.touched,
        })
    }
}

/// A request and its answer, as far as the audit log cares.
struct Called {
    answer: TableAnswer,
    /// What was asked for and by whom; `None` if that is not known.
    caller: Option<(TableOperation, Caller)>,
    touched: Vec<Touched>,
}

impl Called {
    fn unauthenticated(answer: TableAnswer) -> Self {
        Self {
            answer,
            caller: None,
            touched: Vec::new(),
        }
    }
}

fn table_caller(caller: &Caller) -> TableCaller<'_> {
    TableCaller {
        account: &caller.account,
        region: &caller.region,
        user: match &caller.identity {
            Identity::Anyone => None,
            Identity::User(user) => Some(TableUser {
                arn: &user.arn,
                permissions: &user.permissions,
            }),
        },
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
fn note(head: &Parts, called: &Called) -> Option<Box<AuditNote>> {
    let error = (called.answer.status != 200).then(|| called.answer.error_name());
    let is_denial = error
        .as_deref()
        .is_some_and(|error| DENIALS.contains(&error));
    let is_control = called
        .caller
        .as_ref()
        .is_some_and(|(operation, _)| operation.is_control());
    if !is_denial && !is_control {
        return None;
    }
    let name = TableService::operation_name(target(head));
    let caller = called.caller.as_ref().map(|(_, caller)| caller);
    Some(Box::new(AuditNote {
        action: cut(&format!("dynamodb:{name}")),
        access_key: match caller {
            Some(_) => None,
            None => presented_key(head).as_deref().map(cut_access_key),
        },
        principal: caller.and_then(|caller| caller.arn()).map(str::to_owned),
        account: caller.map(|caller| caller.account.to_string()),
        resource: resource(&called.touched),
        error,
    }))
}

/// All that is touched, separated by commas.
fn resource(touched: &[Touched]) -> Option<String> {
    let resources: Vec<_> = touched
        .iter()
        .map(Touched::resource)
        .filter(|resource| !resource.is_empty())
        .collect();
    (!resources.is_empty()).then(|| cut(&resources.join(",")))
}

fn malformed_gzip() -> TableAnswer {
    TableAnswer::serialization("The body is no gzip")
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
