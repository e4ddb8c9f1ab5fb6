//! Clients for the endpoint.

use std::env;
use std::time::Duration;

use anyhow::{Context, bail};
use aws_config::{BehaviorVersion, Region};
use aws_credential_types::Credentials;
use aws_sdk_kinesis::config::retry::RetryConfig;
use aws_sdk_kinesis::config::timeout::TimeoutConfig;
use aws_smithy_http_client::tls::Provider;
use aws_smithy_http_client::tls::rustls_provider::CryptoMode;

/// Region of a server on this machine when none is configured.
const LOOPBACK_REGION: &str = "us-east-1";
/// Access key of a server on this machine when none is configured; a server without keys takes any.
const LOOPBACK_ACCESS_KEY: &str = "stock-trades";

/// Where to find the streams and tables, and what they are called.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct Connection {
    /// Server to talk to, such as http://127.0.0.1:4566; without it, AWS itself
    #[arg(long, env = "AWS_ENDPOINT_URL", value_name = "URL", global = true)]
    pub(crate) endpoint_url: Option<String>,
}

/// Clients of both services.
#[derive(Debug, Clone)]
pub(crate) struct Clients {
    pub(crate) kinesis: aws_sdk_kinesis::Client,
    pub(crate) dynamodb: aws_sdk_dynamodb::Client,
}

impl Connection {
    /// Clients with the environment's region and credentials. For a server on this machine both have stand-ins, and
    /// `say` hears of them.
    pub(crate) async fn clients(&self, say: impl Fn(&str)) -> anyhow::Result<Clients> {
        let mut loader = aws_config::defaults(BehaviorVersion::latest())
            .retry_config(RetryConfig::standard().with_max_attempts(3))
            .timeout_config(
                TimeoutConfig::builder()
                    .connect_timeout(Duration::from_secs(3))
                    .operation_attempt_timeout(Duration::from_secs(30))
                    .build(),
            );
        let is_plain = self
            .endpoint_url
            .as_deref()
            .is_some_and(|url| url.starts_with("http://"));
        loader = if is_plain {
            // Without TLS there are no root certificates to load.
            loader.http_client(aws_smithy_http_client::Builder::new().build_http())
        } else {
            let builder = aws_smithy_http_client::Builder::new();
            let tls = Provider::Rustls(CryptoMode::Ring);
            loader.http_client(builder.tls_provider(tls).build_https())
        };
        if let Some(url) = &self.endpoint_url {
            if !url.starts_with("http://") && !url.starts_with("https://") {
                bail!("the endpoint {url:?} is not a URL: write it as http://HOST:PORT");
            }
            loader = loader.endpoint_url(url);
        }
        if self.endpoint_url.as_deref().is_some_and(is_loopback) {
            let configured = |names: [&str; 2]| {
                names
                    .iter()
                    .any(|name| env::var(name).is_ok_and(|value| !value.is_empty()))
            };
            if !configured(["AWS_REGION", "AWS_DEFAULT_REGION"]) {
                say(&format!(
                    "no region in the environment: using {LOOPBACK_REGION}"
                ));
                loader = loader.region(Region::new(LOOPBACK_REGION));
            }
            if !configured(["AWS_ACCESS_KEY_ID", "AWS_PROFILE"]) {
                say(&format!(
                    "no credentials in the environment: using access key {LOOPBACK_ACCESS_KEY:?}"
                ));
                loader = loader.credentials_provider(Credentials::from_keys(
                    LOOPBACK_ACCESS_KEY,
                    LOOPBACK_ACCESS_KEY,
                    None,
                ));
            }
        }
        let config = loader.load().await;
        config
            .region()
            .context("no region: set AWS_REGION, or --endpoint-url for a server on this machine")?;
        Ok(Clients {
            kinesis: aws_sdk_kinesis::Client::new(&config),
            dynamodb: aws_sdk_dynamodb::Client::new(&config),
        })
    }
}

fn is_loopback(url: &str) -> bool {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    let authority = rest.split('/').next().unwrap_or_default();
    let host = match authority.strip_prefix('[') {
        Some(bracketed) => bracketed.split(']').next().unwrap_or_default(),
        None => authority.split(':').next().unwrap_or_default(),
    };
    host == "localhost"
        || host
            .parse::<std::net::IpAddr>()
            .is_ok_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_this_machine_gets_stand_ins() {
        for url in [
            "http://127.0.0.1:4566",
            "http://localhost:1/",
            "https://[::1]:4566",
            "http://127.9.0.1",
        ] {
            assert!(is_loopback(url), "{url}");
        }
        for url in [
            "http://10.0.0.1:4566",
            "http://localhost.example:1",
            "https://kinesis.us-east-1.amazonaws.com",
            "http://127.0.0.1.example",
        ] {
            assert!(!is_loopback(url), "{url}");
        }
    }
}
