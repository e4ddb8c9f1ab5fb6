//! How calls fail.

use millstream_metrics::{PutError, ReadError, Refused};

/// Error codes: in JSON and CBOR by the name of their shape, in forms by a shorter one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ErrorCode {
    /// The caller's policies do not allow it.
    AccessDenied,
    /// It failed inside; whether samples were put is unknown.
    InternalService,
    /// No such operation.
    InvalidAction,
    /// A token that this operation did not give.
    InvalidNextToken,
    /// Members that exclude each other.
    InvalidParameterCombination,
    /// A member's value.
    InvalidParameterValue,
    /// A bound of the store.
    LimitExceeded,
    /// The body cannot be read.
    Malformed,
    /// A member that must be there.
    MissingParameter,
    /// Too much at once: it can be tried again.
    Throttling,
    /// No request can be taken now.
    Unavailable,
    /// An expression, or a query, that means nothing.
    Validation,
}

impl ErrorCode {
    /// Its name in JSON and CBOR.
    pub fn shape(self) -> &'static str {
        match self {
            Self::AccessDenied => "AccessDeniedException",
            Self::InternalService => "InternalServiceFault",
            Self::InvalidAction => "UnknownOperationException",
            Self::InvalidNextToken => "InvalidNextToken",
            Self::InvalidParameterCombination => "InvalidParameterCombinationException",
            Self::InvalidParameterValue => "InvalidParameterValueException",
            Self::LimitExceeded => "LimitExceededFault",
            Self::Malformed => "SerializationException",
            Self::MissingParameter => "MissingRequiredParameterException",
            Self::Throttling => "ThrottlingException",
            Self::Unavailable => "ServiceUnavailable",
            Self::Validation => "ValidationException",
        }
    }

    /// Its name in forms, which clients of the other encodings know it by as well.
    pub fn query_code(self) -> &'static str {
        match self {
            Self::AccessDenied => "AccessDenied",
            Self::InternalService => "InternalServiceError",
            Self::InvalidAction => "InvalidAction",
            Self::InvalidNextToken => "InvalidNextToken",
            Self::InvalidParameterCombination => "InvalidParameterCombination",
            Self::InvalidParameterValue => "InvalidParameterValue",
            Self::LimitExceeded => "LimitExceeded",
            Self::Malformed => "MalformedInput",
            Self::MissingParameter => "MissingParameter",
            Self::Throttling => "Throttling",
            Self::Unavailable => "ServiceUnavailable",
            Self::Validation => "ValidationError",
        }
    }

    /// The status of its answer.
    pub fn http_status(self) -> u16 {
        match self {
            Self::AccessDenied => 403,
            Self::InternalService => 500,
            Self::Unavailable => 503,
            Self::InvalidAction
            | Self::InvalidNextToken
            | Self::InvalidParameterCombination
            | Self::InvalidParameterValue
            | Self::LimitExceeded
            | Self::Malformed
            | Self::MissingParameter
            | Self::Throttling
            | Self::Validation => 400,
        }
    }

    /// Whose fault it is, as forms say it.
    pub(crate) fn side(self) -> &'static str {
        if self.http_status() < 500 {
            "Sender"
        } else {
            "Receiver"
        }
    }
}

/// A call that failed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct CloudWatchError {
    /// Which kind.
    pub code: ErrorCode,
    /// What to do about it.
    pub message: String,
}

impl CloudWatchError {
    /// An error with a text.
    pub fn new(code: ErrorCode, message: impl Into<String>) -> Self {
        Self {
            code,
            message: message.into(),
        }
    }

    /// An operation that is not here.
    pub fn no_operation(name: &str) -> Self {
        let is_name =
            (1..=64).contains(&name.len()) && name.bytes().all(|byte| byte.is_ascii_alphanumeric());
        let name = if is_name { name } else { "such operation" };
        let message = format!("Millstream has no {name} of CloudWatch.");
        Self::new(ErrorCode::InvalidAction, message)
    }

    /// A member that must be there, by its path as forms spell it.
    pub(crate) fn missing(path: &str) -> Self {
        let message = format!("The parameter {path} is required.");
        Self::new(ErrorCode::MissingParameter, message)
    }

    /// A member whose value is not one.
    pub(crate) fn invalid(path: &str, value: &str) -> Self {
        let message = format!("The value {} for parameter {path} is invalid.", cut(value));
        Self::new(ErrorCode::InvalidParameterValue, message)
    }

    /// What else is wrong with a member's value.
    pub(crate) fn value(message: impl Into<String>) -> Self {
        Self::new(ErrorCode::InvalidParameterValue, message)
    }

    /// Members that do not fit each other.
    pub(crate) fn combination(message: impl Into<String>) -> Self {
        Self::new(ErrorCode::InvalidParameterCombination, message)
    }

    /// A query or expression that means nothing.
    pub(crate) fn validation(message: impl Into<String>) -> Self {
        Self::new(ErrorCode::Validation, message)
    }
}

/// Values that are repeated to their sender are no longer than this.
const REPEATED_CHARS_MAX: usize = 256;

fn cut(value: &str) -> &str {
    let end = value.char_indices().nth(REPEATED_CHARS_MAX);
    end.map_or(value, |(end, _)| &value[..end])
}

impl From<PutError> for CloudWatchError {
    fn from(error: PutError) -> Self {
        let code = match error {
            PutError::Refused(Refused::TooManySeries | Refused::SeriesFull | Refused::Full) => {
                ErrorCode::LimitExceeded
            }
            PutError::Refused(Refused::Busy) => ErrorCode::Throttling,
            PutError::NotWritten(_) | PutError::Unavailable => ErrorCode::Unavailable,
            PutError::OutcomeUnknown => ErrorCode::InternalService,
        };
        Self::new(code, sentence(&error.to_string()))
    }
}

impl From<ReadError> for CloudWatchError {
    fn from(error: ReadError) -> Self {
        let code = match error {
            ReadError::Busy => ErrorCode::Throttling,
            ReadError::TooLarge => ErrorCode::LimitExceeded,
            ReadError::Unavailable => ErrorCode::Unavailable,
            ReadError::Unreadable(_) => ErrorCode::InternalService,
        };
        Self::new(code, sentence(&error.to_string()))
    }
}

/// A text of ours as the sentence that AWS's are.
fn sentence(text: &str) -> String {
    let mut chars = text.chars();
    let first = chars.next().map(|first| first.to_ascii_uppercase());
    first.into_iter().chain(chars).chain(['.']).collect()
}
