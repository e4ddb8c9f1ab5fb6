//! What stands behind the port: services, each of which says which requests are its own.

use std::future::Future;

use http::request::Parts;
use hyper::body::Incoming;

use super::Answer;
use super::request_id::RequestId;
use crate::http::{Connection, Unanswerable};

/// A `POST` whose body has not been read.
#[derive(Debug)]
pub(crate) struct Arriving<'a> {
    /// What it is called in the answer and in the log.
    pub(crate) id: RequestId,
    pub(crate) connection: &'a Connection,
    pub(crate) head: &'a Parts,
    pub(crate) incoming: Incoming,
}

/// A service behind the port. The front asks each in turn who claims a request, and the one that does answers it.
pub(crate) trait PortService {
    /// Whether a `POST` with this head is the service's to answer. At most one service claims a request.
    fn claims(&self, head: &Parts) -> bool;

    /// Answers a request that it claims.
    ///
    /// # Errors
    /// If no answer can be given, because the request did not arrive whole.
    fn answer(
        &self,
        request: Arriving<'_>,
    ) -> impl Future<Output = Result<Answer, Unanswerable>> + Send;
}
