//! Why a request is not authenticated: AWS's names and texts.

use crate::ErrorCode;

/// Why a request is not authenticated. The texts are AWS's and hold no secret.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AuthenticationError {
    /// Credentials in the header and in the query string.
    #[error(
        "Found both 'X-Amz-Algorithm' as a query-string param and 'Authorization' as HTTP header."
    )]
    Both,
    /// No credentials at all.
    #[error("Missing Authentication Token")]
    Missing,
    /// Parts are missing or malformed; the text names them.
    #[error("{0}")]
    Incomplete(String),
    /// The access key, or its session token, is not known here.
    #[error("The security token included in the request is invalid.")]
    UnknownKey,
    /// Signed too long ago.
    #[error("Signature expired: {signed} is now earlier than {earliest} ({now} - {allowed}.)")]
    Expired {
        /// When it was signed.
        signed: String,
        /// When it should have been signed at the earliest.
        earliest: String,
        /// The server's time.
        now: String,
        /// How old it may be.
        allowed: String,
    },
    /// Signed in the future.
    #[error(
        "Signature not yet current: {signed} is still later than {latest} ({now} + {allowed}.)"
    )]
    NotYetCurrent {
        /// When it was signed.
        signed: String,
        /// When it should have been signed at the latest.
        latest: String,
        /// The server's time.
        now: String,
        /// How far clocks may differ.
        allowed: String,
    },
    /// The scope names no region.
    #[error("Credential should be scoped to a valid region.")]
    Region,
    /// The scope is of another service.
    #[error("Credential should be scoped to correct service: '{0}'.")]
    Service(&'static str),
    /// The scope does not end as every scope does.
    #[error("Credential should be scoped with a valid terminator: 'aws4_request', not '{0}'.")]
    Terminator(String),
    /// The scope is of another day than the request.
    #[error(
        "Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from HTTP: '{scope}' != \
         '{day}', from '{signed}'."
    )]
    Date {
        /// The scope's day.
        scope: String,
        /// The request's day.
        day: String,
        /// The request's time.
        signed: String,
    },
    /// A signature that is good for any host is good for none.
    #[error("'Host' or ':authority' must be a 'SignedHeader' in the AWS Authorization.")]
    HostNotSigned,
    /// A header that AWS gives a meaning is not covered.
    #[error("There were headers present in the request which were not signed: {0}")]
    HeaderNotSigned(String),
    /// The secret is another one, or the request is not what was signed.
    #[error(
        "The request signature we calculated does not match the signature you provided. Check your AWS Secret Access \
         Key and signing method. Consult the service documentation for details."
    )]
    Mismatch,
}

impl AuthenticationError {
    /// The error's name on the wire.
    pub fn code(&self) -> ErrorCode {
        match self {
            Self::Missing => ErrorCode::MissingAuthenticationToken,
            Self::Incomplete(_) => ErrorCode::IncompleteSignature,
            Self::UnknownKey => ErrorCode::UnrecognizedClient,
            Self::Both
            | Self::Expired { .. }
            | Self::NotYetCurrent { .. }
            | Self::Region
            | Self::Service(_)
            | Self::Terminator(_)
            | Self::Date { .. }
            | Self::HostNotSigned
            | Self::HeaderNotSigned(_)
            | Self::Mismatch => ErrorCode::InvalidSignature,
        }
    }
}
