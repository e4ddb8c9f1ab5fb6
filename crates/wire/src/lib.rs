//! The Kinesis API on the wire: request and response shapes, their encodings and the error codes.
//!
//! [`shapes`] holds one file per operation. Deliberately absent: HTTP and every rule of the service.

pub mod encoding;
mod error_code;
pub mod shapes;

pub use error_code::{ApiError, ErrorCode};
