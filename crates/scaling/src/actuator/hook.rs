//! Workers behind a URL: somebody else's program starts and stops them.
//!
//! `GET` answers with `{"workers": 3}`, or with `{"workers": ["till-1", "till-2"]}` if it knows by which ids they own leases.
//! `POST` is sent `{"from": 3, "to": 2, "hand_over": ["till-2"], "because": "..."}` and answers with success once that is done
//! or will be. The same POST may come again.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE};
use http::{HeaderValue, Method, Request};
use http_body_util::Full;
use serde::Deserialize;
use serde_json::json;

use super::{ActuatorFuture, Running, Workers};
use crate::requests::{Requests, beginning, failed};
use crate::{CallError, WorkerChange};

/// Whom to ask.
#[derive(Clone)]
pub struct HookSettings {
    /// `http://` or `https://`.
    pub url: String,
    /// Sent as `Authorization: Bearer ...`.
    pub token: Option<String>,
    /// How long an answer may take, also that to a POST which waits for workers to go.
    pub timeout: Duration,
}

impl std::fmt::Debug for HookSettings {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { url, timeout, .. } = self;
        f.debug_struct("HookSettings")
            .field("url", &without_query(url))
            .field("timeout", timeout)
            .finish_non_exhaustive()
    }
}

/// What may be shown of a URL: its query may hold a secret.
fn without_query(url: &str) -> &str {
    url.split('?').next().unwrap_or_default()
}

/// Workers that somebody else starts and stops.
#[derive(Debug)]
pub struct Hook {
    url: String,
    /// The URL, as errors name it.
    shown: String,
    token: Option<HeaderValue>,
    requests: Requests,
}

#[derive(Debug, Deserialize)]
struct Answer {
    workers: Told,
}

#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Told {
    Count(u32),
    Ids(Vec<Arc<str>>),
}

impl Hook {
    /// Nothing is sent yet.
    ///
    /// # Errors
    /// If the token is no header's value, or the machine trusts nobody.
    pub fn new(settings: HookSettings) -> Result<Self, CallError> {
        let token = settings.token.map(|token| {
            let mut value = HeaderValue::from_str(&format!("Bearer {token}")).map_err(|_| {
                CallError::Setup("the hook's token is no header's value".to_owned())
            })?;
            value.set_sensitive(true);
            Ok::<_, CallError>(value)
        });
        Ok(Self {
            requests: Requests::new(&settings.url, None, settings.timeout)?,
            shown: without_query(&settings.url).to_owned(),
            url: settings.url,
            token: token.transpose()?,
        })
    }

    async fn call(&self, method: Method, body: String) -> Result<Bytes, CallError> {
        let what = format!("{method} {}", self.shown);
        let mut request = Request::builder()
            .method(method)
            .uri(&self.url)
            .header(ACCEPT, "application/json")
            .header(CONTENT_TYPE, "application/json");
        if let Some(token) = &self.token {
            request = request.header(AUTHORIZATION, token);
        }
        let request = request
            .body(Full::new(Bytes::from(body)))
            .map_err(|error| CallError::Setup(format!("{}: {error}", self.shown)))?;
        let (status, body) = self.requests.send(&what, request).await?;
        match status.is_success() {
            true => Ok(body),
            false => Err(failed(
                &what,
                status,
                format!("{status}: {}", beginning(&body)),
            )),
        }
    }
}

impl Workers for Hook {
    fn running(&mut self) -> ActuatorFuture<'_, Running> {
        Box::pin(async {
            let body = self.call(Method::GET, String::new()).await?;
            let answer: Answer = serde_json::from_slice(&body).map_err(|_| CallError::Refused {
                what: format!("GET {}", self.shown),
                said: format!(
                    "{:?} is not an object with `workers`, a number or a list of ids",
                    beginning(&body)
                ),
            })?;
            Ok(match answer.workers {
                Told::Count(count) => Running::Counted(count),
                Told::Ids(ids) => Running::Named(ids),
            })
        })
    }

    fn scale<'a>(&'a mut self, change: &'a WorkerChange) -> ActuatorFuture<'a, ()> {
        Box::pin(async move {
            let body = json!({
                "from": change.from,
                "to": change.to,
                "hand_over": change.hand_over,
                "because": change.reason.to_string(),
            });
            self.call(Method::POST, body.to_string()).await?;
            Ok(())
        })
    }
}

#[cfg(test)]
mod tests;
