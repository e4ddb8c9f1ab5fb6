//! Requests over HTTP/1.1 to services that need no SDK, encrypted where their URL says so.
//!
//! # What is promised
//! * **An answer ends**: it has a bound in bytes and in time, to its last byte.
//! * **A request is sent once.** Whoever has no answer decides what that means.
//! * **Nobody is trusted by accident**: a file of authorities that has none, or a machine that trusts none, is an error.

mod authorities;

use std::error::Error;
use std::path::Path;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, Request, StatusCode, Uri};
use http_body_util::{BodyExt, Full, Limited};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use rustls::RootCertStore;
use tokio::time::timeout;

pub use authorities::{InvalidAuthorities, checked_by, trusting};

/// Keeps the connections to one receiver.
#[derive(Debug)]
pub struct Https {
    client: Client<HttpsConnector<HttpConnector>, Full<Bytes>>,
}

/// What a receiver said.
#[derive(Debug)]
pub struct Answer {
    /// Its status.
    pub status: StatusCode,
    /// Its headers.
    pub headers: HeaderMap,
    /// Its body, whole.
    pub body: Bytes,
}

/// There was no answer. The request may have arrived.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum NoAnswer {
    /// The request could not be sent, or nothing came back.
    #[error(transparent)]
    Head(#[from] hyper_util::client::legacy::Error),
    /// The body broke off, or has more bytes than it may.
    #[error(transparent)]
    Body(#[from] Box<dyn Error + Send + Sync>),
    /// It takes too long.
    #[error("it takes longer than {} ms", .0.as_millis())]
    Late(Duration),
}

impl Https {
    /// A client of this receiver, which is checked by the authorities of that file, or else by those that the machine
    /// trusts. Nothing is sent yet.
    ///
    /// # Errors
    /// If nothing is there to check it by.
    pub fn to(url: &Uri, authorities: Option<&Path>) -> Result<Self, InvalidAuthorities> {
        let tls = match url.scheme_str() {
            Some("https") => checked_by(authorities)?,
            _ => trusting(RootCertStore::empty())?,
        };
        let connector = HttpsConnectorBuilder::new()
            .with_tls_config(tls)
            .https_or_http()
            .enable_http1()
            .build();
        Ok(Self {
            client: Client::builder(TokioExecutor::new()).build(connector),
        })
    }

    /// Sends a request, once. If this future is dropped, it may have arrived.
    ///
    /// # Errors
    /// Without an answer of at most `bytes_max` within `time`.
    pub async fn ask(
        &self,
        request: Request<Full<Bytes>>,
        bytes_max: usize,
        time: Duration,
    ) -> Result<Answer, NoAnswer> {
        let asked = async {
            let (head, body) = self.client.request(request).await?.into_parts();
            let body = Limited::new(body, bytes_max).collect().await?;
            Ok(Answer {
                status: head.status,
                headers: head.headers,
                body: body.to_bytes(),
            })
        };
        let answered = timeout(time, asked).await;
        answered.unwrap_or(Err(NoAnswer::Late(time)))
    }
}

#[cfg(test)]
mod tests;
