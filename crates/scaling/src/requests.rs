//! One HTTP request and its answer, over the client that the AWS SDK stands on.

use std::error::Error;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{Request, StatusCode};
use http_body_util::{BodyExt, Full, Limited};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{ClientConfig, RootCertStore};
use tokio::time::timeout;

/// Why a call of a service did not succeed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CallError {
    /// There was no answer, or one that says to come again: nothing is known of what became of the call.
    #[error("no answer to {what}: {cause}")]
    Unreachable {
        /// The call.
        what: String,
        /// What failed.
        cause: String,
    },
    /// The answer says no.
    #[error("{what} was refused: {said}")]
    Refused {
        /// The call.
        what: String,
        /// The answer.
        said: String,
    },
    /// What is needed for a call is not there, such as credentials or a certificate.
    #[error("{0}")]
    Setup(String),
}

impl CallError {
    /// Whether the same call may succeed soon.
    pub fn is_passing(&self) -> bool {
        matches!(self, Self::Unreachable { .. })
    }
}

/// An answer that says more is none of those that are expected.
const ANSWER_BYTES_MAX: usize = 1024 * 1024;

/// Whom to trust.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Roots<'a> {
    /// Nobody: nothing is encrypted.
    None,
    /// Whom the machine trusts.
    Machine,
    /// Who is in this file, in PEM.
    File(&'a Path),
}

impl<'a> Roots<'a> {
    /// Those for a URL, and if they are needed, of this file.
    pub(crate) fn of(url: &str, file: Option<&'a Path>) -> Self {
        match (url.starts_with("https:"), file) {
            (false, _) => Self::None,
            (true, Some(file)) => Self::File(file),
            (true, None) => Self::Machine,
        }
    }

    fn store(self) -> Result<RootCertStore, CallError> {
        let mut store = RootCertStore::empty();
        let certificates = match self {
            Self::None => return Ok(store),
            Self::Machine => rustls_native_certs::load_native_certs().certs,
            Self::File(file) => CertificateDer::pem_file_iter(file)
                .and_then(Iterator::collect)
                .map_err(|error| CallError::Setup(format!("{}: {error}", file.display())))?,
        };
        if store.add_parsable_certificates(certificates).0 == 0 {
            return Err(CallError::Setup(match self {
                Self::File(file) => format!("{}: no certificate is in it", file.display()),
                Self::None | Self::Machine => {
                    "this machine trusts no certificate authority".to_owned()
                }
            }));
        }
        Ok(store)
    }
}

/// Sends requests.
#[derive(Debug)]
pub(crate) struct Requests {
    client: Client<HttpsConnector<HttpConnector>, Full<Bytes>>,
    timeout: Duration,
}

impl Requests {
    /// An answer may take as long as `timeout`, to its last byte.
    pub(crate) fn new(roots: Roots<'_>, timeout: Duration) -> Result<Self, CallError> {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let tls = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(|error| CallError::Setup(error.to_string()))?
            .with_root_certificates(roots.store()?)
            .with_no_client_auth();
        let connector = HttpsConnectorBuilder::new()
            .with_tls_config(tls)
            .https_or_http()
            .enable_http1()
            .build();
        Ok(Self {
            client: Client::builder(TokioExecutor::new()).build(connector),
            timeout,
        })
    }

    /// Sends one; `what` names it in errors. If this future is dropped, it may have arrived.
    pub(crate) async fn send(
        &self,
        what: &str,
        request: Request<Full<Bytes>>,
    ) -> Result<(StatusCode, Bytes), CallError> {
        let unreachable = |cause| CallError::Unreachable {
            what: what.to_owned(),
            cause,
        };
        let answer = async {
            let answer = self.client.request(request).await;
            let (head, body) = answer
                .map_err(|error| unreachable(innermost(&error)))?
                .into_parts();
            let body = Limited::new(body, ANSWER_BYTES_MAX).collect().await;
            let body = body.map_err(|error| unreachable(innermost(&*error)))?;
            Ok((head.status, body.to_bytes()))
        };
        let late = || format!("it takes longer than {} ms", self.timeout.as_millis());
        timeout(self.timeout, answer)
            .await
            .map_err(|_| unreachable(late()))?
    }
}

/// What an answer means that is no success: whether to come again, or that the call is refused.
pub(crate) fn failed(what: &str, status: StatusCode, said: String) -> CallError {
    let what = what.to_owned();
    let is_passing = status.is_server_error()
        || matches!(
            status,
            StatusCode::TOO_MANY_REQUESTS | StatusCode::REQUEST_TIMEOUT | StatusCode::CONFLICT
        );
    if is_passing {
        let cause = format!("{status}: {said}");
        CallError::Unreachable { what, cause }
    } else {
        CallError::Refused { what, said }
    }
}

/// The beginning of a body, for an error.
pub(crate) fn beginning(body: &[u8]) -> String {
    const CHARACTERS: usize = 200;
    let text = String::from_utf8_lossy(body);
    text.trim().chars().take(CHARACTERS).collect()
}

fn innermost(error: &(dyn Error + 'static)) -> String {
    let mut last = error;
    while let Some(source) = last.source() {
        last = source;
    }
    last.to_string()
}
