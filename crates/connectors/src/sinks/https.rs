//! Requests to receivers over HTTP/1.1, encrypted where their URL says so.

use std::path::Path;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, Request, StatusCode};
use http_body_util::{BodyExt, Full, Limited};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use rustls::RootCertStore;
use tokio::time::timeout;

use super::authorities::{checked_by, trusting};
use crate::SinkError;

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

impl Https {
    /// A client of this receiver, which is checked by the authorities of that file, or else by those that the machine
    /// trusts. Nothing is sent yet.
    ///
    /// # Errors
    /// If nothing is there to check it by.
    pub fn to(url: &http::Uri, authorities: Option<&Path>) -> Result<Self, SinkError> {
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
    /// Without an answer of at most `bytes_max` within `time`; the request may have arrived.
    pub async fn ask(
        &self,
        request: Request<Full<Bytes>>,
        bytes_max: usize,
        time: Duration,
    ) -> Result<Answer, SinkError> {
        let asked = async {
            let answer = self.client.request(request).await;
            let answer = answer.map_err(|error| SinkError::of("the receiver", &error))?;
            let (head, body) = answer.into_parts();
            let body = Limited::new(body, bytes_max).collect().await;
            let body = body.map_err(|error| SinkError::of("the receiver", &*error))?;
            Ok(Answer {
                status: head.status,
                headers: head.headers,
                body: body.to_bytes(),
            })
        };
        let answered = timeout(time, asked).await;
        answered.unwrap_or_else(|_| Err(SinkError::new("the receiver does not answer in time")))
    }
}
