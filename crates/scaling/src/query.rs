//! Calls in AWS's Query protocol, signed by AWS's own signer: for services of which a few calls are needed.

use std::sync::Arc;
use std::time::{Duration, UNIX_EPOCH};

use aws_credential_types::Credentials;
use aws_credential_types::provider::{ProvideCredentials, SharedCredentialsProvider};
use aws_sigv4::http_request::{SignableBody, SignableRequest, SigningSettings, sign};
use aws_sigv4::sign::v4;
use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::{Request, StatusCode};
use http_body_util::Full;
use millstream_types::WallClock;
use serde::Deserialize;
use tokio::sync::Mutex;
use tokio::time::Instant;

use crate::requests::{CallError, Requests, beginning, failed};

const FORM: &str = "application/x-www-form-urlencoded; charset=utf-8";
const TIMEOUT: Duration = Duration::from_secs(30);
/// Credentials are asked for again after this: those that expire are good for minutes longer when they are given.
const CREDENTIALS_KEPT: Duration = Duration::from_secs(60);

/// A service, and as whom it is called.
#[derive(Debug, Clone)]
pub(crate) struct QuerySettings {
    /// Its name in signatures and in its address.
    pub(crate) service: &'static str,
    /// The version of its API.
    pub(crate) version: &'static str,
    /// The region.
    pub(crate) region: String,
    /// Where it answers; `None` is AWS in that region.
    pub(crate) endpoint_url: Option<String>,
    /// Asked again and again, as they may expire.
    pub(crate) credentials: SharedCredentialsProvider,
}

/// Calls one service.
#[derive(Debug)]
pub(crate) struct Query {
    settings: QuerySettings,
    url: String,
    requests: Requests,
    clock: Arc<dyn WallClock>,
    kept: Mutex<Option<(Instant, Credentials)>>,
}

impl Query {
    pub(crate) fn new(
        settings: QuerySettings,
        clock: Arc<dyn WallClock>,
    ) -> Result<Self, CallError> {
        let url = settings.endpoint_url.clone().unwrap_or_else(|| {
            let (service, region) = (settings.service, &settings.region);
            // As everywhere, China has a domain of its own.
            let of_china = if region.starts_with("cn-") { ".cn" } else { "" };
            format!("https://{service}.{region}.amazonaws.com{of_china}/")
        });
        let is_url = url
            .parse::<http::Uri>()
            .is_ok_and(|url| matches!(url.scheme_str(), Some("http" | "https")));
        if !is_url {
            return Err(CallError::Setup(format!(
                "the endpoint {url:?} is not a URL: write it as http://HOST:PORT or https://HOST:PORT"
            )));
        }
        Ok(Self {
            requests: Requests::new(&url, None, TIMEOUT)?,
            settings,
            url,
            clock,
            kept: Mutex::default(),
        })
    }

    /// Calls `action` with these members; errors name `about`. The answer is XML.
    pub(crate) async fn call(
        &self,
        action: &str,
        about: &str,
        members: &[(&str, &str)],
    ) -> Result<String, CallError> {
        let form = form(action, self.settings.version, members);
        let request = self.signed(form).await?;
        let what = format!("{action} of {about}");
        let (status, body) = self.requests.send(&what, request).await?;
        match status {
            StatusCode::OK => {
                let text = String::from_utf8(body.into());
                text.map_err(|error| CallError::Refused {
                    what,
                    said: error.to_string(),
                })
            }
            _ => Err(refusal(&what, status, &body)),
        }
    }

    async fn signed(&self, form: String) -> Result<Request<Full<Bytes>>, CallError> {
        let service = self.settings.service;
        let setup = |error: &dyn std::error::Error| {
            CallError::Setup(format!("a call of {service} cannot be signed: {error}"))
        };
        let identity = self.credentials().await?.into();
        let time = UNIX_EPOCH + Duration::from_millis(self.clock.now().0);
        let params = v4::SigningParams::builder()
            .identity(&identity)
            .region(&self.settings.region)
            .name(service)
            .time(time)
            .settings(SigningSettings::default())
            .build()
            .map_err(|error| setup(&error))?;
        let headers = [(CONTENT_TYPE.as_str(), FORM)];
        let body = SignableBody::Bytes(form.as_bytes());
        let signable = SignableRequest::new("POST", self.url.as_str(), headers.into_iter(), body)
            .map_err(|error| setup(&error))?;
        let (instructions, _) = sign(signable, &params.into())
            .map_err(|error| setup(&error))?
            .into_parts();
        let mut request = Request::post(self.url.as_str())
            .header(CONTENT_TYPE, FORM)
            .body(Full::new(Bytes::from(form)))
            .map_err(|error| setup(&error))?;
        instructions.apply_to_request_http1x(&mut request);
        Ok(request)
    }

    async fn credentials(&self) -> Result<Credentials, CallError> {
        let mut kept = self.kept.lock().await;
        if let Some((at, credentials)) = &*kept
            && at.elapsed() < CREDENTIALS_KEPT
        {
            return Ok(credentials.clone());
        }
        let found = self.settings.credentials.provide_credentials().await;
        let found = found.map_err(|error| {
            let service = self.settings.service;
            CallError::Setup(format!("no credentials for {service}: {error}"))
        })?;
        *kept = Some((Instant::now(), found.clone()));
        Ok(found)
    }
}

fn form(action: &str, version: &str, members: &[(&str, &str)]) -> String {
    form_urlencoded::Serializer::new(String::new())
        .append_pair("Action", action)
        .append_pair("Version", version)
        .extend_pairs(members)
        .finish()
}

fn refusal(what: &str, status: StatusCode, body: &[u8]) -> CallError {
    let told = str::from_utf8(body).ok();
    let told = told.and_then(|text| quick_xml::de::from_str::<ErrorResponse>(text).ok());
    let Some(ErrorResponse { error }) = told else {
        return failed(what, status, beginning(body));
    };
    let said = format!("{} ({})", error.message, error.code);
    // Throttling comes with status 400.
    match error.code.starts_with("Throttling") || error.code == "ResourceContention" {
        true => failed(what, StatusCode::TOO_MANY_REQUESTS, said),
        false => failed(what, status, said),
    }
}

#[derive(Debug, Deserialize)]
struct ErrorResponse {
    #[serde(rename = "Error")]
    error: Told,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Told {
    code: String,
    #[serde(default)]
    message: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_is_told_from_what_passes() {
        let of = |status, code: &str| {
            let body = format!(
                "<ErrorResponse xmlns=\"http://autoscaling.amazonaws.com/doc/2011-01-01/\"><Error><Type>Sender</Type>\
                 <Code>{code}</Code><Message>it &lt; that</Message></Error><RequestId>x</RequestId></ErrorResponse>"
            );
            refusal("SetDesiredCapacity of till", status, body.as_bytes())
        };
        let refused = of(StatusCode::BAD_REQUEST, "ValidationError");
        assert_eq!(
            refused.to_string(),
            "SetDesiredCapacity of till was refused: it < that (ValidationError)"
        );
        assert!(!refused.is_passing());
        assert!(of(StatusCode::BAD_REQUEST, "Throttling").is_passing());
        assert!(of(StatusCode::INTERNAL_SERVER_ERROR, "InternalFailure").is_passing());
        let foreign = refusal("it", StatusCode::FORBIDDEN, b"<html>no</html>");
        assert_eq!(foreign.to_string(), "it was refused: <html>no</html>");
    }
}
