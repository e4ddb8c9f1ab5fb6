//! The Kinesis API, as both ways of reading use it.

use aws_sdk_kinesis::Client;
use aws_sdk_kinesis::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_kinesis::operation::subscribe_to_shard::SubscribeToShardOutput;
use aws_sdk_kinesis::operation::subscribe_to_shard::builders::SubscribeToShardFluentBuilder;
use aws_sdk_kinesis::primitives::DateTime;
use aws_sdk_kinesis::types::{self, ShardIteratorType};
use millstream_types::{HashKeyRange, TimestampMs};

use self::service_time::AnswerDate;
use super::{ReadError, ReadFuture, Shard, StartingPosition};
use crate::{ExtendedSequenceNumber, Record};

mod answer;
mod service_time;

pub(super) use self::answer::Answer;

pub(super) fn list_shards(client: Client, stream: String) -> ReadFuture<Vec<Shard>> {
    Box::pin(async move {
        let mut shards = Vec::new();
        let mut next: Option<String> = None;
        loop {
            let request = client.list_shards();
            // Pages after the first are asked for by the token alone.
            let request = match next {
                Some(token) => request.next_token(token),
                None => request.stream_name(&stream),
            };
            let page = request.send().await.map_err(failed)?;
            shards.extend(page.shards().iter().map(listed));
            next = page.next_token;
            if next.is_none() {
                return Ok(shards);
            }
        }
    })
}

/// Where a position begins, in the words that both operations have for it.
struct Start {
    kind: ShardIteratorType,
    number: Option<String>,
    moment: Option<DateTime>,
}

impl From<StartingPosition> for Start {
    fn from(position: StartingPosition) -> Self {
        let plain = |kind| Self {
            kind,
            number: None,
            moment: None,
        };
        match position {
            StartingPosition::TrimHorizon => plain(ShardIteratorType::TrimHorizon),
            StartingPosition::Latest => plain(ShardIteratorType::Latest),
            StartingPosition::AtTimestamp(moment) => Self {
                moment: Some(DateTime::from_millis(
                    i64::try_from(moment.0).unwrap_or(i64::MAX),
                )),
                ..plain(ShardIteratorType::AtTimestamp)
            },
            StartingPosition::AtSequenceNumber(number) => Self {
                number: Some(number),
                ..plain(ShardIteratorType::AtSequenceNumber)
            },
            StartingPosition::AfterSequenceNumber(number) => Self {
                number: Some(number),
                ..plain(ShardIteratorType::AfterSequenceNumber)
            },
        }
    }
}

/// An iterator, and a moment at or before its making.
pub(super) fn shard_iterator(
    client: &Client,
    stream: &str,
    shard_id: &str,
    position: StartingPosition,
) -> ReadFuture<(String, Option<TimestampMs>)> {
    let start = Start::from(position);
    let request = client
        .get_shard_iterator()
        .stream_name(stream)
        .shard_id(shard_id)
        .shard_iterator_type(start.kind)
        .set_starting_sequence_number(start.number)
        .set_timestamp(start.moment);
    Box::pin(async move {
        let date = AnswerDate::default();
        let asked_at = tokio::time::Instant::now();
        let request = request.customize().interceptor(date.clone());
        let answer = request.send().await.map_err(failed)?;
        let iterator = answer
            .shard_iterator
            .ok_or_else(|| ReadError::Unavailable("the answer holds no iterator".into()))?;
        Ok((iterator, date.at_or_before(asked_at.elapsed())))
    })
}

pub(super) fn starting_position(
    position: StartingPosition,
) -> Result<types::StartingPosition, ReadError> {
    let start = Start::from(position);
    types::StartingPosition::builder()
        .r#type(start.kind)
        .set_sequence_number(start.number)
        .set_timestamp(start.moment)
        .build()
        .map_err(|error| ReadError::Unavailable(error.into()))
}

/// The subscription, and a moment at or before its beginning.
pub(super) async fn timed(
    request: SubscribeToShardFluentBuilder,
) -> Result<(SubscribeToShardOutput, Option<TimestampMs>), ReadError> {
    let date = AnswerDate::default();
    let asked_at = tokio::time::Instant::now();
    let request = request.customize().interceptor(date.clone());
    let answer = request.send().await.map_err(failed)?;
    Ok((answer, date.at_or_before(asked_at.elapsed())))
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

pub(super) fn child(shard: &types::ChildShard) -> Shard {
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

pub(super) fn record(record: types::Record) -> Result<Record, ReadError> {
    let place = ExtendedSequenceNumber::new(&record.sequence_number, 0)
        .map_err(|error| ReadError::Unavailable(error.into()))?;
    let arrival = record.approximate_arrival_timestamp;
    Ok(Record {
        arrived_at: arrival.and_then(|moment| answer::moment(moment.as_secs_f64())),
        ..Record::new(
            place,
            record.partition_key.unwrap_or_default(),
            record.data.into_inner(),
        )
    })
}

pub(super) fn failed<E, R>(error: SdkError<E, R>) -> ReadError
where
    E: ProvideErrorMetadata + std::error::Error + Send + Sync + 'static,
    R: std::fmt::Debug + Send + Sync + 'static,
{
    match error.code() {
        Some("ExpiredIteratorException") => ReadError::Expired,
        Some("ResourceInUseException") => ReadError::InUse,
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
