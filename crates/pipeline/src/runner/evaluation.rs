//! Records through decoding and steps, on the threads for that.

use std::sync::Arc;
use std::time::SystemTime;

use jaq_json::Val;
use millstream_connectors::{Item, Origin};
use millstream_consumer::Record;

use super::Shared;
use crate::transform::StepBroken;
use crate::value::{self, NotJson};
use crate::window::{Moment, Plan, Sample, Sampler};

/// Records that are evaluated at a time.
pub(super) const RECORDS_MAX: usize = 512;
/// Bytes of records that are evaluated at a time, but for the last of them.
pub(super) const BYTES_MAX: usize = 1024 * 1024;
/// Most bytes of values of one record on their way to the sinks, in memory.
const RECORD_ITEMS_BYTES_MAX: usize = 32 * 1024 * 1024;
/// Once the values of some records have so many bytes, the other records wait.
const ITEMS_BYTES_MAX: usize = 4 * 1024 * 1024;

/// What the first of the records become, in their order; an error is the cause of a rejection.
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

/// The items that the first of the records become, at least one.
///
/// # Errors
/// If the pipeline must stop, which it is told.
pub(super) async fn items(
    shared: &Arc<Shared>,
    shard_id: &str,
    records: &[Record],
) -> Result<Evaluated<Item>, String> {
    let (pipeline, shard_id) = (Arc::clone(&shared.pipeline), shard_id.to_owned());
    let of_record = move |record: &Record, values: &[Val]| {
        let origin = Arc::new(origin(&shard_id, record));
        let mut left = RECORD_ITEMS_BYTES_MAX;
        let item = |(index, value)| item(&pipeline.source.stream, &origin, index, value, &mut left);
        let items: Result<Vec<Item>, String> = values.iter().enumerate().map(item).collect();
        items.map(|items| (items, RECORD_ITEMS_BYTES_MAX - left))
    };
    evaluate(shared, records, of_record).await
}

/// Takes records through all steps, on the threads for that.
async fn evaluate<T: Send + 'static>(
    shared: &Arc<Shared>,
    records: &[Record],
    of_record: impl Fn(&Record, &[Val]) -> Result<(Vec<T>, usize), String> + Send + 'static,
) -> Result<Evaluated<T>, String> {
    let (pipeline, records) = (Arc::clone(&shared.pipeline), records.to_vec());
    let job = move || {
        let data: Vec<_> = records.iter().map(|record| record.data.clone()).collect();
        let (mut evaluated, mut bytes) = (Vec::with_capacity(records.len()), 0);
        while evaluated.len() < records.len() && bytes < ITEMS_BYTES_MAX {
            let begun = evaluated.len();
            let transformed = pipeline.transform.apply(&data[begun..])?;
            for (record, values) in records[begun..].iter().zip(transformed) {
                let of_record = values
                    .map_err(|rejection| rejection.to_string())
                    .and_then(|values| of_record(record, &values));
                evaluated.push(of_record.map(|(made, made_bytes)| {
                    bytes += made_bytes;
                    made
                }));
            }
        }
        Ok::<_, StepBroken>(evaluated)
    };
    let evaluated = shared.evaluator.run(job).await;
    let evaluated = evaluated.map_err(|error| error.to_string())?;
    evaluated.map_err(|broken| {
        shared.fatal.fail(&broken.to_string());
        broken.to_string()
    })
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

fn item(
    stream: &str,
    origin: &Arc<Origin>,
    index: usize,
    value: &Val,
    left: &mut usize,
) -> Result<Item, String> {
    /// What an item takes beside its value.
    const ITEM_BYTES: usize = 256;
    let raw = match value {
        Val::BStr(bytes) => Some((**bytes).clone()),
        _ => None,
    };
    let before = *left;
    let json = value::to_json_within(value, left).map_err(|error| match error {
        NotJson::TooLarge(_) => {
            format!("the record's values take more than {RECORD_ITEMS_BYTES_MAX} bytes in memory")
        }
        other => other.to_string(),
    })?;
    // The record's own bytes are there once.
    let own = if index == 0 { origin.data.len() } else { 0 };
    let bytes = before - *left + own + ITEM_BYTES;
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

/// The samples that the first of the records become, at least one.
///
/// # Errors
/// As for [`items`].
pub(super) async fn samples(
    shared: &Arc<Shared>,
    plan: &Arc<Plan>,
    shard_id: &str,
    records: &[Record],
) -> Result<Evaluated<Sample>, String> {
    let (limits, plan, shard_id) = (
        shared.pipeline.transform.limits.clone(),
        Arc::clone(plan),
        shard_id.to_owned(),
    );
    let of_record = move |record: &Record, values: &[Val]| {
        let sampler = Sampler::new(&plan, &limits);
        let arrived_ms = arrived_ms(record);
        let needs_moments = plan.needs_moments();
        let sample = |(index, value): (usize, &Val)| {
            let mut moment = Moment {
                time_ms: arrived_ms,
                shard_id: String::new(),
                place: String::new(),
            };
            if needs_moments {
                moment.shard_id = shard_id.clone();
                moment.place = padded(record, index);
            }
            sampler
                .sample(value, &moment, arrived_ms)
                .map_err(|error| error.to_string())
        };
        let samples: Result<Vec<Sample>, String> = values.iter().enumerate().map(sample).collect();
        let bytes = |samples: &Vec<Sample>| {
            let of_sample = |sample: &Sample| {
                sample.by.len() + sample.values.iter().map(estimate).sum::<usize>() + 256
            };
            samples.iter().map(of_sample).sum::<usize>()
        };
        samples.map(|samples| {
            let bytes = bytes(&samples);
            (samples, bytes)
        })
    };
    evaluate(shared, records, of_record).await
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
