//! Pages for who looks after the server: beside the services on their port, or on a listener of their own.

use std::sync::Arc;

use http::request::Parts;
use http::{Method, Request, Response};
use hyper::body::{Body, Incoming};

use super::access::Access;
use super::request_id::RequestIds;
use super::{Answer, Page};
use crate::http::{AnswerBody, Connection, Handler, Unanswerable};

/// The pages that there are.
#[derive(Debug)]
pub(crate) struct Pages(pub(crate) Vec<Box<dyn Page>>);

impl Pages {
    /// The page that a request asks for; `None` if it asks for none.
    pub(crate) fn answer(
        &self,
        head: &Parts,
        is_stranger: impl FnOnce() -> bool,
    ) -> Option<Answer> {
        if head.method != Method::GET && head.method != Method::HEAD {
            return None;
        }
        let page = self.0.iter().find(|page| page.path() == head.uri.path())?;
        Some(page.answer(is_stranger()))
    }
}

/// Pages on a listener of their own: whoever reaches it may read them.
#[derive(Debug)]
pub(crate) struct PagesAlone {
    pub(crate) pages: Arc<Pages>,
    pub(crate) access: Access,
    pub(crate) ids: Arc<RequestIds>,
}

impl Handler for PagesAlone {
    async fn handle(
        &self,
        connection: &Connection,
        request: Request<Incoming>,
    ) -> Result<Response<AnswerBody>, Unanswerable> {
        let (head, incoming) = request.into_parts();
        connection.body_unwanted(!incoming.is_end_stream());
        let answer = match self.access.check(&head) {
            Ok(_) => self.pages.answer(&head, || false),
            Err(refusal) => Some(Answer::access_denied(&refusal.to_string())),
        };
        let answer = answer.unwrap_or_else(Answer::not_found);
        Ok(answer.into_response(self.ids.next()))
    }
}
