//! One request, and its answer.

use std::sync::Arc;

use bytes::Bytes;
use http::header::{CONTENT_TYPE, HeaderName, HeaderValue, USER_AGENT};
use http::{HeaderMap, Request};
use http_body_util::Full;
use millstream_https::Https;
use millstream_types::WallClock;

use super::answer::{NotTaken, of_function, of_status};
use super::signature::id_of;
use super::{Settings, Shape};
use crate::{Item, SinkError};

/// An answer that says more says nothing.
const ANSWER_BYTES_MAX: usize = 1024 * 1024;

/// Sends requests to one receiver.
#[derive(Debug)]
pub(super) struct Requests {
    https: Https,
    settings: Arc<Settings>,
    clock: Arc<dyn WallClock>,
}

impl Requests {
    pub(super) fn new(
        settings: Arc<Settings>,
        clock: Arc<dyn WallClock>,
    ) -> Result<Self, SinkError> {
        Ok(Self {
            https: Https::to(&settings.url, None)?,
            settings,
            clock,
        })
    }

    /// Sends the items, in one request. If this future is dropped, they may have arrived.
    pub(super) async fn send(&self, items: &[Item]) -> Result<(), NotTaken> {
        let request = self.request(items);
        let asked = self
            .https
            .ask(request, ANSWER_BYTES_MAX, self.settings.timeout);
        let answer = asked
            .await
            .map_err(|error| NotTaken::Unknown(SinkError::from(error).message))?;
        of_status(answer.status, &answer.body)?;
        match self.settings.shape {
            Shape::Records => Ok(()),
            Shape::Lambda(_) => of_function(items, &answer.headers, &answer.body),
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
}

fn put(headers: &mut HeaderMap, name: &'static str, value: &str) {
    let value = HeaderValue::from_str(value).expect("digits, hex and base64");
    headers.insert(HeaderName::from_static(name), value);
}
