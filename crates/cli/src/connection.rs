//! Where the commands send their calls, and as whom.

use std::env;
use std::time::Duration;

use aws_config::environment::EnvironmentVariableCredentialsProvider;
use aws_config::profile::ProfileFileCredentialsProvider;
use aws_config::provider_config::ProviderConfig;
use aws_config::{BehaviorVersion, ConfigLoader, Region, SdkConfig};
use aws_credential_types::Credentials;
use aws_credential_types::provider::error::CredentialsError;
use aws_credential_types::provider::{ProvideCredentials, SharedCredentialsProvider};
use aws_sdk_kinesis::Client;
use aws_sdk_kinesis::config::retry::RetryConfig;
use aws_sdk_kinesis::config::timeout::TimeoutConfig;
use aws_smithy_http_client::tls::rustls_provider::CryptoMode;
use aws_smithy_http_client::tls::{Provider, TlsContext, TrustStore};
use aws_smithy_runtime_api::client::http::SharedHttpClient;

use crate::failure::Failure;

/// Region of calls to a server on this machine when none is configured.
const LOOPBACK_REGION: &str = "us-east-1";
/// Access key of calls to a server on this machine when none is configured.
const LOOPBACK_ACCESS_KEY: &str = "millstream";

/// Options of every command that talks to a server.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct Connection {
    /// Server to talk to, such as http://127.0.0.1:4566. Without it: AWS_ENDPOINT_URL_KINESIS, AWS_ENDPOINT_URL, the
    /// profile's endpoint_url, or AWS itself
    #[arg(long, global = true, value_name = "URL", help_heading = "Connection")]
    endpoint_url: Option<String>,
    /// Region. Without it: AWS_REGION, AWS_DEFAULT_REGION or the profile's
    #[arg(long, global = true, help_heading = "Connection")]
    region: Option<String>,
    /// Profile of ~/.aws/config and ~/.aws/credentials. Without it: AWS_PROFILE, or `default`
    #[arg(long, global = true, help_heading = "Connection")]
    profile: Option<String>,
}

/// A service that the commands talk to.
#[derive(Debug, Clone, Copy)]
enum Service {
    Kinesis,
    DynamoDb,
    CloudWatch,
}

impl Service {
    /// The variable that names the endpoint of this service alone.
    fn endpoint_variable(self) -> &'static str {
        match self {
            Self::Kinesis => "AWS_ENDPOINT_URL_KINESIS",
            Self::DynamoDb => "AWS_ENDPOINT_URL_DYNAMODB",
            Self::CloudWatch => "AWS_ENDPOINT_URL_CLOUDWATCH",
        }
    }
}

/// What calls are made with that no client of the SDK makes.
#[derive(Debug)]
pub(crate) struct CallSettings {
    /// `None` is AWS in the region.
    pub(crate) endpoint_url: Option<String>,
    pub(crate) region: String,
    pub(crate) credentials: SharedCredentialsProvider,
}

impl Connection {
    /// These options, and where they say nothing, those.
    pub(crate) fn or(&self, endpoint_url: Option<&str>, region: Option<&str>) -> Self {
        let or = |option: &Option<String>, other: Option<&str>| {
            option.clone().or_else(|| other.map(str::to_owned))
        };
        Self {
            endpoint_url: or(&self.endpoint_url, endpoint_url),
            region: or(&self.region, region),
            profile: self.profile.clone(),
        }
    }

    /// What another command is to be told so that it talks to the same.
    pub(crate) fn as_arguments(&self) -> Vec<String> {
        let options = [
            ("--endpoint-url", &self.endpoint_url),
            ("--region", &self.region),
            ("--profile", &self.profile),
        ];
        let given = options
            .into_iter()
            .filter_map(|(option, value)| Some([option.to_owned(), value.clone()?]));
        given.flatten().collect()
    }

