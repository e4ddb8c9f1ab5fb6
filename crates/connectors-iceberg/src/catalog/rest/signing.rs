//! As whom a catalog is asked.

use std::fmt;
use std::time::{Duration, UNIX_EPOCH};

use aws_credential_types::provider::{ProvideCredentials, SharedCredentialsProvider};
use aws_sigv4::http_request::{
    PayloadChecksumKind, SignableBody, SignableRequest, SigningSettings, sign,
};
use aws_sigv4::sign::v4;
use bytes::Bytes;
use http::header::{AUTHORIZATION, CONTENT_TYPE};
use http::{HeaderValue, Request};
use http_body_util::Full;
use millstream_connectors::SinkError;
use millstream_types::WallClock;

/// Who asks.
#[derive(Clone)]
pub enum Who {
    /// Nobody in particular.
    Nobody,
    /// Whoever has this token.
    Token(String),
    /// Whose credentials these are: requests have AWS's signatures, version 4.
    Signed {
        /// The service's name in signatures: `glue`, `s3tables`.
        service: String,
        /// Its region.
        region: String,
        /// Asked for each request, as they may expire; the usual chain keeps them.
        credentials: SharedCredentialsProvider,
    },
}

impl fmt::Debug for Who {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Nobody => "Nobody",
            Self::Token(_) => "Token(...)",
            Self::Signed { .. } => "Signed(...)",
        })
    }
}

impl Who {
    /// Adds to the request what says who asks.
    pub(super) async fn sign(
        &self,
        request: &mut Request<Full<Bytes>>,
        body: &[u8],
        clock: &dyn WallClock,
    ) -> Result<(), SinkError> {
        match self {
            Self::Nobody => Ok(()),
            Self::Token(token) => {
                let mut value = HeaderValue::try_from(format!("Bearer {token}"))
                    .map_err(|error| SinkError::of("the token", &error))?;
                value.set_sensitive(true);
                request.headers_mut().insert(AUTHORIZATION, value);
                Ok(())
            }
            Self::Signed {
                service,
                region,
                credentials,
            } => {
                let credentials = credentials.provide_credentials().await;
                let credentials =
                    credentials.map_err(|error| SinkError::of("no credentials", &error))?;
                let failed = |error: &dyn std::error::Error| SinkError::of("the signature", error);
                let identity = credentials.into();
                let mut settings = SigningSettings::default();
                settings.payload_checksum_kind = PayloadChecksumKind::XAmzSha256;
                let params = v4::SigningParams::builder()
                    .identity(&identity)
                    .region(region)
                    .name(service)
                    .time(UNIX_EPOCH + Duration::from_millis(clock.now().0))
                    .settings(settings)
                    .build()
                    .map_err(|error| failed(&error))?;
                let content_type = request.headers().get(CONTENT_TYPE);
                let content_type = content_type.and_then(|value| value.to_str().ok());
                let headers = content_type.map(|value| (CONTENT_TYPE.as_str(), value));
                let signable = SignableRequest::new(
                    request.method().as_str(),
                    request.uri().to_string(),
                    headers.into_iter(),
                    SignableBody::Bytes(body),
                )
                .map_err(|error| failed(&error))?;
                let (instructions, _) = sign(signable, &params.into())
                    .map_err(|error| failed(&error))?
                    .into_parts();
                instructions.apply_to_request_http1x(request);
                Ok(())
            }
        }
    }
}
