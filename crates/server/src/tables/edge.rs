//! The table service over HTTP: its own content type, request id and checksum.

use std::sync::Arc;

use bytes::Bytes;
use http::StatusCode;
use http::request::Parts;
use millstream_streams::{Caller, Identity};
use millstream_tables::{
    TableAnswer, TableCaller, TableOperation, TableService, TableUser, Touched,
};
use millstream_types::Plane;
use millstream_wire::ErrorCode;
use millstream_wire::sigv4::AuthenticationError;

use crate::absent;
use crate::edge::{
    Answer, BODY_BYTES_MAX, Callers, Named, PortService, Profile, Refusal, Request, RequestId,
    Service, is_media_type, target, text_header,
};
use crate::http::{ByteBudget, Holder, InflateError, Inflated, hold, inflate};

const JSON: &str = "application/x-amz-json-1.0";
const PLAIN_JSON: &str = "application/json";

/// The operations of the table service behind `POST`.
#[derive(Debug)]
pub(crate) struct TablesEdge {
    pub(crate) bodies: Arc<ByteBudget>,
    pub(crate) answers: Arc<ByteBudget>,
    pub(crate) tables: TableService,
}

/// An operation, and what the answer's body is called.
#[derive(Debug, Clone, Copy)]
pub(crate) struct NamedTableOperation {
    operation: TableOperation,
    content_type: &'static str,
}

impl Named for NamedTableOperation {
    fn operation(&self) -> &'static str {
        self.operation.name()
    }

    fn plane(&self) -> Plane {
        if self.operation.is_control() {
            Plane::Control
        } else {
            Plane::Data
        }
    }
}

impl PortService for TablesEdge {
    type Named = NamedTableOperation;

    fn claims(&self, head: &Parts) -> bool {
        TableService::claims(target(head))
    }

    fn profile(&self) -> Profile {
        Profile {
            service: "dynamodb",
            scope: "dynamodb",
            body_bytes_max: BODY_BYTES_MAX,
            callers: Callers::Verified,
        }
    }

    fn name(&self, request: &Request<'_>) -> Result<NamedTableOperation, Box<Answer>> {
        let content_type =
            content_type(request.head).ok_or_else(|| Box::new(unknown_protocol()))?;
        let name = TableService::operation_name(target(request.head));
        let operation = TableOperation::from_name(name).ok_or_else(|| {
            let text = absent::missing(Some("DynamoDB"), name);
            let unknown = TableAnswer::framework_error(400, "UnknownOperationException", &text);
            Box::new(answer(content_type, unknown))
        })?;
        Ok(NamedTableOperation {
            operation,
            content_type,
        })
    }

    fn refuse(&self, _id: RequestId, head: &Parts, refusal: Refusal<'_>) -> Answer {
        let Some(content_type) = content_type(head) else {
            return unknown_protocol();
        };
        let refused = match refusal {
            Refusal::NoRoom => no_room(),
            Refusal::Unverified(error, _) => unverified(error),
            Refusal::Failed => {
                TableAnswer::error(500, "InternalServerError", "Internal server error")
            }
        };
        answer(content_type, refused)
    }

    async fn call(
        &self,
        request: Request<'_>,
        named: NamedTableOperation,
        caller: &Caller,
    ) -> Answer {
        match self.done(&request, named.operation, caller).await {
            Ok((done, touched)) => Answer {
                resource: resource(&touched),
                ..answer(named.content_type, done)
            },
            Err(InflateError::TooLarge) => Answer::body_too_large(),
            Err(InflateError::Malformed) => answer(named.content_type, malformed_gzip()),
            Err(InflateError::NoRoom) => answer(named.content_type, no_room()),
        }
    }
}

impl TablesEdge {
    async fn done(
        &self,
        request: &Request<'_>,
        operation: TableOperation,
        caller: &Caller,
    ) -> Result<(TableAnswer, Vec<Touched>), InflateError> {
        // What is signed is what came.
        let inflated: Inflated;
        let encoding = text_header(request.head, "content-encoding");
        let body = if encoding.eq_ignore_ascii_case("gzip") {
            inflated = inflate(&request.body.bytes, &self.bodies, BODY_BYTES_MAX).await?;
            &inflated.bytes
        } else {
            &request.body.bytes
        };
        let done = self
            .tables
            .call(table_caller(caller, request.head), operation, body)
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
        Ok((answer, done.touched))
    }
}

/// What the answer's body is called; `None` for a protocol that the tables do not speak.
fn content_type(head: &Parts) -> Option<&'static str> {
    let named = text_header(head, "content-type");
    if is_media_type(named, PLAIN_JSON) {
        Some(PLAIN_JSON)
    } else {
        (is_media_type(named, JSON) || is_media_type(named, "")).then_some(JSON)
    }
}

fn table_caller<'a>(caller: &'a Caller, head: &'a Parts) -> TableCaller<'a> {
    let authority = head.uri.authority();
    TableCaller {
        account: &caller.account,
        region: &caller.region,
        address: authority
            .map_or_else(|| text_header(head, "host"), |authority| authority.as_str()),
        user: match &caller.identity {
            Identity::Anyone => None,
            Identity::User(user) => Some(TableUser {
                arn: &user.arn,
                permissions: &user.permissions,
            }),
        },
    }
}

fn unverified(error: &AuthenticationError) -> TableAnswer {
    let text = match error {
        AuthenticationError::Missing => {
            "Request must contain either a valid (registered) AWS access key ID or X.509 certificate."
                .to_owned()
        }
        other => other.to_string(),
    };
    TableAnswer::framework_error(400, error.code().name(), &text)
}

/// All that is touched, separated by commas.
fn resource(touched: &[Touched]) -> Option<String> {
    let resources: Vec<_> = touched
        .iter()
        .map(Touched::resource)
        .filter(|resource| !resource.is_empty())
        .collect();
    (!resources.is_empty()).then(|| resources.join(","))
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
    .named("UnknownOperationException")
}

fn answer(content_type: &'static str, answer: TableAnswer) -> Answer {
    let status = StatusCode::from_u16(answer.status);
    let status = status.expect("the tables answer with statuses that exist");
    let error = (status != StatusCode::OK).then(|| answer.error_name());
    let body: Bytes = answer.body;
    let answer = Answer {
        service: Service::Tables,
        ..Answer::plain(status, content_type, body)
    };
    match error {
        Some(name) => answer.named(name),
        None => answer,
    }
}
