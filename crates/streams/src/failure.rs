//! How a call fails: one way for all operations.

use std::error::Error;
use std::fmt;
use std::sync::Arc;

use millstream_wire::{ApiError, ErrorCode};

/// Why a call was not done, or is not known to be: what clients match on, what people read, and what is behind it.
///
/// The codes that an operation answers are those that AWS's model lists for it
/// ([`Operation::errors`](millstream_wire::Operation::errors)) and those that every operation has. Texts are AWS's,
/// except those in `unverified_texts.rs`.
#[derive(Clone)]
pub struct Failure(Box<Inner>);

#[derive(Debug, Clone)]
struct Inner {
    error: ApiError,
    cause: Option<Arc<dyn Error + Send + Sync>>,
}

impl Failure {
    /// A failure with this code and text.
    pub fn new(code: ErrorCode, text: impl Into<String>) -> Self {
        Self(Box::new(Inner {
            error: ApiError::new(code, text),
            cause: None,
        }))
    }

    /// A parameter breaks a rule of the service.
    pub(crate) fn invalid_argument(text: impl Into<String>) -> Self {
        Self::new(ErrorCode::InvalidArgument, text)
    }

    /// A parameter breaks a constraint that the model might have.
    pub(crate) fn validation(text: impl Into<String>) -> Self {
        Self::new(ErrorCode::Validation, text)
    }

    /// What the request names is not there.
    pub(crate) fn not_found(text: impl Into<String>) -> Self {
        Self::new(ErrorCode::ResourceNotFound, text)
    }

    /// What the request names is not in a state for this.
    pub(crate) fn in_use(text: impl Into<String>) -> Self {
        Self::new(ErrorCode::ResourceInUse, text)
    }

    /// Too many of something, or too often.
    pub(crate) fn limit_exceeded(text: impl Into<String>) -> Self {
        Self::new(ErrorCode::LimitExceeded, text)
    }

    /// The same, and what is behind it, for whoever looks at the [source](Error::source).
    #[must_use]
    pub fn because(mut self, cause: impl Error + Send + Sync + 'static) -> Self {
        self.0.cause = Some(Arc::new(cause));
        self
    }

    /// What clients match on.
    pub fn code(&self) -> ErrorCode {
        self.0.error.code
    }

    /// What people read.
    pub fn text(&self) -> &str {
        &self.0.error.message
    }
}

impl fmt::Debug for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Inner { error, cause } = &*self.0;
        let mut shown = f.debug_struct("Failure");
        shown.field("code", &error.code.name());
        shown.field("text", &error.message);
        if let Some(cause) = cause {
            shown.field("cause", cause);
        }
        shown.finish()
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.text())
    }
}

impl Error for Failure {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        let cause = self.0.cause.as_deref()?;
        Some(cause)
    }
}

impl From<Failure> for ApiError {
    fn from(failure: Failure) -> Self {
        failure.0.error
    }
}

#[cfg(test)]
mod tests {
    use millstream_catalog::Rejected;

    use super::*;

    #[test]
    fn a_failure_keeps_code_text_and_cause_together() {
        let failure = Failure::in_use("It is being deleted.").because(Rejected::HasConsumers);
        assert_eq!(failure.code(), ErrorCode::ResourceInUse);
        assert_eq!(failure.to_string(), "It is being deleted.");
        let cause = failure.source().expect("kept");
        assert_eq!(cause.to_string(), Rejected::HasConsumers.to_string());
        let on_wire = ApiError::from(failure.clone());
        assert_eq!(on_wire.code, failure.code());
        assert_eq!(on_wire.message, failure.text());
    }
}
