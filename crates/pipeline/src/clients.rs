//! Clients of the services that a worker needs.

/// Clients of both services; those of sinks elsewhere are made by the sinks.
#[derive(Debug, Clone)]
pub struct Clients {
    /// The source, the intermediate stream and the dead letters.
    pub kinesis: aws_sdk_kinesis::Client,
    /// Leases, and the states of windows.
    pub dynamodb: aws_sdk_dynamodb::Client,
}
