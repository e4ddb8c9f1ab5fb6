//! Operations by the header that names them.

pub use crate::generated::operations::{OPERATIONS_NOT_SERVED, Operation};

use crate::ErrorCode;

/// Errors that every operation has, whether or not the model lists them: what AWS documents as common errors, and what
/// the protocol itself answers.
const COMMON_ERRORS: [ErrorCode; 5] = [
    ErrorCode::AccessDenied,
    ErrorCode::InternalFailure,
    ErrorCode::Serialization,
    ErrorCode::ServiceUnavailable,
    ErrorCode::Validation,
];

/// What stands before the operation's name in `X-Amz-Target`.
const TARGET_PREFIX: &str = "Kinesis_20131202.";

impl Operation {
    /// The operation that an `X-Amz-Target` header names, such as `Kinesis_20131202.PutRecord`; upper and lower case
    /// matter. `None` is answered with [`ErrorCode::UnknownOperation`](crate::ErrorCode::UnknownOperation).
    pub fn from_target(target: &str) -> Option<Self> {
        Self::from_name(target.strip_prefix(TARGET_PREFIX)?)
    }

    /// Whether the operation, once it is called, may answer this error: the model lists it, or every operation has it.
    pub fn has_error(self, code: ErrorCode) -> bool {
        COMMON_ERRORS.contains(&code) || self.errors().contains(&code.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn operations_have_the_errors_of_the_model_and_those_that_all_have() {
        let put = Operation::PutRecord;
        assert!(put.has_error(ErrorCode::ProvisionedThroughputExceeded));
        assert!(put.has_error(ErrorCode::ServiceUnavailable));
        assert!(!put.has_error(ErrorCode::ExpiredIterator));
        assert!(Operation::GetRecords.has_error(ErrorCode::ExpiredIterator));
        assert!(!Operation::ListStreams.has_error(ErrorCode::ResourceNotFound));
        for &operation in Operation::ALL {
            assert!(!operation.errors().is_empty(), "{}", operation.name());
            assert!(!operation.has_error(ErrorCode::UnknownOperation));
        }
    }

    #[test]
    fn targets_name_operations() {
        assert_eq!(Operation::ALL.len(), 40);
        assert_eq!(OPERATIONS_NOT_SERVED.len(), 17);
        for &operation in Operation::ALL {
            let target = format!("Kinesis_20131202.{}", operation.name());
            assert_eq!(Operation::from_target(&target), Some(operation));
        }
        for name in OPERATIONS_NOT_SERVED {
            assert_eq!(
                Operation::from_target(&format!("Kinesis_20131202.{name}")),
                None
            );
        }
        for bad in [
            "",
            "PutRecord",
            "Kinesis_20131202.",
            "Kinesis_20131202.putRecord",
            "DynamoDB_20120810.PutRecord",
        ] {
            assert_eq!(Operation::from_target(bad), None, "{bad}");
        }
    }
}
