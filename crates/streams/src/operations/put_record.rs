//! PutRecord.

use std::sync::Arc;

use millstream_types::{AccountId, OldSequenceNumber, SequenceNumber, ShardId};
use millstream_wire::shapes::{InvalidRecordData, PutRecordRequest, PutRecordResponse};
use millstream_wire::{ApiError, ErrorCode, Operation};
use tokio_util::task::task_tracker::TaskTrackerToken;

use super::find_stream::{FindStreamError, NamedStream};
use super::not_found::StreamNotFound;
use super::placing::{Unplaced, hash_key};
use super::put::{PutFailure, Routing, Submitted, size_bytes, stored};
use super::unavailable::Unavailable;
use super::unverified_texts as texts;
use crate::{Caller, StreamService};
use millstream_catalog::Stream;

/// How PutRecord fails.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PutRecordError {
    /// The request names no stream that takes records.
    #[error(transparent)]
    Find(#[from] FindStreamError),
    /// No partition key, on a stream that does not spread its records by itself.
    #[error("1 validation error detected: {}", texts::must_not_be_null(&"partitionKey"))]
    NoPartitionKey,
    /// Data and partition key together are larger than the stream allows; in bytes.
    #[error("1 validation error detected: {}", texts::too_long(&"data", *.0))]
    TooLarge(usize),
    /// The explicit hash key is above 2^128 − 1.
    #[error(transparent)]
    InvalidHashKey(#[from] InvalidExplicitHashKey),
    /// `SequenceNumberForOrdering` is not a number that the service can have given.
    #[error(
        "ExclusiveMinimumSequenceNumber {number} used in PutRecord on stream {name} under account {account} is \
         invalid."
    )]
    InvalidMinimum {
        /// As given.
        number: String,
        /// The stream.
        name: String,
        /// Its account.
        account: AccountId,
    },
    /// Not stored: no room for the moment.
    #[error(transparent)]
    Throttled(#[from] ShardThrottled),
    /// The data is not base64; the decoding of requests answers this itself.
    #[error(transparent)]
    InvalidData(#[from] InvalidRecordData),
    /// See [`Unavailable`]; [`Failed`](Unavailable::Failed) may mean that the record is stored.
    #[error(transparent)]
    Unavailable(#[from] Unavailable),
}

/// An explicit hash key above 2^128 − 1.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "Invalid ExplicitHashKey. ExplicitHashKey must be in the range: [0, 2^128-1]. Specified value was {0}"
)]
pub struct InvalidExplicitHashKey(pub String);

/// A shard takes no more records for the moment.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("Rate exceeded for shard {shard} in stream {name} under account {account}.")]
pub struct ShardThrottled {
    /// The shard.
    pub shard: ShardId,
    /// Its stream.
    pub name: String,
    /// Its account.
    pub account: AccountId,
}

impl ShardThrottled {
    pub(super) fn of(stream: &Stream, shard: ShardId) -> Self {
        Self {
            shard,
            name: stream.key.name.to_string(),
            account: stream.key.account.clone(),
        }
    }
}

impl From<PutRecordError> for ApiError {
    fn from(error: PutRecordError) -> Self {
        let code = match error {
            PutRecordError::Find(error) => return error.into(),
            PutRecordError::Unavailable(error) => return error.into(),
            PutRecordError::NoPartitionKey | PutRecordError::TooLarge(_) => ErrorCode::Validation,
            PutRecordError::InvalidHashKey(_) | PutRecordError::InvalidMinimum { .. } => {
                ErrorCode::InvalidArgument
            }
            PutRecordError::Throttled(_) => ErrorCode::ProvisionedThroughputExceeded,
            PutRecordError::InvalidData(InvalidRecordData) => ErrorCode::Serialization,
        };
        Self::new(code, error.to_string())
    }
}

