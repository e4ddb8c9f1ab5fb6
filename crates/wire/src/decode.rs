//! Requests: from a body to an operation's checked input.

mod put;

use serde::Deserialize;

use crate::encoding::Encoding;
use crate::shapes::{GetRecordsRequest, PutRecordRequest, PutRecordsRequest};
use crate::value::Value;
use crate::{ApiError, ErrorCode, Operation, cbor, check, json};

/// The checked input of an operation.
///
/// # Errors
/// `SerializationException` (without a text if the body cannot be read at all, with one if a member has the wrong
/// type) or `ValidationException` if constraints are broken. `InternalFailure` only if `T` is not the operation's shape.
pub fn decode<'a, T: Deserialize<'a>>(
    operation: Operation,
    encoding: Encoding,
    body: &'a [u8],
) -> Result<T, ApiError> {
    T::deserialize(checked(operation, encoding, body)?)
        .map_err(|error| ApiError::new(ErrorCode::InternalFailure, error.to_string()))
}

/// The checked input of GetRecords.
///
/// # Errors
/// As for [`decode`].
pub fn decode_get_records(encoding: Encoding, body: &[u8]) -> Result<GetRecordsRequest, ApiError> {
    decode(Operation::GetRecords, encoding, body)
}

/// The checked input of PutRecord; borrows from the body.
///
/// # Errors
/// As for [`decode`]. A record without a partition key is refused here.
pub fn decode_put_record(
    encoding: Encoding,
    body: &[u8],
) -> Result<PutRecordRequest<'_>, ApiError> {
    put::put_record(checked(Operation::PutRecord, encoding, body)?)
}

/// The checked input of PutRecords; borrows from the body.
///
/// # Errors
/// As for [`decode`]. A record without a partition key is refused here.
pub fn decode_put_records(
    encoding: Encoding,
    body: &[u8],
) -> Result<PutRecordsRequest<'_>, ApiError> {
    put::put_records(checked(Operation::PutRecords, encoding, body)?)
}

fn checked(operation: Operation, encoding: Encoding, body: &[u8]) -> Result<Value<'_>, ApiError> {
    let parsed = match encoding {
        Encoding::Json => json::parse(body),
        Encoding::Cbor => cbor::parse(body),
    };
    let mut value = parsed.map_err(|_| ApiError::new(ErrorCode::Serialization, ""))?;
    check::check(operation, encoding, &mut value)?;
    Ok(value)
}
