//! A stream behind the Kinesis API.

use std::time::{Duration, SystemTime};

use aws_sdk_kinesis::Client;
use aws_sdk_kinesis::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_kinesis::primitives::DateTime;
use aws_sdk_kinesis::types::{self, ShardIteratorType};
use futures::FutureExt;
use millstream_types::HashKeyRange;

use self::service_time::AnswerDate;

use super::{
    GetRecords, IteratorPosition, ReadError, ReadFuture, Shard, ShardIterator, StreamReader,
};
use crate::{ExtendedSequenceNumber, Record};

mod service_time;

/// A stream of the Kinesis API (AWS's or Millstream's).
#[derive(Debug, Clone)]
pub struct KinesisStreamReader {
    client: Client,
    stream: String,
}

impl KinesisStreamReader {
    /// The stream of this name.
    pub fn new(client: Client, stream: impl Into<String>) -> Self {
        Self {
            client,
            stream: stream.into(),
        }
    }
}

impl super::sealed::Sealed for KinesisStreamReader {}

impl StreamReader for KinesisStreamReader {
    fn list_shards(&self) -> ReadFuture<Vec<Shard>> {
        let this = self.clone();
        async move {
            let mut shards = Vec::new();
            let mut next: Option<String> = None;
            loop {
                let request = this.client.list_shards();
                // Pages after the first are asked for by the token alone.
                let request = match next {
                    Some(token) => request.next_token(token),
                    None => request.stream_name(&this.stream),
                };
                let page = request.send().await.map_err(failed)?;
                shards.extend(page.shards().iter().map(listed));
                next = page.next_token;
                if next.is_none() {
                    return Ok(shards);
                }
            }
        }
        .boxed()
    }

    fn shard_iterator(
        &self,
        shard_id: &str,
        position: IteratorPosition,
    ) -> ReadFuture<ShardIterator> {
        let request = self
            .client
            .get_shard_iterator()
            .stream_name(&self.stream)
            .shard_id(shard_id);
        let request = match position {
            IteratorPosition::TrimHorizon => {
                request.shard_iterator_type(ShardIteratorType::TrimHorizon)
            }
            IteratorPosition::Latest => request.shard_iterator_type(ShardIteratorType::Latest),
            IteratorPosition::AtTimestamp(moment) => request
                .shard_iterator_type(ShardIteratorType::AtTimestamp)
                .timestamp(DateTime::from_millis(
                    i64::try_from(moment.0).unwrap_or(i64::MAX),
                )),
            IteratorPosition::AtSequenceNumber(number) => request
                .shard_iterator_type(ShardIteratorType::AtSequenceNumber)
                .starting_sequence_number(number),
            IteratorPosition::AfterSequenceNumber(number) => request
                .shard_iterator_type(ShardIteratorType::AfterSequenceNumber)
                .starting_sequence_number(number),
        };
        async move {
            let date = AnswerDate::default();
            let asked_at = tokio::time::Instant::now();
            let request = request.customize().interceptor(date.clone());
            let answer = request.send().await.map_err(failed)?;
            let token = answer
                .shard_iterator
                .ok_or_else(|| ReadError::Unavailable("the answer holds no iterator".into()))?;
            let made_at = date.at_or_before(asked_at.elapsed());
            Ok(ShardIterator { token, made_at })
        }
        .boxed()
    }

    fn get_records(&self, shard_iterator: &str, records_max: u32) -> ReadFuture<GetRecords> {
        let request = self
            .client
            .get_records()
            .shard_iterator(shard_iterator)
            .limit(i32::try_from(records_max).unwrap_or(i32::MAX));
        async move {
            let answer = request.send().await.map_err(failed)?;
            let child_shards = answer.child_shards().iter().map(child).collect();
            let records: Result<Vec<Record>, ReadError> =
                answer.records.into_iter().map(record).collect();
            Ok(GetRecords {
                records: records?,
                next_shard_iterator: answer.next_shard_iterator,
                millis_behind_latest: answer
                    .millis_behind_latest
                    .and_then(|ms| u64::try_from(ms).ok())
                    .unwrap_or(0),
                child_shards,
            })
        }
        .boxed()
    }
}

fn listed(shard: &types::Shard) -> Shard {
    let parents = [shard.parent_shard_id(), shard.adjacent_parent_shard_id()];
    Shard {
        shard_id: shard.shard_id().to_owned(),
        parent_shard_ids: parents.into_iter().flatten().map(str::to_owned).collect(),
        hash_key_range: shard.hash_key_range().and_then(range),
        starting_sequence_number: shard
            .sequence_number_range()
            .map(types::SequenceNumberRange::starting_sequence_number)
            .and_then(|number| ExtendedSequenceNumber::new(number, 0).ok()),
        is_closed: shard
            .sequence_number_range()
            .is_some_and(|range| range.ending_sequence_number().is_some()),
    }
}

fn child(shard: &types::ChildShard) -> Shard {
    Shard {
        shard_id: shard.shard_id().to_owned(),
        parent_shard_ids: shard.parent_shards().iter().cloned().collect(),
        hash_key_range: shard.hash_key_range().and_then(range),
        starting_sequence_number: None,
        is_closed: false,
    }
}

fn range(range: &types::HashKeyRange) -> Option<HashKeyRange> {
    Some(HashKeyRange {
        start: range.starting_hash_key().parse().ok()?,
        end: range.ending_hash_key().parse().ok()?,
    })
}

fn record(record: types::Record) -> Result<Record, ReadError> {
    let place = ExtendedSequenceNumber::new(&record.sequence_number, 0)
        .map_err(|error| ReadError::Unavailable(error.into()))?;
    let arrival = record
        .approximate_arrival_timestamp
        .and_then(|moment| moment.to_millis().ok())
        .and_then(|ms| u64::try_from(ms).ok());
    Ok(Record {
        arrived_at: arrival.map(|ms| SystemTime::UNIX_EPOCH + Duration::from_millis(ms)),
        ..Record::new(
            place,
            record.partition_key.unwrap_or_default(),
            record.data.into_inner(),
        )
    })
}

fn failed<E>(error: SdkError<E>) -> ReadError
where
    E: ProvideErrorMetadata + std::error::Error + Send + Sync + 'static,
{
    match error.code() {
        Some("ExpiredIteratorException") => ReadError::ExpiredIterator,
        Some(
            "ProvisionedThroughputExceededException"
            | "LimitExceededException"
            | "KMSThrottlingException"
            | "ThrottlingException",
        ) => ReadError::Throttled,
        Some("ResourceNotFoundException") => {
            ReadError::NotFound(error.message().unwrap_or("no such resource").to_owned())
        }
        Some(
            code @ ("InvalidArgumentException" | "ValidationException" | "AccessDeniedException"),
        ) => ReadError::Refused(format!(
            "{code}: {}",
            error.message().unwrap_or("no message")
        )),
        _ => ReadError::Unavailable(error.into_source().unwrap_or_else(|error| error.into())),
    }
}
