//! Credentials of a request: that they are there and well formed. Which they are is not checked: the server
//! is reachable from its own machine only, and accepts any.

use http::header::HOST;
use http::request::Parts;
use millstream_types::{AccountId, Region};
use millstream_wire::sigv4::{AuthenticationError, Header, Presented};

/// What credentials say of their sender.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Credentials {
    /// The account that the access key is, if it is one.
    pub(crate) account: Option<AccountId>,
    /// Where the request is meant for.
    pub(crate) region: Region,
}

impl Credentials {
    /// The credentials of a request, from its Authorization header or its query string.
    pub(crate) fn of(head: &Parts) -> Result<Self, AuthenticationError> {
        let presented = Presented::of(head.uri.query().unwrap_or(""), &headers(head))?;
        Ok(Self {
            account: presented.access_key().parse().ok(),
            region: presented.region,
        })
    }
}

/// A request's headers as signatures see them. HTTP/2 has no `host` header but an authority.
pub(super) fn headers(head: &Parts) -> Vec<Header<'_>> {
    let mut headers = Vec::with_capacity(head.headers.len() + 1);
    if let Some(authority) = head.uri.authority()
        && !head.headers.contains_key(HOST)
    {
        headers.push((HOST.as_str(), authority.as_str().as_bytes()));
    }
    for (name, value) in &head.headers {
        headers.push((name.as_str(), value.as_bytes()));
    }
    headers
}

#[cfg(test)]
mod tests;
