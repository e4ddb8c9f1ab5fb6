//! What lies behind one place in a shard.

use std::sync::{Arc, Mutex, PoisonError};

use aws_sdk_kinesis::Client;
use aws_sdk_kinesis::config::interceptors::BeforeDeserializationInterceptorContextRef;
use aws_sdk_kinesis::config::{ConfigBag, Intercept, RuntimeComponents};
use aws_sdk_kinesis::error::BoxError;
use aws_sdk_kinesis::primitives::DateTime;
use aws_sdk_kinesis::types::{Record, ShardIteratorType};
use millstream_consumer::Checkpoint;
use millstream_types::TimestampMs;
use serde::Serialize;

use super::LagError;

/// Millstream's server counts for a GetRecords that has this header, and answers with the same.
const HEADER: &str = "x-millstream-behind";
/// Answers without records before the tip that are passed over.
const EMPTY_MAX: usize = 5;

/// Records that are not finished.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct Backlog {
    /// How many; aggregated ones count as one.
    pub records: u64,
    /// Bytes of their data and partition keys.
    pub bytes: u64,
    /// Whether both are exact. What lies beyond the first 64 MiB of a shard is estimated.
    pub is_exact: bool,
}

/// What lies behind a place.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(super) struct Behind {
    /// Age of the oldest record; 0 if there is none.
    pub(super) behind_ms: u64,
    /// `None` where the service does not count.
    pub(super) backlog: Option<Backlog>,
}

/// Where to look in a shard.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Place<'a> {
    pub(super) stream: &'a str,
    pub(super) shard_id: &'a str,
    pub(super) checkpoint: &'a Checkpoint,
    /// What LATEST stands for, where that is known.
    pub(super) latest_at: Option<TimestampMs>,
}

/// Looks behind a checkpoint; `None` if it names no place, as LATEST does before anybody has read.
pub(super) async fn look_behind(
    client: &Client,
    place: &Place<'_>,
    now: TimestampMs,
) -> Result<Option<Behind>, LagError> {
    let Some(mut iterator) = iterator(client, place).await? else {
        return Ok(None);
    };
    for _ in 0..EMPTY_MAX {
        let counted = Counted::default();
        let asked = client
            .get_records()
            .shard_iterator(&iterator)
            .limit(1)
            .customize()
            .mutate_request(|request| {
                request.headers_mut().insert(HEADER, "count");
            })
            .interceptor(counted.clone());
        let answer = asked.send().await;
        let answer = answer.map_err(|error| LagError::of("GetRecords", place.shard_id, &error))?;
        let first = answer.records.first();
        let behind_ms = answer
            .millis_behind_latest
            .and_then(|ms| u64::try_from(ms).ok());
        let behind_ms = behind_ms.unwrap_or(0);
        let behind = Behind {
            behind_ms: first.map_or(0, |record| behind_ms.max(age_ms(record, now))),
            backlog: counted.with(first),
        };
        match answer.next_shard_iterator {
            Some(next) if first.is_none() && behind_ms > 0 => iterator = next,
            _ => return Ok(Some(behind)),
        }
    }
    Ok(Some(Behind::default()))
}

/// What has arrived in a shard since a moment and is still kept; `None` where the service does not count.
///
/// # Errors
/// If a call is refused or not answered.
pub async fn arrived_since(
    client: &Client,
    stream: &str,
    shard_id: &str,
    since: TimestampMs,
) -> Result<Option<Backlog>, LagError> {
    let place = Place {
        stream,
        shard_id,
        checkpoint: &Checkpoint::Latest,
        latest_at: Some(since),
    };
    let behind = look_behind(client, &place, since).await?;
    Ok(behind.and_then(|behind| behind.backlog))
}

/// By this machine's clock, which may differ a little from the service's.
fn age_ms(record: &Record, now: TimestampMs) -> u64 {
    let arrived = record.approximate_arrival_timestamp.as_ref();
    let arrived = arrived.and_then(|time| u64::try_from(time.to_millis().ok()?).ok());
    arrived.map_or(0, |arrived| now.0.saturating_sub(arrived))
}

async fn iterator(client: &Client, place: &Place<'_>) -> Result<Option<String>, LagError> {
    let request = client
        .get_shard_iterator()
        .stream_name(place.stream)
        .shard_id(place.shard_id);
    let request = match (place.checkpoint, place.latest_at) {
        (Checkpoint::At(number), _) => request
            .shard_iterator_type(ShardIteratorType::AfterSequenceNumber)
            .starting_sequence_number(number.sequence_number()),
        (Checkpoint::TrimHorizon, _) => request.shard_iterator_type(ShardIteratorType::TrimHorizon),
        (Checkpoint::Latest, Some(moment)) => {
            let moment = i64::try_from(moment.0).unwrap_or(i64::MAX);
            request
                .shard_iterator_type(ShardIteratorType::AtTimestamp)
                .timestamp(DateTime::from_millis(moment))
        }
        _ => return Ok(None),
    };
    let answer = request.send().await;
    let answer =
        answer.map_err(|error| LagError::of("GetShardIterator", place.shard_id, &error))?;
    Ok(answer.shard_iterator)
}

/// What the server counted behind the records that it answered.
#[derive(Debug, Clone, Default)]
struct Counted(Arc<Mutex<Option<Backlog>>>);

impl Counted {
    /// With the record that was answered.
    fn with(&self, first: Option<&Record>) -> Option<Backlog> {
        let counted = *self.0.lock().unwrap_or_else(PoisonError::into_inner);
        counted.map(|counted| match first {
            None => counted,
            Some(record) => Backlog {
                records: counted.records + 1,
                bytes: counted.bytes + size_bytes(record),
                ..counted
            },
        })
    }
}

fn size_bytes(record: &Record) -> u64 {
    let key = record.partition_key.as_ref().map_or(0, String::len);
    (record.data.as_ref().len() + key) as u64
}

impl Intercept for Counted {
    fn name(&self) -> &'static str {
        "Counted"
    }

    fn read_before_deserialization(
        &self,
        context: &BeforeDeserializationInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let text = context.response().headers().get(HEADER);
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = text.and_then(parse);
        Ok(())
    }
}

/// `records=12; bytes=3456`, and `; estimated` if so. Unknown words are left to later servers.
fn parse(text: &str) -> Option<Backlog> {
    let (mut records, mut bytes, mut is_exact) = (None, None, true);
    for word in text.split(';').map(str::trim) {
        match word.split_once('=') {
            Some(("records", count)) => records = count.parse().ok(),
            Some(("bytes", count)) => bytes = count.parse().ok(),
            _ => is_exact &= word != "estimated",
        }
    }
    Some(Backlog {
        records: records?,
        bytes: bytes?,
        is_exact,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_header_is_read() {
        let backlog = |records, bytes, is_exact| {
            Some(Backlog {
                records,
                bytes,
                is_exact,
            })
        };
        assert_eq!(parse("records=12; bytes=3456"), backlog(12, 3456, true));
        assert_eq!(parse("records=1; bytes=2; estimated"), backlog(1, 2, false));
        assert_eq!(parse("bytes=2; of=x; records=1"), backlog(1, 2, true));
        for bad in ["", "records=1", "records=-1; bytes=2", "records=x; bytes=2"] {
            assert_eq!(parse(bad), None, "{bad}");
        }
    }
}
