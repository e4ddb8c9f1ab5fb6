//! What stands behind the port: services, each of which says which requests are its own, and pages.

use std::future::Future;

use http::request::Parts;
use hyper::body::Incoming;
use millstream_streams::Caller;
use millstream_types::Plane;
use millstream_wire::sigv4::AuthenticationError;

use super::Answer;
use super::request_id::RequestId;
use crate::http::{Connection, RequestBody};

/// Longest body that AWS's services look at: 10 MiB of records in base64, and room for the rest.
pub(crate) const BODY_BYTES_MAX: usize = (16 * 1024 + 256) * 1024;

/// A `POST` whose body has not been read.
#[derive(Debug)]
pub(crate) struct Arriving<'a> {
    /// What it is called in the answer and in the log.
    pub(crate) id: RequestId,
    pub(crate) connection: &'a Connection,
    pub(crate) head: &'a Parts,
    pub(crate) incoming: Incoming,
}

/// A `POST` that has arrived whole.
#[derive(Debug)]
pub(crate) struct Request<'a> {
    pub(crate) id: RequestId,
    pub(crate) head: &'a Parts,
    pub(crate) body: RequestBody,
}

/// What the front must know of a service.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Profile {
    /// The service as policies name it.
    pub(crate) service: &'static str,
    /// The service as credential scopes name it.
    pub(crate) scope: &'static str,
    /// Longest body that is looked at, in bytes.
    pub(crate) body_bytes_max: usize,
    /// Who may send it something.
    pub(crate) callers: Callers,
}

/// Whose requests a service answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Callers {
    /// Those whose signature is right; large bodies are taken from known keys only.
    Verified,
    /// Anybody's, because nothing is done.
    Anybody,
}

/// An operation that a request names and the service has.
pub(crate) trait Named {
    /// Its name.
    fn operation(&self) -> &'static str;

    /// Whether it is about resources themselves.
    fn plane(&self) -> Plane;
}

/// Why the front does not hand a request on. The service says so in its own words.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Refusal<'a> {
    /// Too many bytes of requests are in flight.
    NoRoom,
    /// Nobody known has sent it. Where there is no body, it was not waited for.
    Unverified(&'a AuthenticationError, Option<&'a [u8]>),
    /// The call failed inside; the outcome of a write is unknown.
    Failed,
}

/// A service behind the port. The front reads a request, asks what it [`names`](Self::name), authenticates its sender
/// and [`call`](Self::call)s, in this order for all of them; it tells audit log, server log and metrics.
pub(crate) trait PortService: Send + Sync {
    /// What it knows of a request once it knows the operation.
    type Named: Named + Send;

    /// Whether a `POST` with this head is the service's to answer. At most one service claims a request.
    fn claims(&self, head: &Parts) -> bool;

    /// What the front must know.
    fn profile(&self) -> Profile;

    /// The operation that a request names.
    ///
    /// # Errors
    /// The answer to one that names none, or whose encoding is not known.
    fn name(&self, request: &Request<'_>) -> Result<Self::Named, Box<Answer>>;

    /// The answer to a request that the front does not hand on.
    fn refuse(&self, id: RequestId, head: &Parts, refusal: Refusal<'_>) -> Answer;

    /// Does what is asked for. Dropping the future abandons the answer; what was submitted may still take effect.
    fn call(
        &self,
        request: Request<'_>,
        named: Self::Named,
        caller: &Caller,
    ) -> impl Future<Output = Answer> + Send;
}

/// Files for browsers, beside the services on their port.
pub(crate) trait Site: Send + Sync + std::fmt::Debug {
    /// The answer to a request that is no `POST`; `None` if it asks for none of the files.
    fn answer(&self, head: &Parts) -> Option<Answer>;
}

/// A page for people and programs who look after the server: no operation of AWS's.
pub(crate) trait Page: Send + Sync + std::fmt::Debug {
    /// Its path.
    fn path(&self) -> &'static str;

    /// The answer to a `GET`. A stranger is on another machine and presents no key.
    fn answer(&self, is_stranger: bool) -> Answer;
}
