//! Calls of the Data API: JSON over HTTPS, signed by AWS's own signer. Four operations do not need its SDK.

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, UNIX_EPOCH};

use aws_credential_types::Credentials;
use aws_credential_types::provider::{ProvideCredentials, SharedCredentialsProvider};
use aws_sigv4::http_request::{SignableBody, SignableRequest, SigningSettings, sign};
use aws_sigv4::sign::v4;
use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::{Request, Uri};
use http_body_util::Full;
use millstream_https::{Answer, Https};
use millstream_types::WallClock;
use serde_json::Value;
use tokio::sync::Mutex;
use tokio::time::{Instant, timeout};

use crate::{SinkError, SinkFuture};

/// In signatures and in the address.
const SERVICE: &str = "redshift-data";
const JSON: &str = "application/x-amz-json-1.1";
const TARGET: &str = "x-amz-target";
/// No call waits for a statement.
const TIMEOUT: Duration = Duration::from_secs(20);
/// Much more than any of these answers has.
const ANSWER_BYTES_MAX: usize = 1024 * 1024;
/// Nor for credentials that do not come, from an instance's service that is not there or a program that hangs.
const CREDENTIALS_TIME: Duration = Duration::from_secs(20);
/// Credentials are asked for again after this: those that expire are good for minutes longer when they are given.
const CREDENTIALS_KEPT: Duration = Duration::from_secs(60);

/// A call without the answer that it is for.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum NotAnswered {
    /// The service does not do it; nothing was begun.
    #[error("{operation} was refused: {message} ({code})")]
    Refused {
        operation: &'static str,
        code: String,
        message: String,
    },
    /// Nobody knows what became of it.
    #[error("{operation}: {cause}")]
    Unknown {
        operation: &'static str,
        cause: String,
    },
}

impl NotAnswered {
    /// Whether the same call may be answered later.
    pub(super) fn is_passing(&self) -> bool {
        match self {
            Self::Refused { code, .. } => {
                code.starts_with("Throttling") || code.starts_with("ActiveStatementsExceeded")
            }
            Self::Unknown { .. } => true,
        }
    }
}

/// Whoever answers them.
pub(super) trait Calls: Send + Sync + fmt::Debug {
    fn call<'a>(
        &'a self,
        operation: &'static str,
        members: Value,
    ) -> SinkFuture<'a, Result<Value, NotAnswered>>;
}

/// The Data API of a region, and as whom it is called.
#[derive(Debug, Clone)]
pub struct Service {
    /// The region.
    pub region: String,
    /// Where it answers; without it, AWS's address.
    pub endpoint: Option<String>,
    /// Asked again and again, as they may expire.
    pub credentials: SharedCredentialsProvider,
    /// What dates the calls.
    pub clock: Arc<dyn WallClock>,
}

impl Service {
    /// Its calls. Nothing is sent yet.
    pub(super) fn calls(self) -> Result<Box<dyn Calls>, SinkError> {
        let url = self.endpoint.clone().unwrap_or_else(|| {
            // As everywhere, China has a domain of its own.
            let of_china = if self.region.starts_with("cn-") {
                ".cn"
            } else {
                ""
            };
            format!("https://{SERVICE}.{}.amazonaws.com{of_china}/", self.region)
        });
        let url = url.parse::<Uri>().ok();
        let url = url.filter(|url| matches!(url.scheme_str(), Some("http" | "https")));
        let url = url.ok_or_else(|| {
            SinkError::new(format!(
                "{:?} is no address of the Data API: write it as https://HOST",
                self.endpoint
            ))
        })?;
        Ok(Box::new(Signed {
            https: Https::to(&url, None)?,
            url,
            service: self,
            kept: Mutex::default(),
        }))
    }
}

#[derive(Debug)]
struct Signed {
    https: Https,
    url: Uri,
    service: Service,
    kept: Mutex<Option<(Instant, Credentials)>>,
}

impl Signed {
    async fn request(
        &self,
        operation: &str,
        members: &Value,
    ) -> Result<Request<Full<Bytes>>, SinkError> {
        let target = format!("RedshiftData.{operation}");
        let (url, body) = (self.url.to_string(), members.to_string());
        let identity = self.credentials().await?.into();
        let time = UNIX_EPOCH + Duration::from_millis(self.service.clock.now().0);
        let unsigned =
            |error: &dyn std::error::Error| SinkError::of("a call cannot be signed", error);
        let params = v4::SigningParams::builder()
            .identity(&identity)
            .region(&self.service.region)
            .name(SERVICE)
            .time(time)
            .settings(SigningSettings::default())
            .build()
            .map_err(|error| unsigned(&error))?;
        let headers = [(CONTENT_TYPE.as_str(), JSON), (TARGET, &target)];
        let signable = SignableBody::Bytes(body.as_bytes());
        let signable = SignableRequest::new("POST", url.as_str(), headers.into_iter(), signable)
            .map_err(|error| unsigned(&error))?;
        let (instructions, _) = sign(signable, &params.into())
            .map_err(|error| unsigned(&error))?
            .into_parts();
        let mut request = Request::post(url.as_str())
            .header(CONTENT_TYPE, JSON)
            .header(TARGET, &target)
            .body(Full::new(Bytes::from(body)))
            .map_err(|error| unsigned(&error))?;
        instructions.apply_to_request_http1x(&mut request);
        Ok(request)
    }

    async fn credentials(&self) -> Result<Credentials, SinkError> {
        let found = timeout(CREDENTIALS_TIME, self.kept_or_found()).await;
        found.unwrap_or_else(|_| Err(SinkError::new("no credentials: they do not come in time")))
    }

    async fn kept_or_found(&self) -> Result<Credentials, SinkError> {
        let mut kept = self.kept.lock().await;
        if let Some((at, credentials)) = &*kept
            && at.elapsed() < CREDENTIALS_KEPT
        {
            return Ok(credentials.clone());
        }
        let found = self.service.credentials.provide_credentials().await;
        let found = found.map_err(|error| SinkError::of("no credentials", &error))?;
        *kept = Some((Instant::now(), found.clone()));
        Ok(found)
    }
}

impl Calls for Signed {
    fn call<'a>(
        &'a self,
        operation: &'static str,
        members: Value,
    ) -> SinkFuture<'a, Result<Value, NotAnswered>> {
        Box::pin(async move {
            let unknown = |error: SinkError| NotAnswered::Unknown {
                operation,
                cause: error.message,
            };
            let request = self.request(operation, &members).await.map_err(unknown)?;
            let asked = self.https.ask(request, ANSWER_BYTES_MAX, TIMEOUT).await;
            read(operation, &asked.map_err(|error| unknown(error.into()))?)
        })
    }
}

fn read(operation: &'static str, answer: &Answer) -> Result<Value, NotAnswered> {
    let told = serde_json::from_slice::<Value>(&answer.body).unwrap_or_default();
    if answer.status.is_success() && told.is_object() {
        return Ok(told);
    }
    let text = |names: [&str; 2]| names.iter().find_map(|name| told[*name].as_str());
    let message = text(["message", "Message"]).unwrap_or_default().to_owned();
    // It may stand behind the name of its model.
    let code = text(["__type", "code"]).and_then(|code| code.rsplit('#').next());
    match code {
        Some(code) if answer.status.is_client_error() => Err(NotAnswered::Refused {
            operation,
            code: code.to_owned(),
            message,
        }),
        _ => Err(NotAnswered::Unknown {
            operation,
            cause: format!("status {} {message}", answer.status.as_u16()),
        }),
    }
}

#[cfg(test)]
mod tests;
