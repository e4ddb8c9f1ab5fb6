//! How the operations on an account's settings and limits fail.

use millstream_wire::ApiError;

use super::unavailable::Unavailable;
use crate::AccessDenied;

/// How an operation on the account fails.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AccountError {
    /// The caller may not.
    #[error(transparent)]
    AccessDenied(#[from] AccessDenied),
    /// See [`Unavailable`].
    #[error(transparent)]
    Unavailable(#[from] Unavailable),
}

impl From<AccountError> for ApiError {
    fn from(error: AccountError) -> Self {
        match error {
            AccountError::AccessDenied(error) => error.into(),
            AccountError::Unavailable(error) => error.into(),
        }
    }
}
