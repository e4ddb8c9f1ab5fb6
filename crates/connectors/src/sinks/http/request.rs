//! One request, and its answer.

use std::sync::Arc;

use bytes::Bytes;
use http::header::{CONTENT_TYPE, HeaderName, HeaderValue, USER_AGENT};
use http::{HeaderMap, Request, StatusCode};
use http_body_util::{BodyExt, Full, Limited};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use millstream_types::WallClock;
use rustls::{ClientConfig, RootCertStore};
use tokio::time::timeout;

use super::answer::{NotTaken, of_function, of_status};
use super::signature::id_of;
use super::{Settings, Shape};
use crate::{Item, SinkError};

/// An answer that says more says nothing.
const ANSWER_BYTES_MAX: usize = 1024 * 1024;

/// Sends requests to one receiver.
#[derive(Debug)]
pub(super) struct Requests {
    client: Client<HttpsConnector<HttpConnector>, Full<Bytes>>,
    settings: Arc<Settings>,
    clock: Arc<dyn WallClock>,
}

impl Requests {
    pub(super) fn new(
        settings: Arc<Settings>,
        clock: Arc<dyn WallClock>,
    ) -> Result<Self, SinkError> {
        let mut roots = RootCertStore::empty();
        let is_encrypted = settings.url.scheme_str() == Some("https");
        if is_encrypted {
            roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
            if roots.is_empty() {
                return Err(SinkError::new(
                    "this machine trusts no certificate authority",
                ));
            }
        }
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let tls = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(|error| SinkError::of("TLS", &error))?
            .with_root_certificates(roots)
            .with_no_client_auth();
        let connector = HttpsConnectorBuilder::new()
            .with_tls_config(tls)
            .https_or_http()
            .enable_http1()
            .build();
        Ok(Self {
            client: Client::builder(TokioExecutor::new()).build(connector),
            settings,
            clock,
        })
    }

    /// Sends the items, in one request. If this future is dropped, they may have arrived.
    pub(super) async fn send(&self, items: &[Item]) -> Result<(), NotTaken> {
        let request = self.request(items);
        let (status, headers, body) = timeout(self.settings.timeout, self.answer(request))
            .await
            .map_err(|_| NotTaken::Unknown("the receiver does not answer in time".to_owned()))??;
        of_status(status, &body)?;
        match self.settings.shape {
            Shape::Records => Ok(()),
            Shape::Lambda(_) => of_function(items, &headers, &body),
        }
    }

    fn request(&self, items: &[Item]) -> Request<Full<Bytes>> {
        let body = self.settings.shape.body(items);
        let mut request = Request::post(self.settings.url.clone())
            .body(Full::default())
            .expect("a URL and no headers make a request");
        let headers = request.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        headers.insert(USER_AGENT, HeaderValue::from_static("millstream"));
        let id = id_of(items);
        if let Some(secret) = &self.settings.secret {
            let timestamp_s = self.clock.now().0 / 1000;
            let signature = secret.sign(&id, timestamp_s, &body);
            put(headers, "webhook-timestamp", &timestamp_s.to_string());
            put(headers, "webhook-signature", &signature);
        }
        put(headers, "webhook-id", &id);
        headers.extend(self.settings.headers.clone());
        *request.body_mut() = Full::new(body.into());
        request
    }

    async fn answer(
        &self,
        request: Request<Full<Bytes>>,
    ) -> Result<(StatusCode, HeaderMap, Bytes), NotTaken> {
        let unknown = |error: &dyn std::error::Error| {
            NotTaken::Unknown(SinkError::of("the receiver", error).message)
        };
        let answer = self.client.request(request).await;
        let (head, body) = answer.map_err(|error| unknown(&error))?.into_parts();
        let body = Limited::new(body, ANSWER_BYTES_MAX).collect().await;
        let body = body.map_err(|error| unknown(&*error))?.to_bytes();
        Ok((head.status, head.headers, body))
    }
}

fn put(headers: &mut HeaderMap, name: &'static str, value: &str) {
    let value = HeaderValue::from_str(value).expect("digits, hex and base64");
    headers.insert(HeaderName::from_static(name), value);
}
