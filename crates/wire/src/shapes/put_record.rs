//! PutRecord.

use std::borrow::Cow;

use millstream_types::SequenceNumber;

use super::{EncryptionType, RecordToPut};

/// Input of PutRecord; borrows from the body.
#[derive(Debug, Clone, PartialEq)]
pub struct PutRecordRequest<'a> {
    /// The stream by name.
    pub stream_name: Option<Cow<'a, str>>,
    /// The stream by ARN.
    pub stream_arn: Option<Cow<'a, str>>,
    /// The record.
    pub record: RecordToPut<'a>,
    /// The answer's number must be above this one.
    pub sequence_number_for_ordering: Option<Cow<'a, str>>,
}

/// Answer of PutRecord.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PutRecordResponse {
    /// Where the record is, shard included.
    pub sequence_number: SequenceNumber,
    /// Whether it is encrypted with a key of the user's.
    pub encryption_type: EncryptionType,
}
