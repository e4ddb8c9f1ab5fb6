//! Who answers the requests of connections.

use std::fmt;
use std::future::Future;

use http::{Request, Response};
use hyper::body::Incoming;

use super::{AnswerBody, Connection};

/// Answers requests.
pub(crate) trait Handler: Send + Sync + fmt::Debug + 'static {
    /// Answers one request. An error closes the connection (HTTP/1.1) or resets the stream (HTTP/2).
    ///
    /// Dropping the future abandons the request; what it has submitted may still take effect.
    fn handle(
        &self,
        connection: &Connection,
        request: Request<Incoming>,
    ) -> impl Future<Output = Result<Response<AnswerBody>, Unanswerable>> + Send;
}

/// No answer can be given: the client stopped sending, or sent what is not HTTP.
#[derive(Debug, Clone, Copy, thiserror::Error)]
#[error("the request did not arrive whole")]
pub(crate) struct Unanswerable;
