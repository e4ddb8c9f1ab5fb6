//! What happens to every request before and after its service: who may call, routing, the answer's common headers.

mod access;
mod answer;
mod credentials;
mod health;
mod protocol;
mod query;
mod request_id;
mod service;

use std::any::Any;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Instant;

use futures::FutureExt;
use http::request::Parts;
use http::{Method, Request, Response, StatusCode};
use hyper::body::{Body, Incoming};
use tracing::Level;

pub(crate) use access::Access;
use access::Refusal;
pub(crate) use answer::{Answer, Service};
pub(crate) use credentials::{Authenticator, presented_key, scope_service};
pub(crate) use health::Health;
pub(crate) use protocol::{Protocol, Refused, is_media_type, rpc_v2_names, xml_escaped};
pub(crate) use query::form_field;
pub(crate) use request_id::{RequestId, RequestIds};
pub(crate) use service::{Arriving, PortService};

use crate::absent::Absent;
use crate::audit::{Audit, AuditNote, cut};
use crate::cloudwatch::CloudWatchEdge;
use crate::http::{AnswerBody, Connection, Handler, Unanswerable};
use crate::kinesis::Kinesis;
use crate::sts::Sts;
use crate::tables::TablesEdge;

/// The one handler behind the port.
#[derive(Debug)]
pub(crate) struct Edge {
    pub(crate) access: Access,
    pub(crate) health: Health,
    pub(crate) ids: RequestIds,
    pub(crate) audit: Arc<Audit>,
    pub(crate) kinesis: Kinesis,
    pub(crate) tables: TablesEdge,
    pub(crate) cloudwatch: CloudWatchEdge,
    pub(crate) sts: Sts,
    pub(crate) absent: Absent,
}

impl Handler for Edge {
    async fn handle(
        &self,
        connection: &Connection,
        request: Request<Incoming>,
    ) -> Result<Response<AnswerBody>, Unanswerable> {
        let (head, incoming) = request.into_parts();
        let began = tracing::enabled!(Level::DEBUG).then(Instant::now);
        let id = self.ids.next();
        let origin = match self.access.check(&head) {
            Ok(origin) => origin,
            Err(refusal) => {
                leave(connection, &incoming);
                if self.audit.is_on() {
                    let note = AuditNote {
                        action: cut(target(&head)),
                        principal: None,
                        access_key: None,
                        account: None,
                        resource: None,
                        error: Some(refusal.to_string()),
                    };
                    self.audit.record(&id.to_string(), connection.peer, &note);
                }
                let answer = match refusal {
                    Refusal::NotOneHost => Answer::bad_request(),
                    Refusal::Host | Refusal::Origin => refused(&head, id, &refusal.to_string()),
                };
                return Ok(answer.into_response(id));
            }
        };
        // What the service holds across a panic is its own: it must be sound at any await, as futures may be dropped.
        let answered = AssertUnwindSafe(self.route(id, connection, &head, incoming))
            .catch_unwind()
            .await;
        let answer = match answered {
            Ok(answer) => answer?,
            Err(panic) => {
                let panic = panic_text(&*panic);
                tracing::error!(request_id = %id, target = target(&head), panic, "a request failed");
                Answer::internal_failure(&head, id)
            }
        };
        if let Some(began) = began {
            tracing::debug!(
                request_id = %id,
                target = target(&head),
                status = answer.status.as_u16(),
                error = answer.error_type,
                micros = u64::try_from(began.elapsed().as_micros()).unwrap_or(u64::MAX),
                "request"
            );
        }
        if let Some(note) = &answer.note {
            self.audit.record(&id.to_string(), connection.peer, note);
        }
        let mut response = answer.into_response(id);
        if let Some(origin) = origin {
            origin.expose(response.headers_mut());
        }
        Ok(response)
    }
}

impl Edge {
    async fn route(
        &self,
        id: RequestId,
        connection: &Connection,
        head: &Parts,
        incoming: Incoming,
    ) -> Result<Answer, Unanswerable> {
        if head.method == Method::POST {
            let request = Arriving {
                id,
                connection,
                head,
                incoming,
            };
            return if self.kinesis.claims(head) {
                self.kinesis.answer(request).await
            } else if self.tables.claims(head) {
                Box::pin(self.tables.answer(request)).await
            } else if self.cloudwatch.claims(head) {
                Box::pin(self.cloudwatch.answer(request)).await
            } else if self.sts.claims(head) {
                Box::pin(self.sts.answer(request)).await
            } else if self.absent.claims(head) {
                Box::pin(self.absent.answer(request)).await
            } else {
                // What is nobody's gets what AWS answers at this service's address.
                Box::pin(self.kinesis.answer(request)).await
            };
        }
        leave(connection, &incoming);
        if is_health(head) {
            // The machine's own programs, and who has a key, may know more than that it works.
            let is_stranger = !connection.peer.to_canonical().is_loopback()
                && !self.kinesis.authenticator.has_key(head);
            let has_failed = self.kinesis.streams.has_failed();
            return Ok(self.health.answer(has_failed, is_stranger));
        }
        Ok(self
            .access
            .preflight(head)
            .unwrap_or_else(Answer::no_operation))
    }
}

/// The answer to a request that is not looked at, in its own protocol if that can be told.
fn refused(head: &Parts, id: RequestId, message: &str) -> Answer {
    let Some(protocol) = Protocol::of(head) else {
        return Answer::access_denied(message);
    };
    let refused = Refused {
        status: StatusCode::FORBIDDEN,
        name: "AccessDeniedException",
        query_code: "AccessDenied",
        message,
    };
    protocol.refuse(id, refused)
}

/// The body is not wanted; whether it was there decides how the connection closes.
fn leave(connection: &Connection, incoming: &Incoming) {
    connection.body_unwanted(!incoming.is_end_stream());
}

fn is_health(head: &Parts) -> bool {
    (head.method == Method::GET || head.method == Method::HEAD) && head.uri.path() == "/health"
}

/// The `X-Amz-Target` header; empty if it is absent or not text.
pub(crate) fn target(head: &Parts) -> &str {
    text_header(head, "x-amz-target")
}

/// A header as text; empty if it is absent or not text.
pub(crate) fn text_header<'a>(head: &'a Parts, name: &'static str) -> &'a str {
    head.headers
        .get(name)
        .and_then(|value| value.to_str().ok())
        .unwrap_or("")
}

fn panic_text(panic: &(dyn Any + Send)) -> &str {
    panic
        .downcast_ref::<&str>()
        .copied()
        .or_else(|| panic.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("without a text")
}
