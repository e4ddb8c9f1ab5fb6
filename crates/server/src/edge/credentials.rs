//! Who sends a request, by its credentials. A server without keys is reachable from its own machine only and accepts
//! any that are well formed; one with keys verifies the signature.

use std::sync::Arc;

use http::Version;
use http::header::HOST;
use http::request::Parts;
use millstream_streams::{Asked, Caller, Identity};
use millstream_types::{AccountId, WallClock};
use millstream_wire::sigv4::{self, AuthenticationError, Body, Header, Presented, SignedRequest};

use crate::access_keys::KeyRing;
use crate::http::Holder;

/// Says who sends requests.
#[derive(Debug)]
pub(crate) enum Authenticator {
    /// Whoever it is, in the account that the access key names, or in this one.
    Anyone(AccountId),
    /// The owners of keys.
    Keys {
        keys: Arc<KeyRing>,
        clock: Arc<dyn WallClock>,
    },
}

impl Authenticator {
    /// Whether a request without a body is signed with a key.
    pub(crate) fn has_key(&self, head: &Parts) -> bool {
        matches!(self, Self::Keys { .. }) && self.authenticate(head, b"", "kinesis").is_ok()
    }

    /// On whose account a request's bytes are while its body is on its way, by its head alone: the sender is who it says
    /// it is, or somebody who knows the name of its key.
    pub(crate) fn sender(
        &self,
        head: &Parts,
        service: &'static str,
    ) -> Result<Holder, AuthenticationError> {
        let headers = headers(head);
        let query = head.uri.query().unwrap_or("");
        let presented = Presented::of(query, &headers)?;
        match self {
            Self::Anyone(account) => {
                let own = presented.access_key().parse().ok();
                Ok(Holder::Account(own.unwrap_or_else(|| account.clone())))
            }
            Self::Keys { keys, clock } => {
                let key = keys.get(presented.access_key());
                let request = SignedRequest {
                    method: head.method.as_str(),
                    path: head.uri.path(),
                    query,
                    headers: &headers,
                    body: Body::Whole(b""),
                };
                let secret = key.as_ref().map(|key| &key.secret);
                sigv4::check_head(&presented, &request, service, secret, clock.now())?;
                let key = key.ok_or(AuthenticationError::UnknownKey)?;
                Ok(Holder::Account(key.account.clone()))
            }
        }
    }

    /// The sender of a request to a service.
    pub(crate) fn authenticate(
        &self,
        head: &Parts,
        body: &[u8],
        service: &'static str,
    ) -> Result<Caller, AuthenticationError> {
        let headers = headers(head);
        let query = head.uri.query().unwrap_or("");
        let presented = Presented::of(query, &headers)?;
        let (keys, clock) = match self {
            Self::Anyone(account) => {
                let own = presented.access_key().parse().ok();
                let account = own.unwrap_or_else(|| account.clone());
                return Ok(Caller::anyone(account, presented.region));
            }
            Self::Keys { keys, clock } => (keys, clock),
        };
        let key = keys.get(presented.access_key());
        let request = SignedRequest {
            method: head.method.as_str(),
            path: head.uri.path(),
            query,
            headers: &headers,
            body: Body::Whole(body),
        };
        let secret = key.as_ref().map(|key| &key.secret);
        sigv4::verify(&presented, &request, service, secret, clock.now())?;
        let key = key.ok_or(AuthenticationError::UnknownKey)?;
        Ok(Caller {
            account: key.account.clone(),
            region: presented.region,
            identity: Identity::User(Arc::clone(&key.user)),
            asked: Asked::default(),
        })
    }
}

/// The access key that a request presents, whether it is one or not.
pub(crate) fn presented_key(head: &Parts) -> Option<String> {
    let presented = Presented::of(head.uri.query().unwrap_or(""), &headers(head));
    Some(presented.ok()?.access_key().to_owned())
}

/// The service that a request says it is signed for; `None` if it says none.
pub(crate) fn scope_service(head: &Parts) -> Option<String> {
    let presented = Presented::of(head.uri.query().unwrap_or(""), &headers(head));
    Some(presented.ok()?.service().to_owned())
}

/// A request's headers as signatures see them. HTTP/2 has an authority and seldom a `host` header; either may be signed,
/// and a request of which they say two things has been refused before (`access.rs`).
fn headers(head: &Parts) -> Vec<Header<'_>> {
    let mut headers = Vec::with_capacity(head.headers.len() + 2);
    if let Some(authority) = head.uri.authority() {
        let authority = authority.as_str().as_bytes();
        if !head.headers.contains_key(HOST) {
            headers.push((HOST.as_str(), authority));
        }
        if head.version == Version::HTTP_2 {
            headers.push((":authority", authority));
        }
    }
    for (name, value) in &head.headers {
        headers.push((name.as_str(), value.as_bytes()));
    }
    headers
}

#[cfg(test)]
mod tests;
