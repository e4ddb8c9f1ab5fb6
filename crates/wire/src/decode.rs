//! Requests: from a body to an operation's checked input.

mod fast;
mod put;

#[cfg(test)]
mod tests;

use serde::Deserialize;

use crate::encoding::Encoding;
use crate::shapes::{GetRecordsRequest, PutRecordRequest, PutRecordsRequest};
use crate::value::Value;
use crate::{ApiError, ErrorCode, Operation, cbor, check, json};

const DRY_RUN: &str = "The request is well formed. It was not carried out because DryRun is true.";

/// The checked input of an operation.
///
/// # Errors
/// `SerializationException` (without a text if the body cannot be read at all, with one if a member has the wrong
/// type), `ValidationException` if constraints are broken, or `DryRunOperationException` if they are not and the
/// request asks for no more than that. `InternalFailure` only if `T` is not the operation's shape.
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
    if let Some(request) = fast_for(encoding, body, fast::get_records) {
        return Ok(request);
    }
    decode(Operation::GetRecords, encoding, body)
}

/// The checked input of PutRecord; borrows from the body.
///
/// # Errors
/// As for [`decode`].
pub fn decode_put_record(
    encoding: Encoding,
    body: &[u8],
) -> Result<PutRecordRequest<'_>, ApiError> {
    if let Some(request) = fast_for(encoding, body, fast::put_record) {
        return Ok(request);
    }
    put::put_record(checked(Operation::PutRecord, encoding, body)?)
}

/// The checked input of PutRecords; borrows from the body.
///
/// # Errors
/// As for [`decode`].
pub fn decode_put_records(
    encoding: Encoding,
    body: &[u8],
) -> Result<PutRecordsRequest<'_>, ApiError> {
    if let Some(request) = fast_for(encoding, body, fast::put_records) {
        return Ok(request);
    }
    put::put_records(checked(Operation::PutRecords, encoding, body)?)
}

fn fast_for<'a, T>(
    encoding: Encoding,
    body: &'a [u8],
    read: fn(&'a [u8]) -> Option<T>,
) -> Option<T> {
    match encoding {
        Encoding::Json => read(body),
        Encoding::Cbor => None,
    }
}

fn checked(operation: Operation, encoding: Encoding, body: &[u8]) -> Result<Value<'_>, ApiError> {
    let parsed = match encoding {
        Encoding::Json => json::parse(body),
        Encoding::Cbor => cbor::parse(body),
    };
    let mut value = parsed.map_err(|_| ApiError::new(ErrorCode::Serialization, ""))?;
    check::check(operation, encoding, &mut value)?;
    if value.get("DryRun") == Some(&Value::Bool(true)) {
        return Err(ApiError::new(ErrorCode::DryRunOperation, DRY_RUN));
    }
    Ok(value)
}