    /// For calls of CloudWatch, which Millstream answers too: where, in which region, and as whom.
    pub(crate) async fn cloudwatch(&self) -> Result<CallSettings, Failure> {
        let config = self.config_for(Service::CloudWatch).await?;
        Ok(CallSettings {
            endpoint_url: config.endpoint_url().map(str::to_owned),
            region: config
                .region()
                .map_or(LOOPBACK_REGION, |region| region.as_ref())
                .to_owned(),
            credentials: config
                .credentials_provider()
                .expect("the configuration has them"),
        })
    }

    /// A client for the endpoint. Nothing is sent yet, except what finding AWS credentials takes.
    pub(crate) async fn client(&self) -> Result<Client, Failure> {
        Ok(Client::new(&self.config_for(Service::Kinesis).await?))
    }

    /// A client for the tables.
    pub(crate) async fn dynamodb_client(&self) -> Result<aws_sdk_dynamodb::Client, Failure> {
        let config = self.config_for(Service::DynamoDb).await?;
        Ok(aws_sdk_dynamodb::Client::new(&config))
    }

    /// Who the commands are to other services, by the usual chain, asked again as that expires; and in which region.
    pub(crate) async fn identity(&self) -> (SharedCredentialsProvider, String) {
        let config = self.loader().load().await;
        let provider = config
            .credentials_provider()
            .expect("the default chain is always there");
        let region = config.region().map(|region| region.as_ref().to_owned());
        (
            provider,
            region.unwrap_or_else(|| LOOPBACK_REGION.to_owned()),
        )
    }

    async fn config_for(&self, service: Service) -> Result<SdkConfig, Failure> {
        let config = self.loader().load().await;
        let endpoint = self.endpoint(&config, service);
        if let Some(url) = &endpoint
            && !(url.starts_with("http://") || url.starts_with("https://"))
        {
            return Err(Failure::Setup(format!(
                "the endpoint {url:?} is not a URL: write it as http://HOST:PORT or https://HOST:PORT"
            )));
        }
        let is_loopback = endpoint.as_deref().is_some_and(is_loopback);
        let mut builder = config
            .to_builder()
            .retry_config(RetryConfig::standard().with_max_attempts(3))
            .timeout_config(
                TimeoutConfig::builder()
                    .connect_timeout(Duration::from_secs(3))
                    .operation_attempt_timeout(Duration::from_secs(30))
                    .operation_timeout(Duration::from_secs(60))
                    .build(),
            );
        if let Some(url) = &endpoint {
            builder = builder.endpoint_url(url);
            if url.starts_with("http://") {
                builder = builder.http_client(http_client(TrustStore::empty()));
            }
        }
        match config.region() {
            Some(region) if !is_region(region.as_ref()) => return Err(bad_region(region)),
            Some(_) => {}
            None if is_loopback => builder = builder.region(Region::new(LOOPBACK_REGION)),
            None => return Err(no_region()),
        }
        let credentials = if is_loopback {
            self.local_credentials().await?
        } else {
            aws_credentials(&config).await?
        };
        let provider = SharedCredentialsProvider::new(credentials);
        Ok(builder.credentials_provider(provider).build())
    }

    fn loader(&self) -> ConfigLoader {
        let mut loader = aws_config::defaults(BehaviorVersion::v2026_01_12())
            .http_client(http_client(TrustStore::default()));
        if let Some(profile) = &self.profile {
            loader = loader.profile_name(profile);
        }
        if let Some(region) = &self.region {
            loader = loader.region(Region::new(region.clone()));
        }
        if let Some(url) = &self.endpoint_url {
            loader = loader.endpoint_url(url);
        }
        loader
    }

    /// The endpoint as the SDK would choose it.
    fn endpoint(&self, config: &SdkConfig, service: Service) -> Option<String> {
        let ignored = env::var("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS")
            .is_ok_and(|value| value.eq_ignore_ascii_case("true"));
        self.endpoint_url
            .clone()
            .or_else(|| {
                env::var(service.endpoint_variable())
                    .ok()
                    .filter(|_| !ignored)
            })
            .or_else(|| config.endpoint_url().map(str::to_owned))
    }

