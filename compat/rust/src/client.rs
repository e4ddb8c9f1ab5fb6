//! The client as an application makes it.

use aws_sdk_kinesis::Client;
use aws_sdk_kinesis::config::{BehaviorVersion, Credentials, Region};
use aws_sdk_kinesis::error::{ProvideErrorMetadata, SdkError};
use aws_smithy_http_client::tls::{Provider, rustls_provider::CryptoMode};

use crate::recorder::Recorder;

/// Who calls.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Access {
    /// The access key of the AWS environment, or made-up ones without any.
    Environment,
    /// This account: an access key of 12 digits is its own account.
    Account(String),
    /// Nobody: requests are not signed.
    Unsigned,
}

/// A client of the endpoint, in the region of the AWS environment or `us-east-1`.
pub fn client(endpoint: &str, access: Access) -> Client {
    let set = |name: &str, otherwise: &str| std::env::var(name).unwrap_or(otherwise.to_owned());
    let http = aws_smithy_http_client::Builder::new()
        .tls_provider(Provider::Rustls(CryptoMode::Ring))
        .build_https();
    let config = aws_sdk_kinesis::Config::builder()
        .behavior_version(BehaviorVersion::v2026_01_12())
        .region(Region::new(set("AWS_REGION", "us-east-1")))
        .endpoint_url(endpoint)
        .http_client(http)
        .interceptor(Recorder);
    let config = match access {
        Access::Environment => config.credentials_provider(Credentials::new(
            set("AWS_ACCESS_KEY_ID", "compat"),
            set("AWS_SECRET_ACCESS_KEY", "compat"),
            std::env::var("AWS_SESSION_TOKEN").ok(),
            None,
            "compat",
        )),
        Access::Account(id) => {
            config.credentials_provider(Credentials::new(id, "compat", None, None, "compat"))
        }
        Access::Unsigned => config.allow_no_auth(),
    };
    Client::from_conf(config.build())
}

/// The code and message of a refused call.
///
/// # Panics
/// If the call was accepted, or had no answer.
pub fn refused<T: std::fmt::Debug, E, R>(result: Result<T, SdkError<E, R>>) -> (String, String)
where
    E: ProvideErrorMetadata + std::error::Error + 'static,
    R: std::fmt::Debug,
{
    match result {
        Ok(answer) => panic!("accepted: {answer:?}"),
        Err(SdkError::ServiceError(error)) => {
            let error = error.into_err();
            (
                error.code().unwrap_or_default().to_owned(),
                error.message().unwrap_or_default().to_owned(),
            )
        }
        Err(error) => panic!("no answer: {error:?}"),
    }
}
