//! Records through decoding and steps, on the threads for that.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::SystemTime;

use jaq_json::Val;
use millstream_connectors::{Item, Json, Origin};
use millstream_consumer::Record;

use super::Shared;
use crate::transform::{ITEMS_BYTES_MAX, RECORD_ITEMS_BYTES_MAX, StepBroken};
use crate::value::{self, NotJson};
use crate::window::{Moment, Plan, Sample, Sampler};

/// Records that are evaluated at a time.
pub(super) const RECORDS_MAX: usize = 512;
/// Bytes of records that are evaluated at a time, but for the last of them.
pub(super) const BYTES_MAX: usize = 1024 * 1024;

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

/// How many records may go through the steps together: few while they become so large that most of what was made of them
/// could not be taken, and would have to be made again.
#[derive(Debug)]
pub(super) struct Width(AtomicUsize);

impl Default for Width {
    fn default() -> Self {
        Self(AtomicUsize::new(RECORDS_MAX))
    }
}

impl Width {
    fn now(&self) -> usize {
        self.0.load(Ordering::Relaxed)
    }

    /// So many were taken of those that went together.
    fn learn(&self, taken: usize, together: usize) {
        let now = self.now();
        let next = match taken < together {
            true => taken.max(1),
            false if now < RECORDS_MAX => (now * 2).min(RECORDS_MAX),
            false => return,
        };
        self.0.store(next, Ordering::Relaxed);
    }
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
    let as_text = shared.sinks.iter().all(|sink| sink.spec.sink.writes_text());
    let of_record = move |record: &mut Record, values: &[Val]| {
        let origin = Arc::new(origin(&shard_id, record));
        let mut left = RECORD_ITEMS_BYTES_MAX;
        let item = |(index, value)| {
            let stream = &pipeline.source.stream;
            item(stream, &origin, index, value, as_text, &mut left)
        };
        let items: Result<Vec<Item>, String> = values.iter().enumerate().map(item).collect();
        items.map(|items| (items, RECORD_ITEMS_BYTES_MAX - left))
    };
    evaluate(shared, records, of_record).await
}

/// Takes records through all steps, on the threads for that.
async fn evaluate<T: Send + 'static>(
    shared: &Arc<Shared>,
    records: &[Record],
    of_record: impl Fn(&mut Record, &[Val]) -> Result<(Vec<T>, usize), String> + Send + 'static,
) -> Result<Evaluated<T>, String> {
    let (pipeline, mut records) = (Arc::clone(&shared.pipeline), records.to_vec());
    let width = Arc::clone(&shared.width);
    let job = move || {
        let data: Vec<_> = records.iter().map(|record| record.data.clone()).collect();
        let (mut evaluated, mut bytes) = (Vec::with_capacity(records.len()), 0);
        while evaluated.len() < records.len() && bytes < ITEMS_BYTES_MAX {
            let begun = evaluated.len();
            let end = data.len().min(begun + width.now());
            let transformed = pipeline.transform.apply(&data[begun..end])?;
            let went_together = transformed.len();
            for (record, values) in records[begun..].iter_mut().zip(transformed) {
                let of_record = values
                    .map_err(|rejection| rejection.to_string())
                    .and_then(|values| of_record(record, &values));
                evaluated.push(of_record.map(|(made, made_bytes)| {
                    bytes += made_bytes;
                    made
                }));
                if bytes >= ITEMS_BYTES_MAX {
                    break;
                }
            }
            width.learn(evaluated.len() - begun, went_together);
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

/// Takes the record's partition key.
fn origin(shard_id: &str, record: &mut Record) -> Origin {
    Origin {
        shard_id: shard_id.to_owned(),
        sequence_number: record.sequence_number().to_owned(),
        sub_sequence_number: record.place.sub_sequence_number(),
        partition_key: std::mem::take(&mut record.partition_key),
        arrived_ms: u64::try_from(arrived_ms(record)).unwrap_or(0),
        data: record.data.clone(),
    }
}

fn item(
    stream: &str,
    origin: &Arc<Origin>,
    index: usize,
    value: &Val,
    as_text: bool,
    left: &mut usize,
) -> Result<Item, String> {
    /// What an item takes beside its value.
    const ITEM_BYTES: usize = 256;
    let raw = match value {
        Val::BStr(bytes) => Some((**bytes).clone()),
        _ => None,
    };
    let before = *left;
    let json = json(value, as_text, left).map_err(|error| match error {
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

/// The value for the sinks: as its text, if none of them looks inside.
fn json(value: &Val, as_text: bool, left: &mut usize) -> Result<Json, NotJson> {
    let before = *left;
    if as_text {
        if let Some(text) = value::to_text_within(value, left)? {
            return Ok(Json::of_text(text));
        }
        *left = before;
    }
    Ok(value::to_json_within(value, left)?.into())
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
    let of_record = move |record: &mut Record, values: &[Val]| {
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

#[cfg(test)]
mod tests {
    use millstream_consumer::ExtendedSequenceNumber;
    use millstream_types::SystemClock;

    use super::*;
    use crate::evaluator::Evaluator;
    use crate::file::Pipeline;

    const DECLARED: &str = r#"
name = "shared"
[source]
stream = "source"
[[step]]
map = ". as $text | [range(5000) | $text]"
[[sink]]
stdout = {}
"#;

    fn record(number: usize) -> Record {
        let place = ExtendedSequenceNumber::new(&number.to_string(), 0).unwrap();
        let data = serde_json::json!("x".repeat(1000)).to_string();
        Record::new(place, "k", data)
    }

    /// What values share is there once until they become items: then it is there as often as it is said.
    #[tokio::test]
    async fn records_whose_values_share_much_are_taken_one_by_one() {
        let pipeline = Arc::new(Pipeline::parse(DECLARED).unwrap());
        let clock = Arc::new(SystemClock);
        let shared = Shared::new(pipeline, Evaluator::inline(), Vec::new(), None, clock);
        let shared = Arc::new(shared);
        let records: Vec<Record> = (1..=40).map(record).collect();
        for _ in 0..2 {
            let items = items(&shared, "shard", &records).await.unwrap();
            assert!(items.len() == 1 && items[0].is_ok(), "{}", items.len());
        }
        assert!(shared.width.now() <= 2, "{}", shared.width.now());
    }

    #[test]
    fn as_many_go_together_again_once_they_are_small() {
        let width = Width::default();
        width.learn(3, RECORDS_MAX);
        assert_eq!(width.now(), 3);
        (0..20).for_each(|_| width.learn(width.now(), width.now()));
        assert_eq!(width.now(), RECORDS_MAX);
    }
}
