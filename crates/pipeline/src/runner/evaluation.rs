//! Records through decoding and steps, on the threads for that.

use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::SystemTime;

use jaq_json::Val;
use millstream_connectors::{Item, Json, Origin};
use millstream_consumer::{Record, RecordBatch};

use super::Shared;
use crate::transform::{ITEMS_BYTES_MAX, RECORD_ITEMS_BYTES_MAX, StepBroken};
use crate::value::{self, NotJson};
use crate::window::{Moment, Plan, Sample, Sampler};

/// Records that are evaluated at a time.
pub(super) const RECORDS_MAX: usize = 512;
/// Bytes of records that are evaluated at a time, but for the last of them.
pub(super) const BYTES_MAX: usize = 1024 * 1024;

/// Records of a batch that follow each other.
#[derive(Debug, Clone)]
pub(super) struct Chunk {
    batch: RecordBatch,
    range: Range<usize>,
}

impl Chunk {
    /// Those from `begin` on, so many that they can be evaluated at a time.
    pub(super) fn of(batch: &RecordBatch, begin: usize) -> Self {
        let mut bytes = 0;
        let rest = &batch.records()[begin..];
        let fits = rest.iter().take(RECORDS_MAX).take_while(|record| {
            let fits = bytes < BYTES_MAX;
            bytes += record.data.len();
            fits
        });
        let end = begin + fits.count();
        Self {
            batch: batch.clone(),
            range: begin..end,
        }
    }

    pub(super) fn records(&self) -> &[Record] {
        &self.batch.records()[self.range.clone()]
    }
}

/// What the first of the records become.
#[derive(Debug)]
pub(super) struct Evaluated<T> {
    /// What all of them become, in their order.
    pub(super) made: Vec<T>,
    /// Of how many of those each record is the origin; an error is the cause of a rejection.
    pub(super) of_records: Vec<Result<usize, String>>,
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
pub(super) async fn items(shared: &Arc<Shared>, chunk: Chunk) -> Result<Evaluated<Item>, String> {
    let stream: Arc<str> = shared.pipeline.source.stream.as_str().into();
    let shard_id: Arc<str> = chunk.batch.shard_id().into();
    let as_text = shared.sinks.iter().all(|sink| sink.spec.sink.writes_text());
    let of_record = move |record: &Record, values: &[Val], items: &mut Vec<Item>| {
        if values.is_empty() {
            return Ok(0);
        }
        let origin = Arc::new(origin(&shard_id, record));
        let mut left = RECORD_ITEMS_BYTES_MAX;
        for (index, value) in values.iter().enumerate() {
            items.push(item(&stream, &origin, index, value, as_text, &mut left)?);
        }
        Ok(RECORD_ITEMS_BYTES_MAX - left)
    };
    evaluate(shared, chunk, of_record).await
}

/// Takes records through all steps, on the threads for that. `of_record` adds what a record becomes, and says how many bytes
/// that takes.
async fn evaluate<T: Send + 'static>(
    shared: &Arc<Shared>,
    chunk: Chunk,
    of_record: impl Fn(&Record, &[Val], &mut Vec<T>) -> Result<usize, String> + Send + 'static,
) -> Result<Evaluated<T>, String> {
    let pipeline = Arc::clone(&shared.pipeline);
    let width = Arc::clone(&shared.width);
    let job = move || {
        let records = chunk.records();
        let mut made = Vec::with_capacity(records.len());
        let (mut of_records, mut bytes) = (Vec::with_capacity(records.len()), 0);
        while of_records.len() < records.len() && bytes < ITEMS_BYTES_MAX {
            let begun = of_records.len();
            let end = records.len().min(begun + width.now());
            let data = records[begun..end].iter().map(|record| &record.data);
            let transformed = pipeline.transform.apply(data)?;
            let went_together = transformed.len();
            for (record, values) in records[begun..].iter().zip(transformed) {
                let made_before = made.len();
                let of_record = values
                    .map_err(|rejection| rejection.to_string())
                    .and_then(|values| of_record(record, &values, &mut made));
                if of_record.is_err() {
                    made.truncate(made_before);
                }
                of_records.push(of_record.map(|made_bytes| {
                    bytes += made_bytes;
                    made.len() - made_before
                }));
                if bytes >= ITEMS_BYTES_MAX {
                    break;
                }
            }
            width.learn(of_records.len() - begun, went_together);
        }
        Ok::<_, StepBroken>(Evaluated { made, of_records })
    };
    let evaluated = shared.evaluator.run(job).await;
    let evaluated = evaluated.map_err(|error| error.to_string())?;
    evaluated.map_err(|broken| {
        shared.fatal.fail(&broken.to_string());
        broken.to_string()
    })
}

fn origin(shard_id: &Arc<str>, record: &Record) -> Origin {
    Origin {
        shard_id: Arc::clone(shard_id),
        sequence_number: record.place.shared_sequence_number(),
        sub_sequence_number: record.place.sub_sequence_number(),
        partition_key: record.partition_key.clone(),
        arrived_ms: u64::try_from(arrived_ms(record)).unwrap_or(0),
        data: record.data.clone(),
    }
}

fn item(
    stream: &Arc<str>,
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
        Arc::clone(stream),
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
    chunk: Chunk,
) -> Result<Evaluated<Sample>, String> {
    let limits = shared.pipeline.transform.limits.clone();
    let (plan, shard_id) = (Arc::clone(plan), chunk.batch.shard_id().to_owned());
    let of_record = move |record: &Record, values: &[Val], samples: &mut Vec<Sample>| {
        let sampler = Sampler::new(&plan, &limits);
        let arrived_ms = arrived_ms(record);
        let needs_moments = plan.needs_moments();
        let mut bytes = 0;
        for (index, value) in values.iter().enumerate() {
            let mut moment = Moment {
                time_ms: arrived_ms,
                shard_id: String::new(),
                place: String::new(),
            };
            if needs_moments {
                moment.shard_id = shard_id.clone();
                moment.place = padded(record, index);
            }
            let sample = sampler
                .sample(value, &moment, arrived_ms)
                .map_err(|error| error.to_string())?;
            bytes += sample.by.len() + sample.values.iter().map(estimate).sum::<usize>() + 256;
            samples.push(sample);
        }
        Ok(bytes)
    };
    evaluate(shared, chunk, of_record).await
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
    use std::time::Duration;

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
        let batch = RecordBatch::new("shard", (1..=40).map(record).collect(), Duration::ZERO);
        for _ in 0..2 {
            let items = items(&shared, Chunk::of(&batch, 0)).await.unwrap();
            assert_eq!((items.of_records, items.made.len()), (vec![Ok(1)], 1));
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
