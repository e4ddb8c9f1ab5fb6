//! Clients of the services that a worker needs.

use aws_credential_types::provider::SharedCredentialsProvider;

/// Clients of both services, and what the sinks need for clients of others.
#[derive(Debug, Clone)]
pub struct Clients {
    /// The source, the intermediate stream and the dead letters.
    pub kinesis: aws_sdk_kinesis::Client,
    /// Leases, and the states of windows.
    pub dynamodb: aws_sdk_dynamodb::Client,
    /// Who the worker is to other services. Asked again as they expire.
    pub credentials: SharedCredentialsProvider,
    /// Where those services are, unless the file says another region.
    pub region: String,
}
