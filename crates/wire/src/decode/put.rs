//! Inputs of PutRecord and PutRecords from checked values.

use std::borrow::Cow;

use crate::shapes::{PutRecordRequest, PutRecordsRequest, RecordData, RecordToPut};
use crate::value::Value;
use crate::{ApiError, ErrorCode};

pub(super) fn put_record(mut input: Value<'_>) -> Result<PutRecordRequest<'_>, ApiError> {
    Ok(PutRecordRequest {
        stream_name: text(&mut input, "StreamName"),
        stream_arn: text(&mut input, "StreamARN"),
        sequence_number_for_ordering: text(&mut input, "SequenceNumberForOrdering"),
        record: record(input)?,
    })
}

pub(super) fn put_records(mut input: Value<'_>) -> Result<PutRecordsRequest<'_>, ApiError> {
    let Some(Value::List(records)) = input.take("Records") else {
        return Err(not_of_the_model());
    };
    Ok(PutRecordsRequest {
        stream_name: text(&mut input, "StreamName"),
        stream_arn: text(&mut input, "StreamARN"),
        records: records.into_iter().map(record).collect::<Result<_, _>>()?,
    })
}

fn record(mut value: Value<'_>) -> Result<RecordToPut<'_>, ApiError> {
    let Some(Value::Bytes(data)) = value.take("Data") else {
        return Err(not_of_the_model());
    };
    Ok(RecordToPut {
        partition_key: text(&mut value, "PartitionKey"),
        explicit_hash_key: text(&mut value, "ExplicitHashKey"),
        data: RecordData::Raw(data),
    })
}

fn text<'a>(value: &mut Value<'a>, name: &str) -> Option<Cow<'a, str>> {
    match value.take(name) {
        Some(Value::Text(text)) => Some(text),
        _ => None,
    }
}

/// The model requires these members, so that checked values have them.
fn not_of_the_model() -> ApiError {
    ApiError::new(
        ErrorCode::InternalFailure,
        "a checked request does not follow the model",
    )
}
