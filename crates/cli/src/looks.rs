//! Looks at applications: the clients for them, and what one failed with.

use millstream_scaling::lag::LagError;

use crate::connection::Connection;
use crate::failure::Failure;

/// Clients for what an application uses.
pub(crate) struct Clients {
    pub(crate) kinesis: aws_sdk_kinesis::Client,
    pub(crate) dynamodb: aws_sdk_dynamodb::Client,
}

impl Clients {
    pub(crate) async fn new(connection: &Connection) -> Result<Self, Failure> {
        Ok(Self {
            kinesis: connection.client().await?,
            dynamodb: connection.dynamodb_client().await?,
        })
    }
}

/// What a look failed with, in the words of this command line.
pub(crate) fn failure(error: LagError) -> Failure {
    match error {
        LagError::Call {
            operation,
            code: Some(code),
            said,
            ..
        } => Failure::Refused {
            operation,
            code,
            message: said,
        },
        LagError::Call {
            operation, said, ..
        } => Failure::Unreachable {
            operation,
            cause: said,
        },
        LagError::WhichStream { .. } => Failure::Usage(format!("{error} with --stream STREAM")),
        LagError::Table(millstream_consumer::LeaseTableError::Missing(table)) => Failure::Refused {
            operation: "Scan",
            code: "ResourceNotFoundException".to_owned(),
            message: format!("no application {table}: there is no such lease table"),
        },
        other => Failure::Unreachable {
            operation: "Scan",
            cause: other.to_string(),
        },
    }
}
