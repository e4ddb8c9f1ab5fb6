//! Operations by the header that names them.

pub use crate::generated::operations::{OPERATIONS_NOT_SERVED, Operation};

/// What stands before the operation's name in `X-Amz-Target`.
const TARGET_PREFIX: &str = "Kinesis_20131202.";

impl Operation {
    /// The operation that an `X-Amz-Target` header names, such as `Kinesis_20131202.PutRecord`; upper and lower case
    /// matter. `None` is answered with [`ErrorCode::UnknownOperation`](crate::ErrorCode::UnknownOperation).
    pub fn from_target(target: &str) -> Option<Self> {
        Self::from_name(target.strip_prefix(TARGET_PREFIX)?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
