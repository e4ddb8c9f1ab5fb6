//! PutRecords.

use std::sync::Arc;

use millstream_types::limits::{PUT_RECORDS_BYTES_MAX, PUT_RECORDS_COUNT_MAX};
use millstream_wire::shapes::{
    InvalidRecordData, PutRecordsRequest, PutRecordsResponse, PutRecordsResultEntry,
};
use millstream_wire::{ApiError, ErrorCode, Operation};
use tokio_util::task::task_tracker::TaskTrackerToken;

use super::find_stream::{FindStreamError, NamedStream};
use super::not_found::StreamNotFound;
use super::placing::{Unplaced, hash_keys};
use super::put::{Put, PutFailure, Routing, Submitted, size_bytes, stored};
use super::put_record::{InvalidExplicitHashKey, ShardThrottled};
use super::spread::Spread;
use super::unavailable::Unavailable;
use super::unverified_texts as texts;
use crate::{Caller, StreamService};
use millstream_catalog::Stream;

/// AWS lists no more errors in one text.
const ERRORS_LISTED_MAX: usize = 10;

/// How PutRecords fails as a whole: nothing is written then.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PutRecordsError {
    /// The request names no stream that takes records.
    #[error(transparent)]
    Find(#[from] FindStreamError),
    /// More than 500 records.
    #[error("{}", texts::TOO_MANY_RECORDS)]
    TooMany,
    /// Some records have no partition key, and the stream does not spread its records by itself. Which, counted from 1;
    /// the first ten.
    #[error("{}", for_each(.0, |path| texts::must_not_be_null(&format_args!("{path}.partitionKey"))))]
    NoPartitionKey(Vec<usize>),
    /// Some records, data and partition key together, are larger than the stream allows.
    #[error("{}", for_each(.numbers, |path| texts::too_long(&format_args!("{path}.data"), *.bytes_max)))]
    TooLarge {
        /// Which, counted from 1; the first ten.
        numbers: Vec<usize>,
        /// The largest record that the stream allows, in bytes.
        bytes_max: usize,
    },
    /// The records together are larger than a request may be.
    #[error("{}", texts::RECORDS_TOO_LARGE)]
    TotalTooLarge,
    /// An explicit hash key is above 2^128 − 1.
    #[error(transparent)]
    InvalidHashKey(#[from] InvalidExplicitHashKey),
    /// The data is not base64; the decoding of requests answers this itself.
    #[error(transparent)]
    InvalidData(#[from] InvalidRecordData),
    /// See [`Unavailable`].
    #[error(transparent)]
    Unavailable(#[from] Unavailable),
}

/// A validation error about each of these records.
fn for_each(numbers: &[usize], text: impl Fn(String) -> String) -> String {
    let plural = if numbers.len() == 1 { "" } else { "s" };
    let texts: Vec<String> = numbers
        .iter()
        .map(|number| text(format!("records.{number}.member")))
        .collect();
    format!(
        "{} validation error{plural} detected: {}",
        numbers.len(),
        texts.join("; ")
    )
}

impl From<PutRecordsError> for ApiError {
    fn from(error: PutRecordsError) -> Self {
        let code = match error {
            PutRecordsError::Find(error) => return error.into(),
            PutRecordsError::Unavailable(error) => return error.into(),
            PutRecordsError::TooMany
            | PutRecordsError::NoPartitionKey(_)
            | PutRecordsError::TooLarge { .. } => ErrorCode::Validation,
            PutRecordsError::TotalTooLarge | PutRecordsError::InvalidHashKey(_) => {
                ErrorCode::InvalidArgument
            }
            PutRecordsError::InvalidData(InvalidRecordData) => ErrorCode::Serialization,
        };
        Self::new(code, error.to_string())
    }
}

impl StreamService {
    /// Stores records. Checked, routed and submitted within the call; the records of one shard are stored together
    /// and in the request's order. The future waits until each is durable or has failed.
    ///
    /// If the future is dropped, the records may still be stored.
    ///
    /// # Errors
    /// See [`PutRecordsError`]. Failures of single records are in the answer.
    pub fn put_records(
        &self,
        caller: &Caller,
        request: PutRecordsRequest<'_>,
    ) -> impl Future<Output = Result<PutRecordsResponse, PutRecordsError>> + Send + use<> {
        let submitted = self.submit_records(caller, &request);
        async move {
            let (call, submitted) = submitted?;
            let put = submitted.finish().await;
            drop(call);
            response(&put)
        }
    }

    fn submit_records(
        &self,
        caller: &Caller,
        request: &PutRecordsRequest<'_>,
    ) -> Result<(TaskTrackerToken, Submitted), PutRecordsError> {
        let call = self.enter()?;
        let (name, arn) = (
            request.stream_name.as_deref(),
            request.stream_arn.as_deref(),
        );
        let named = NamedStream::new(caller, name, arn)?;
        let not_found = || FindStreamError::from(named.not_found());
        let stream = self.look_up(caller, Operation::PutRecords, &named)?;
        if !stream.is_usable() {
            return Err(not_found().into());
        }
        let routing = route(&stream, &self.inner.spread, request, not_found)?;
        let records = request.records.iter().map(stored);
        let submitted = routing.submit(records, &self.inner.view, &self.inner.engine)?;
        Ok((call, submitted))
    }
}

/// Checks every record before any is written: one bad record fails the call.
fn route(
    stream: &Arc<Stream>,
    spread: &Spread,
    request: &PutRecordsRequest<'_>,
    not_found: impl Fn() -> FindStreamError,
) -> Result<Routing, PutRecordsError> {
    let records = &request.records;
    if records.len() > PUT_RECORDS_COUNT_MAX {
        return Err(PutRecordsError::TooMany);
    }
    let bytes_max = stream.record_bytes_max();
    let mut routing = Routing::new(Arc::clone(stream), records.len());
    let (mut total, mut too_large, mut without_key, mut bad_hash_key) =
        (0, Vec::new(), Vec::new(), None);
    let placed = records.iter().zip(hash_keys(stream, spread, records));
    for (number, (record, hash)) in (1..).zip(placed) {
        let bytes = size_bytes(record);
        total += bytes;
        if bytes > bytes_max && too_large.len() < ERRORS_LISTED_MAX {
            too_large.push(number);
        }
        match hash {
            Ok(hash) if routing.add(hash, bytes) => {}
            Ok(_) | Err(Unplaced::NoShard) => return Err(not_found().into()),
            Err(Unplaced::HashKey(text)) => bad_hash_key = bad_hash_key.or(Some(text)),
            Err(Unplaced::NoPartitionKey) if without_key.len() < ERRORS_LISTED_MAX => {
                without_key.push(number);
            }
            Err(Unplaced::NoPartitionKey) => {}
        }
    }
    if !without_key.is_empty() {
        return Err(PutRecordsError::NoPartitionKey(without_key));
    }
    if !too_large.is_empty() {
        return Err(PutRecordsError::TooLarge {
            numbers: too_large,
            bytes_max,
        });
    }
    if total > PUT_RECORDS_BYTES_MAX {
        return Err(PutRecordsError::TotalTooLarge);
    }
    match bad_hash_key {
        None => Ok(routing),
        Some(text) => Err(InvalidExplicitHashKey(text.to_owned()).into()),
    }
}

fn response(put: &Put) -> Result<PutRecordsResponse, PutRecordsError> {
    let stream = &put.stream;
    if put
        .results()
        .all(|(_, result)| result == Err(PutFailure::NoRoom))
    {
        return Err(Unavailable::NoRoom.into());
    }
    let records = put.results().map(|(shard, result)| match result {
        Ok(number) => Ok(PutRecordsResultEntry::Stored(number)),
        Err(PutFailure::Busy) => Ok(PutRecordsResultEntry::Failed {
            code: ErrorCode::ProvisionedThroughputExceeded,
            message: ShardThrottled::of(stream, shard.id).to_string(),
        }),
        Err(PutFailure::NoRoom) => Ok(PutRecordsResultEntry::Failed {
            code: ErrorCode::InternalFailure,
            message: Unavailable::NoRoom.to_string(),
        }),
        Err(PutFailure::StreamGone) => {
            Err(FindStreamError::from(StreamNotFound::of(&stream.key)).into())
        }
        Err(PutFailure::Unknown | PutFailure::Failed) => Ok(PutRecordsResultEntry::Failed {
            code: ErrorCode::InternalFailure,
            message: Unavailable::Failed.to_string(),
        }),
    });
    let records = records.collect::<Result<_, PutRecordsError>>()?;
    Ok(PutRecordsResponse {
        records,
        encryption_type: put.encryption_type,
    })
}
