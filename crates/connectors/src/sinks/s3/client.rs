//! How a bucket is reached: over the HTTP client and the encryption that are in the program already, with the credentials
//! of the usual AWS chain.

use std::sync::Arc;
use std::time::{Duration, Instant};

use aws_credential_types::provider::{ProvideCredentials, SharedCredentialsProvider};
use http_body_util::BodyExt;
use hyper_rustls::{ConfigBuilderExt, HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector as Tcp;
use hyper_util::rt::TokioExecutor;
use object_store::aws::{AmazonS3Builder, AwsCredential};
use object_store::client::{
    ClientOptions, CredentialProvider, HttpClient, HttpConnector, HttpError, HttpErrorKind,
    HttpRequest, HttpRequestBody, HttpResponse, HttpResponseBody, HttpService,
};
use object_store::{ObjectStore, RetryConfig};
use tokio::sync::Mutex;

/// How long reaching the service may take.
const CONNECT_TIME: Duration = Duration::from_secs(5);
/// Credentials are asked for again after this: those that expire are good for minutes longer when they are given.
const CREDENTIALS_KEPT: Duration = Duration::from_secs(60);

/// Where a bucket is, and as whom.
#[derive(Debug, Clone)]
pub struct Access {
    /// The bucket, which must exist.
    pub bucket: String,
    /// Its region.
    pub region: String,
    /// The service, such as `http://127.0.0.1:8333`; without it, AWS. Names are in the path then, not in the host.
    pub endpoint: Option<String>,
    /// Asked again and again, as they may expire.
    pub credentials: SharedCredentialsProvider,
}

/// The bucket cannot be reached this way.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct InvalidAccess(String);

impl Access {
    /// The bucket. Nothing is sent yet. Nothing is tried again here: whoever delivers does that.
    ///
    /// # Errors
    /// If the endpoint is no URL, or the system has no certificates.
    pub fn open(&self) -> Result<Arc<dyn ObjectStore>, InvalidAccess> {
        let invalid = |error: &dyn std::error::Error| InvalidAccess(error.to_string());
        let endpoint = self.endpoint.as_deref();
        let is_encrypted = !endpoint.is_some_and(|endpoint| endpoint.starts_with("http://"));
        let mut builder = AmazonS3Builder::new()
            .with_bucket_name(&self.bucket)
            .with_region(&self.region)
            .with_credentials(Arc::new(Chain::new(self.credentials.clone())))
            .with_http_connector(Connector { is_encrypted })
            .with_retry(RetryConfig {
                max_retries: 0,
                ..RetryConfig::default()
            });
        if let Some(endpoint) = endpoint {
            if !(endpoint.starts_with("http://") || endpoint.starts_with("https://")) {
                return Err(InvalidAccess(format!(
                    "the endpoint {endpoint:?} is no URL: write it as http://HOST:PORT or https://HOST:PORT"
                )));
            }
            builder = builder
                .with_endpoint(endpoint)
                .with_allow_http(endpoint.starts_with("http://"))
                .with_virtual_hosted_style_request(false);
        } else {
            builder = builder.with_virtual_hosted_style_request(true);
        }
        let store = builder.build().map_err(|error| invalid(&error))?;
        Ok(Arc::new(store))
    }
}

/// The usual chain, as the store wants to be told.
#[derive(Debug)]
struct Chain {
    provider: SharedCredentialsProvider,
    /// What it said last, and when.
    kept: Mutex<Option<(Instant, Arc<AwsCredential>)>>,
}

impl Chain {
    fn new(provider: SharedCredentialsProvider) -> Self {
        Self {
            provider,
            kept: Mutex::default(),
        }
    }
}

#[async_trait::async_trait]
impl CredentialProvider for Chain {
    type Credential = AwsCredential;

    async fn get_credential(&self) -> object_store::Result<Arc<AwsCredential>> {
        let mut kept = self.kept.lock().await;
        if let Some((at, credential)) = &*kept
            && at.elapsed() < CREDENTIALS_KEPT
        {
            return Ok(Arc::clone(credential));
        }
        let found = self.provider.provide_credentials().await;
        let found = found.map_err(|error| generic(Box::new(error)))?;
        let credential = Arc::new(AwsCredential {
            key_id: found.access_key_id().to_owned(),
            secret_key: found.secret_access_key().to_owned(),
            token: found.session_token().map(str::to_owned),
        });
        *kept = Some((Instant::now(), Arc::clone(&credential)));
        Ok(credential)
    }
}

#[derive(Debug)]
struct Connector {
    /// Without it the system's certificates need not be there.
    is_encrypted: bool,
}

impl HttpConnector for Connector {
    fn connect(&self, _: &ClientOptions) -> object_store::Result<HttpClient> {
        let config = rustls::ClientConfig::builder_with_provider(Arc::new(
            rustls::crypto::ring::default_provider(),
        ))
        .with_safe_default_protocol_versions()
        .map_err(|error| generic(Box::new(error)))?;
        let config = if self.is_encrypted {
            config
                .with_native_roots()
                .map_err(|error| generic(Box::new(error)))?
        } else {
            config.with_root_certificates(rustls::RootCertStore::empty())
        };
        let config = config.with_no_client_auth();
        let mut tcp = Tcp::new();
        tcp.enforce_http(false);
        tcp.set_nodelay(true);
        tcp.set_connect_timeout(Some(CONNECT_TIME));
        let connector = HttpsConnectorBuilder::new()
            .with_tls_config(config)
            .https_or_http()
            .enable_http1()
            .wrap_connector(tcp);
        let client = Client::builder(TokioExecutor::new()).build(connector);
        Ok(HttpClient::new(Service(client)))
    }
}

fn generic(source: Box<dyn std::error::Error + Send + Sync>) -> object_store::Error {
    object_store::Error::Generic {
        store: "S3",
        source,
    }
}

#[derive(Debug)]
struct Service(Client<HttpsConnector<Tcp>, HttpRequestBody>);

#[async_trait::async_trait]
impl HttpService for Service {
    async fn call(&self, request: HttpRequest) -> Result<HttpResponse, HttpError> {
        let answer = self.0.request(request).await.map_err(|error| {
            let kind = if error.is_connect() {
                HttpErrorKind::Connect
            } else {
                HttpErrorKind::Request
            };
            HttpError::new(kind, error)
        })?;
        Ok(answer.map(|body| {
            HttpResponseBody::new(
                body.map_err(|error| HttpError::new(HttpErrorKind::Interrupted, error)),
            )
        }))
    }
}
