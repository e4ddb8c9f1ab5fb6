//! Every error that the API answers: its name on the wire, its HTTP status, whether to try again.

macro_rules! error_codes {
    ($($(#[$doc:meta])* $variant:ident = $name:literal, $status:literal, $retryable:literal;)*) => {
        /// An error's name on the wire.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum ErrorCode {
            $($(#[$doc])* $variant,)*
        }

        impl ErrorCode {
            /// All codes.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)*];

            /// The name that clients match on (`__type` and `x-amzn-ErrorType`).
            pub fn name(self) -> &'static str {
                match self { $(Self::$variant => $name,)* }
            }

            /// The HTTP status.
            pub fn http_status(self) -> u16 {
                match self { $(Self::$variant => $status,)* }
            }

            /// Whether the same request may succeed later.
            pub fn is_retryable(self) -> bool {
                match self { $(Self::$variant => $retryable,)* }
            }
        }
    };
}

error_codes! {
    /// The caller may not do this.
    AccessDenied = "AccessDeniedException", 400, false;
    /// The request was only to be tried.
    DryRunOperation = "DryRunOperationException", 400, false;
    /// The iterator is older than 300 s.
    ExpiredIterator = "ExpiredIteratorException", 400, false;
    /// The next-token is older than 300 s.
    ExpiredNextToken = "ExpiredNextTokenException", 400, false;
    /// Signature parts are missing.
    IncompleteSignature = "IncompleteSignatureException", 400, false;
    /// The server failed; the outcome of a write is unknown.
    InternalFailure = "InternalFailure", 500, true;
    /// A parameter breaks a rule of the service.
    InvalidArgument = "InvalidArgumentException", 400, false;
    /// The signature does not match or is out of its time.
    InvalidSignature = "InvalidSignatureException", 400, false;
    /// Too many of something, or too often.
    LimitExceeded = "LimitExceededException", 400, true;
    /// No credentials at all.
    MissingAuthenticationToken = "MissingAuthenticationTokenException", 400, false;
    /// A shard's rate, or the server's room, is used up for the moment.
    ProvisionedThroughputExceeded = "ProvisionedThroughputExceededException", 400, true;
    /// The stream or consumer is not in a state for this.
    ResourceInUse = "ResourceInUseException", 400, true;
    /// No such stream, shard or consumer.
    ResourceNotFound = "ResourceNotFoundException", 400, false;
    /// The body cannot be read as the operation's input.
    Serialization = "SerializationException", 400, false;
    /// The server is stopping or at its bounds.
    ServiceUnavailable = "ServiceUnavailable", 503, true;
    /// No such operation.
    UnknownOperation = "UnknownOperationException", 400, false;
    /// The access key is not known.
    UnrecognizedClient = "UnrecognizedClientException", 400, false;
    /// The input breaks a constraint of its shape.
    Validation = "ValidationException", 400, false;
}

/// An error as it goes to the client.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}: {message}", code.name())]
pub struct ApiError {
    /// What clients match on.
    pub code: ErrorCode,
    /// What people read.
    pub message: String,
}

/// Longest text of an error, in bytes. Texts repeat what was sent; what is longer is cut.
pub const MESSAGE_BYTES_MAX: usize = 8 * 1024;

impl ApiError {
    /// An error with this code and text, of which at most [`MESSAGE_BYTES_MAX`] bytes are kept.
    pub fn new(code: ErrorCode, message: impl Into<String>) -> Self {
        Self {
            code,
            message: cut_message(message.into()),
        }
    }
}

/// A text of an error, of which at most [`MESSAGE_BYTES_MAX`] bytes are kept.
pub fn cut_message(mut message: String) -> String {
    if message.len() > MESSAGE_BYTES_MAX {
        message.truncate(message.floor_char_boundary(MESSAGE_BYTES_MAX - 3));
        message.push_str("...");
        message.shrink_to_fit();
    }
    message
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_never_repeats_more_than_its_bound_of_what_was_sent() {
        for piece in ["a", "ü", "日", "😀"] {
            let error = ApiError::new(ErrorCode::Validation, piece.repeat(1_000_000));
            assert!(error.message.len() <= MESSAGE_BYTES_MAX);
            assert!(error.message.len() > MESSAGE_BYTES_MAX - 8);
            assert!(error.message.ends_with("..."));
        }
        let whole = "a".repeat(MESSAGE_BYTES_MAX);
        assert_eq!(ApiError::new(ErrorCode::Validation, &*whole).message, whole);
    }
}
