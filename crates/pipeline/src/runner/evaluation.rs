//! Records through decoding and steps, on the threads for that.

use std::sync::Arc;
use std::time::SystemTime;

use jaq_json::Val;
use millstream_connectors::{Item, Origin};
use millstream_consumer::Record;

use super::Shared;
use crate::value;
use crate::window::{Moment, Plan, Sample, Sampler};

/// Records that are evaluated at a time.
pub(super) const RECORDS_MAX: usize = 512;
/// Bytes of records that are evaluated at a time, but for the last of them.
pub(super) const BYTES_MAX: usize = 1024 * 1024;
/// Largest value that goes to a sink, as JSON.
const ITEM_BYTES_MAX: usize = 16 * 1024 * 1024;

/// What records become, in their order; an error is the cause of a rejection.
pub(super) type Evaluated<T> = Vec<Result<Vec<T>, String>>;

/// The first records, so many that they can be evaluated at a time.
pub(super) fn chunk(records: &[Record]) -> &[Record] {
    let mut bytes = 0;
    let fits = records.iter().take(RECORDS_MAX).take_while(|record| {
        let fits = bytes < BYTES_MAX;
        bytes += record.data.len();
        fits
    });
    let count = fits.count();
    &records[..count]
}

/// When a record arrived, in milliseconds since 1970; 0 if the stream does not say.
pub(super) fn arrived_ms(record: &Record) -> i64 {
    let since = record
        .arrived_at
        .and_then(|at| at.duration_since(SystemTime::UNIX_EPOCH).ok());
    since.map_or(0, |since| {
        i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
    })
}

/// The items that the records become.
pub(super) async fn items(
    shared: &Arc<Shared>,
    shard_id: &str,
    records: &[Record],
) -> Result<Evaluated<Item>, String> {
    let (pipeline, shard_id) = (Arc::clone(&shared.pipeline), shard_id.to_owned());
    let records = records.to_vec();
    let job = move || {
        let of_record = |record: &Record| {
            let values = pipeline
                .transform
                .apply(&record.data)
                .map_err(|error| error.to_string())?;
            let origin = Arc::new(origin(&shard_id, record));
            let item = |(index, value): (usize, &Val)| {
                item(&pipeline.source.stream, &origin, index, value)
            };
            values.iter().enumerate().map(item).collect()
        };
        records
            .iter()
            .map(|record| guarded(|| of_record(record)))
            .collect()
    };
    shared
        .evaluator
        .run(job)
        .await
        .map_err(|error| error.to_string())
}

fn origin(shard_id: &str, record: &Record) -> Origin {
    Origin {
        shard_id: shard_id.to_owned(),
        sequence_number: record.sequence_number().to_owned(),
        sub_sequence_number: record.place.sub_sequence_number(),
        partition_key: record.partition_key.clone(),
        arrived_ms: u64::try_from(arrived_ms(record)).unwrap_or(0),
        data: record.data.clone(),
    }
}

fn item(stream: &str, origin: &Arc<Origin>, index: usize, value: &Val) -> Result<Item, String> {
    let raw = match value {
        Val::BStr(bytes) => Some((**bytes).clone()),
        _ => None,
    };
    let json = value::to_json(value, ITEM_BYTES_MAX).map_err(|error| error.to_string())?;
    let bytes = origin.data.len() + estimate(&json) + 256;
    Ok(Item::of_record(
        stream,
        Arc::clone(origin),
        index,
        json,
        raw,
        bytes,
    ))
}

/// About how many bytes a value takes in memory.
pub(super) fn estimate(value: &serde_json::Value) -> usize {
    use serde_json::Value;
    match value {
        Value::Null | Value::Bool(_) | Value::Number(_) => 32,
        Value::String(text) => 32 + text.len(),
        Value::Array(items) => 32 + items.iter().map(estimate).sum::<usize>(),
        Value::Object(members) => {
            32 + members
                .iter()
                .map(|(name, value)| 48 + name.len() + estimate(value))
                .sum::<usize>()
        }
    }
}

/// The samples that the records become.
pub(super) async fn samples(
    shared: &Arc<Shared>,
    plan: &Arc<Plan>,
    shard_id: &str,
    records: &[Record],
) -> Result<Evaluated<Sample>, String> {
    let (pipeline, plan, shard_id) = (
        Arc::clone(&shared.pipeline),
        Arc::clone(plan),
        shard_id.to_owned(),
    );
    let records = records.to_vec();
    let job = move || {
        let sampler = Sampler::new(&plan, &pipeline.transform.limits);
        let of_record = |record: &Record| {
            let values = pipeline
                .transform
                .apply(&record.data)
                .map_err(|error| error.to_string())?;
            let arrived_ms = arrived_ms(record);
            let sample = |(index, value): (usize, &Val)| {
                let moment = Moment {
                    time_ms: arrived_ms,
                    shard_id: shard_id.clone(),
                    place: padded(record, index),
                };
                sampler
                    .sample(value, &moment, arrived_ms)
                    .map_err(|error| error.to_string())
            };
            values.iter().enumerate().map(sample).collect()
        };
        records
            .iter()
            .map(|record| guarded(|| of_record(record)))
            .collect()
    };
    shared
        .evaluator
        .run(job)
        .await
        .map_err(|error| error.to_string())
}

/// A step that panics rejects its record.
fn guarded<T>(evaluate: impl FnOnce() -> Result<T, String>) -> Result<T, String> {
    let caught = std::panic::catch_unwind(std::panic::AssertUnwindSafe(evaluate));
    caught.unwrap_or_else(|_| Err("a step has panicked".to_owned()))
}

/// A record's place, as text that sorts as places do.
fn padded(record: &Record, index: usize) -> String {
    let place = &record.place;
    format!(
        "{:0>60}.{:010}.{index:06}",
        place.sequence_number(),
        place.sub_sequence_number()
    )
}
