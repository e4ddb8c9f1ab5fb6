//! Why a look failed.

use std::error::Error;

use aws_sdk_dynamodb::error::ProvideErrorMetadata;
use millstream_consumer::LeaseTableError;

/// Why nothing can be said of an application.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LagError {
    /// The lease table.
    #[error(transparent)]
    Table(#[from] LeaseTableError),
    /// A call was refused or not answered.
    #[error("{operation} of {what} failed: {said}")]
    Call {
        /// The operation.
        operation: &'static str,
        /// What it was about.
        what: String,
        /// The error code, if there was an answer.
        code: Option<String>,
        /// What the service or the client says.
        said: String,
    },
    /// No stream's shards, or those of several, fit the leases.
    #[error(
        "which stream {application} reads cannot be told from its leases (candidates: {}): name it",
        shown(.candidates)
    )]
    WhichStream {
        /// The application.
        application: String,
        /// Streams that fit equally well.
        candidates: Vec<String>,
    },
}

fn shown(candidates: &[String]) -> String {
    match candidates {
        [] => "none".to_owned(),
        some => some.join(", "),
    }
}

impl LagError {
    pub(crate) fn of<E>(operation: &'static str, what: &str, error: &E) -> Self
    where
        E: ProvideErrorMetadata + Error + 'static,
    {
        let mut innermost: &(dyn Error + 'static) = error;
        while let Some(source) = innermost.source() {
            innermost = source;
        }
        let said = error
            .message()
            .map_or_else(|| innermost.to_string(), str::to_owned);
        Self::Call {
            operation,
            what: what.to_owned(),
            code: error.code().map(str::to_owned),
            said,
        }
    }

    /// The error code that the service answered, if it did.
    pub fn code(&self) -> Option<&str> {
        match self {
            Self::Call { code, .. } => code.as_deref(),
            Self::Table(_) | Self::WhichStream { .. } => None,
        }
    }
}
