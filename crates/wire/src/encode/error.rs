//! Errors on the wire.

use serde::{Serialize, Serializer, ser::SerializeMap};

use super::encode;
use crate::encoding::Encoding;
use crate::{ApiError, ErrorCode};

/// The body that reports an error; its HTTP status and its name for the header come from its
/// [`code`](ApiError::code).
pub fn encode_error(encoding: Encoding, error: &ApiError) -> Vec<u8> {
    encode(encoding, &Body(error))
}

struct Body<'a>(&'a ApiError);

impl Serialize for Body<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Self(ApiError { code, message }) = self;
        let mut body = serializer.serialize_map(None)?;
        body.serialize_entry("__type", code.name())?;
        if !message.is_empty() {
            // The one error that the framework below the service writes.
            let member = if *code == ErrorCode::Serialization {
                "Message"
            } else {
                "message"
            };
            body.serialize_entry(member, message)?;
        }
        body.end()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_have_exactly_these_members() {
        let text = |code, message: &str| {
            String::from_utf8(encode_error(Encoding::Json, &ApiError::new(code, message))).unwrap()
        };
        assert_eq!(
            text(
                ErrorCode::ResourceNotFound,
                "Stream nope under account 210987654321 not found."
            ),
            r#"{"__type":"ResourceNotFoundException","message":"Stream nope under account 210987654321 not found."}"#
        );
        assert_eq!(
            text(ErrorCode::Serialization, "Expected list or null"),
            r#"{"__type":"SerializationException","Message":"Expected list or null"}"#
        );
        assert_eq!(
            text(ErrorCode::Serialization, ""),
            r#"{"__type":"SerializationException"}"#
        );
        assert_eq!(
            text(ErrorCode::InternalFailure, ""),
            r#"{"__type":"InternalFailure"}"#
        );
    }

    #[test]
    fn cbor_errors_are_the_same_map() {
        let body = encode_error(
            Encoding::Cbor,
            &ApiError::new(ErrorCode::InvalidArgument, "no"),
        );
        assert_eq!(
            body,
            b"\xbf\x66__type\x78\x18InvalidArgumentException\x67message\x62no\xff"
        );
    }
}