    /// Credentials of the environment or a profile; without any, those that a server without access keys accepts.
    /// The instance's metadata service is not asked: a laptop has none, and waiting for it takes seconds.
    async fn local_credentials(&self) -> Result<Credentials, Failure> {
        let environment = EnvironmentVariableCredentialsProvider::new();
        if let Ok(found) = environment.provide_credentials().await {
            return Ok(found);
        }
        // A profile may hand over to a service that has to be asked.
        let client =
            ProviderConfig::without_region().with_http_client(http_client(TrustStore::default()));
        let mut profile = ProfileFileCredentialsProvider::builder().configure(&client);
        if let Some(name) = &self.profile {
            profile = profile.profile_name(name);
        }
        match profile.build().provide_credentials().await {
            Ok(found) => Ok(found),
            Err(CredentialsError::CredentialsNotLoaded(_)) if self.profile.is_none() => {
                Ok(Credentials::new(
                    LOOPBACK_ACCESS_KEY,
                    LOOPBACK_ACCESS_KEY,
                    None,
                    None,
                    "a server on this machine",
                ))
            }
            Err(error) => Err(no_credentials(&error)),
        }
    }
}

async fn aws_credentials(config: &SdkConfig) -> Result<Credentials, Failure> {
    let provider = config
        .credentials_provider()
        .expect("the default chain is always there");
    provider
        .provide_credentials()
        .await
        .map_err(|error| no_credentials(&error))
}

fn no_credentials(error: &CredentialsError) -> Failure {
    let cause =
        std::error::Error::source(error).map_or(String::new(), |cause| format!(" ({cause})"));
    Failure::Setup(format!(
        "no credentials: {error}{cause}. Set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY or choose a --profile; \
         for a Millstream on this machine say --endpoint-url http://127.0.0.1:4566"
    ))
}

/// Whether a text can be part of a host's name, as the SDK makes it of a region.
fn is_region(text: &str) -> bool {
    (1..=63).contains(&text.len())
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
        && !text.starts_with('-')
        && !text.ends_with('-')
}

fn bad_region(region: &Region) -> Failure {
    Failure::Setup(format!(
        "{:?} is not the name of a region: letters, digits and dashes, such as eu-west-1",
        region.as_ref()
    ))
}

fn no_region() -> Failure {
    Failure::Setup(
        "no region: say --region or set AWS_REGION; for a Millstream on this machine say \
         --endpoint-url http://127.0.0.1:4566"
            .to_owned(),
    )
}

fn http_client(trusted: TrustStore) -> SharedHttpClient {
    let tls = TlsContext::builder()
        .with_trust_store(trusted)
        .build()
        .expect("the system's or no certificates always make a context");
    aws_smithy_http_client::Builder::new()
        .tls_provider(Provider::Rustls(CryptoMode::Ring))
        .tls_context(tls)
        .build_https()
}

/// Whether the URL's host is this machine by name or address.
fn is_loopback(url: &str) -> bool {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let host = match authority.strip_prefix('[') {
        Some(bracketed) => bracketed.split(']').next().unwrap_or_default(),
        None => authority.split(':').next().unwrap_or_default(),
    };
    host == "localhost"
        || host.ends_with(".localhost")
        || host
            .parse::<std::net::IpAddr>()
            .is_ok_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn loopback_is_told_from_the_world() {
        for here in [
            "http://127.0.0.1:4566",
            "http://127.9.9.9",
            "https://localhost:1/",
            "http://[::1]:4566",
            "http://kinesis.localhost:4566/path",
        ] {
            assert!(is_loopback(here), "{here}");
        }
        for away in [
            "https://kinesis.us-east-1.amazonaws.com",
            "http://10.0.0.1:4566",
            "http://localhost.example.com",
            "http://[2001:db8::1]:4566",
            "http://example.com/127.0.0.1",
        ] {
            assert!(!is_loopback(away), "{away}");
        }
    }
}
