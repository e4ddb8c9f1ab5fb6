//! The Kinesis API on the wire: request and response shapes, their encodings and the error codes.
//!
//! A request: [`Operation::from_target`] and [`Encoding::from_content_type`] say what it is, [`decode()`] makes its
//! checked input of the body. An answer: [`encode()`] or [`encode_error`], or the frames of [`event_stream`].
//! [`shapes`] holds one file per operation. [`sigv4`] reads, verifies and makes signatures.
//! Deliberately absent: HTTP and every rule of the service.

pub mod cbor;
mod check;
mod decode;
mod encode;
pub mod encoding;
mod error_code;
pub mod event_stream;
mod generated;
pub mod hot_keys;
pub mod json;
mod model;
mod operation;
pub mod shapes;
pub mod sigv4;
#[cfg(test)]
mod test_cases;
mod value;

pub use decode::{decode, decode_get_records, decode_put_record, decode_put_records};
pub use encode::{
    encode, encode_error, encode_get_records, encode_put_record, encode_put_records,
    encode_subscribe_to_shard_event,
};
pub use encoding::Encoding;
pub use error_code::{ApiError, ErrorCode, MESSAGE_BYTES_MAX, cut_message};
pub use operation::{OPERATIONS_NOT_SERVED, Operation};
pub use value::{DEPTH_MAX, ParseError, VALUES_MAX, Value};