impl StreamService {
    /// Stores a record. Checked, routed and submitted within the call: records that one caller puts on one shard,
    /// call after call, are stored in that order. The future waits until the record is durable.
    ///
    /// If the future is dropped, the record may still be stored.
    ///
    /// # Errors
    /// See [`PutRecordError`].
    pub fn put_record(
        &self,
        caller: &Caller,
        request: PutRecordRequest<'_>,
    ) -> impl Future<Output = Result<PutRecordResponse, PutRecordError>> + Send + use<> {
        let submitted = self.submit_record(caller, &request);
        async move {
            let (call, submitted) = submitted?;
            let put = submitted.finish().await;
            drop(call);
            let (shard, result) = put.results().next().ok_or(Unavailable::Failed)?;
            let sequence_number = result.map_err(|failure| match failure {
                PutFailure::Busy => ShardThrottled::of(&put.stream, shard.id).into(),
                PutFailure::NoRoom => Unavailable::NoRoom.into(),
                PutFailure::StreamGone => {
                    FindStreamError::from(StreamNotFound::of(&put.stream.key)).into()
                }
                PutFailure::Unknown | PutFailure::Failed => {
                    PutRecordError::from(Unavailable::Failed)
                }
            })?;
            Ok(PutRecordResponse {
                sequence_number,
                encryption_type: put.encryption_type,
            })
        }
    }

    fn submit_record(
        &self,
        caller: &Caller,
        request: &PutRecordRequest<'_>,
    ) -> Result<(TaskTrackerToken, Submitted), PutRecordError> {
        let call = self.enter()?;
        let (name, arn) = (
            request.stream_name.as_deref(),
            request.stream_arn.as_deref(),
        );
        let named = NamedStream::new(caller, name, arn)?;
        let not_found = || FindStreamError::from(named.not_found());
        let stream = self.look_up(caller, Operation::PutRecord, &named)?;
        if !stream.is_usable() {
            return Err(not_found().into());
        }
        let record = &request.record;
        let bytes = size_bytes(record);
        if bytes > stream.record_bytes_max() {
            return Err(PutRecordError::TooLarge(stream.record_bytes_max()));
        }
        let hash = hash_key(&stream, &self.inner.spread, record);
        let hash = hash.map_err(|unplaced| match unplaced {
            Unplaced::NoPartitionKey => PutRecordError::NoPartitionKey,
            Unplaced::HashKey(text) => InvalidExplicitHashKey(text.to_owned()).into(),
            Unplaced::NoShard => not_found().into(),
        })?;
        if let Some(number) = request.sequence_number_for_ordering.as_deref() {
            self.check_minimum(number, &stream)?;
        }
        let mut routing = Routing::new(Arc::clone(&stream), 1);
        if !routing.add(hash, bytes) {
            return Err(not_found().into());
        }
        let records = std::iter::once(stored(record));
        let submitted = routing.submit(records, &self.inner.view, &self.inner.engine)?;
        Ok((call, submitted))
    }

    /// A number that was given for a put that was acknowledged is below every number that is given later, in the same
    /// shard and in its descendants: there is nothing to do but to refuse what cannot have been given.
    fn check_minimum(&self, text: &str, stream: &Stream) -> Result<(), PutRecordError> {
        // A shard's second of creation, and so its numbers, may be ahead of the clock.
        let now_s = self.inner.clock.now().as_secs().max(stream.last_created_s);
        let old = || {
            text.parse()
                .ok()
                .filter(|old: &OldSequenceNumber| old.version == 1)
        };
        let latest_s = match text.parse::<SequenceNumber>() {
            Ok(number) => Some(number.written_s().max(number.created_s())),
            Err(_) => old().map(|old| old.written_s),
        };
        if latest_s.is_some_and(|latest_s| latest_s <= now_s) {
            return Ok(());
        }
        Err(PutRecordError::InvalidMinimum {
            number: text.to_owned(),
            name: stream.key.name.to_string(),
            account: stream.key.account.clone(),
        })
    }
}
