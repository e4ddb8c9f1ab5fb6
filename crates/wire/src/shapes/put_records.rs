//! PutRecords.

use std::borrow::Cow;

use millstream_types::SequenceNumber;

use crate::ErrorCode;

/// Input of PutRecords; borrows from the body.
#[derive(Debug, Clone, PartialEq)]
pub struct PutRecordsRequest<'a> {
    /// The stream by name.
    pub stream_name: Option<Cow<'a, str>>,
    /// The stream by ARN.
    pub stream_arn: Option<Cow<'a, str>>,
    /// 1 to 500 records.
    pub records: Vec<RecordToPut<'a>>,
}

/// One record of a put.
#[derive(Debug, Clone, PartialEq)]
pub struct RecordToPut<'a> {
    /// 1 to 256 characters.
    pub partition_key: Cow<'a, str>,
    /// Decimal text of the model's pattern; may still be above 2^128 − 1.
    pub explicit_hash_key: Option<Cow<'a, str>>,
    /// The payload.
    pub data: RecordData<'a>,
}

/// A payload, decoded as late as possible: straight into the log's buffer.
#[derive(Debug, Clone, PartialEq)]
pub enum RecordData<'a> {
    /// The bytes themselves.
    Raw(Cow<'a, [u8]>),
    /// Standard, padded base64 that was already checked.
    Base64(&'a [u8]),
}

/// Answer of PutRecords.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PutRecordsResponse {
    /// One for each record, in the request's order.
    pub records: Vec<PutRecordsResultEntry>,
}

/// What became of one record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PutRecordsResultEntry {
    /// It is stored; the number names the shard too.
    Stored(SequenceNumber),
    /// It is not stored, or, with [`ErrorCode::InternalFailure`], its outcome is unknown.
    Failed {
        /// ProvisionedThroughputExceededException or InternalFailure.
        code: ErrorCode,
        /// For people.
        message: String,
    },
}
