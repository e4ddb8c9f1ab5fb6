//! What happens to every request before and after its service: where it may come from, routing, the answer's common
//! headers, and one record of the call for whoever hears of calls. Knows no service.

mod access;
mod answer;
mod credentials;
mod front;
mod health;
mod pages;
mod protocol;
mod query;
mod recorders;
mod request_id;
mod service;

use std::sync::Arc;
use std::time::Instant;

use http::request::Parts;
use http::{Method, Request as HttpRequest, Response, StatusCode};
use hyper::body::{Body, Incoming};
use millstream_types::ErrorClass;

pub(crate) use access::Access;
use access::Refusal as Unwelcome;
pub(crate) use answer::{Answer, Service};
pub(crate) use credentials::{Authenticator, presented_key, scope_service};
pub(crate) use front::{Front, PortServices, Served};
pub(crate) use health::Health;
pub(crate) use pages::{Pages, PagesAlone};
pub(crate) use protocol::{Protocol, Refused, is_media_type, rpc_v2_names, xml_escaped};
pub(crate) use query::form_field;
pub(crate) use recorders::{Recorders, RequestLog};
pub(crate) use request_id::{RequestId, RequestIds};
pub(crate) use service::{
    Arriving, BODY_BYTES_MAX, Callers, Named, Page, PortService, Profile, Refusal, Request, Site,
};

use crate::http::{AnswerBody, Connection, Handler, Unanswerable};
use recorders::Seen;

/// The one handler behind the port.
#[derive(Debug)]
pub(crate) struct Edge<S> {
    pub(crate) access: Access,
    pub(crate) ids: Arc<RequestIds>,
    pub(crate) front: Front,
    pub(crate) services: S,
    pub(crate) pages: Arc<Pages>,
    pub(crate) site: Option<Box<dyn Site>>,
    pub(crate) recorders: Recorders,
}

impl<S: PortServices> Handler for Edge<S> {
    async fn handle(
        &self,
        connection: &Connection,
        request: HttpRequest<Incoming>,
    ) -> Result<Response<AnswerBody>, Unanswerable> {
        let began = Instant::now();
        let (head, incoming) = request.into_parts();
        let id = self.ids.next();
        let origin = self.access.check(&head);
        let served = match &origin {
            Ok(_) => self.route(id, connection, &head, incoming).await?,
            Err(unwelcome) => {
                leave(connection, &incoming);
                Served::by_nobody(refused(&head, id, *unwelcome))
            }
        };
        let seen = Seen {
            id: &id,
            connection,
            head: &head,
            time: began.elapsed(),
        };
        self.recorders.tell(seen, &served);
        let mut response = served.answer.into_response(id);
        if let Ok(Some(origin)) = origin {
            origin.expose(response.headers_mut());
        }
        Ok(response)
    }
}

impl<S: PortServices> Edge<S> {
    async fn route(
        &self,
        id: RequestId,
        connection: &Connection,
        head: &Parts,
        incoming: Incoming,
    ) -> Result<Served, Unanswerable> {
        if head.method == Method::POST {
            let request = Arriving {
                id,
                connection,
                head,
                incoming,
            };
            return self.services.serve(&self.front, request).await;
        }
        leave(connection, &incoming);
        // The machine's own programs, and who has a key, may know more than that it works.
        let is_stranger = || {
            !connection.peer.to_canonical().is_loopback() && !self.front.authenticator.has_key(head)
        };
        let page = self.pages.answer(head, is_stranger);
        let answer = page
            .or_else(|| self.site.as_ref()?.answer(head))
            .or_else(|| self.access.preflight(head));
        Ok(Served::by_nobody(
            answer.unwrap_or_else(Answer::no_operation),
        ))
    }
}

/// The answer to a request that is not looked at, in its own protocol if that can be told.
fn refused(head: &Parts, id: RequestId, unwelcome: Unwelcome) -> Answer {
    let message = unwelcome.to_string();
    let answer = match (unwelcome, Protocol::of(head)) {
        (Unwelcome::NotOneHost, _) => Answer::bad_request(),
        (Unwelcome::Host | Unwelcome::Origin, None) => Answer::access_denied(&message),
        (Unwelcome::Host | Unwelcome::Origin, Some(protocol)) => protocol.refuse(
            id,
            Refused {
                status: StatusCode::FORBIDDEN,
                name: "AccessDeniedException",
                query_code: "AccessDenied",
                message: &message,
            },
        ),
    };
    Answer {
        told_as: Some(Box::new((message.into(), ErrorClass::Denied))),
        ..answer
    }
}

/// The body is not wanted; whether it was there decides how the connection closes.
fn leave(connection: &Connection, incoming: &Incoming) {
    connection.body_unwanted(!incoming.is_end_stream());
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
