//! Records that are put.

use std::borrow::Cow;

use millstream_types::SequenceNumber;

use super::EncryptionType;
use crate::ErrorCode;

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
    /// 1 to 256 characters. Only a stream that spreads its records by itself takes records without one.
    pub partition_key: Option<Cow<'a, str>>,
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

/// The text of a [`RecordData::Base64`] is not standard, padded base64; never from a decoded request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the record's data is not base64")]
pub struct InvalidRecordData;

impl RecordData<'_> {
    /// How many bytes the payload has.
    pub fn decoded_len(&self) -> usize {
        match self {
            Self::Raw(bytes) => bytes.len(),
            Self::Base64(text) => {
                let padding = text
                    .iter()
                    .rev()
                    .take(2)
                    .filter(|&&byte| byte == b'=')
                    .count();
                (text.len() / 4 * 3).saturating_sub(padding)
            }
        }
    }

    /// Appends the payload, [`decoded_len`](Self::decoded_len) bytes, to `out`.
    ///
    /// # Errors
    /// Only for a [`RecordData::Base64`] that was made without a check; `out` is then unchanged.
    pub fn append_to(&self, out: &mut Vec<u8>) -> Result<(), InvalidRecordData> {
        match self {
            Self::Raw(bytes) => {
                out.extend_from_slice(bytes);
                Ok(())
            }
            Self::Base64(text) => {
                // The decoder reserves no more than it needs, which would move `out` at every record.
                out.reserve(self.decoded_len());
                base64_simd::STANDARD
                    .decode_append(text, out)
                    .map_err(|_| InvalidRecordData)
            }
        }
    }
}

/// Answer of PutRecords.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PutRecordsResponse {
    /// One for each record, in the request's order.
    pub records: Vec<PutRecordsResultEntry>,
    /// Whether the stored records are encrypted with a key of the user's.
    pub encryption_type: EncryptionType,
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
