//! A pipeline tried on a sample: no stream, no sink, only what each step makes of each record.

use bytes::Bytes;
use jaq_json::Val;
use serde_json::{Value, json};

use crate::file::Pipeline;
use crate::value;
use crate::window::{Merger, Moment, OpenShard, Sampler, Tally};

/// Largest value that is shown whole, in memory.
const SHOWN_BYTES_MAX: usize = 16 * 1024 * 1024;
/// The shard that the sample stands for.
const SHARD: &str = "sample";

/// What became of one record.
#[derive(Debug, Clone, PartialEq)]
pub struct Tried {
    /// The record's number, from 1.
    pub record: usize,
    /// The values after decoding, and after each step that was reached.
    pub stages: Vec<Vec<Value>>,
    /// The windows that its values went to: start in milliseconds since 1970, and key.
    pub windows: Vec<(i64, Value)>,
    /// Why it is rejected.
    pub rejected: Option<String>,
}

/// Tries a pipeline on records, one by one.
#[derive(Debug)]
pub struct Trial<'p> {
    pipeline: &'p Pipeline,
    now_ms: i64,
    tally: Tally,
    records: usize,
}

impl<'p> Trial<'p> {
    /// Records count as if they arrived at `now_ms`; with times of their own, as if at those.
    pub fn new(pipeline: &'p Pipeline, now_ms: i64) -> Self {
        Self {
            pipeline,
            now_ms,
            tally: Tally::new(SHARD, None, None),
            records: 0,
        }
    }

    /// Tries one record. Must run on a thread of an [`Evaluator`](crate::evaluator::Evaluator).
    pub fn record(&mut self, data: &Bytes) -> Tried {
        self.records += 1;
        let mut tried = Tried {
            record: self.records,
            stages: Vec::new(),
            windows: Vec::new(),
            rejected: None,
        };
        let shown = |values: &[Val]| {
            let json = |one: &Val| {
                value::to_json(one, SHOWN_BYTES_MAX)
                    .unwrap_or_else(|error| json!(error.to_string()))
            };
            values.iter().map(json).collect()
        };
        let record = std::slice::from_ref(data);
        let applied = self.pipeline.transform.apply_watched(record, |_, records| {
            let values = records.first().and_then(|record| record.as_ref().ok());
            tried.stages.extend(values.map(|values| shown(values)));
        });
        match applied.map(|mut records| records.pop()) {
            Ok(Some(Ok(values))) => self.count(&values, &mut tried),
            Ok(Some(Err(rejection))) => tried.rejected = Some(rejection.to_string()),
            Ok(None) => {}
            Err(broken) => tried.rejected = Some(broken.to_string()),
        }
        tried
    }

    fn count(&mut self, values: &[Val], tried: &mut Tried) {
        let Some(plan) = &self.pipeline.window else {
            return;
        };
        let sampler = Sampler::new(plan, &self.pipeline.transform.limits);
        let mut samples = Vec::new();
        for (index, value) in values.iter().enumerate() {
            let place = format!("{:020}.{index:06}", self.records);
            let moment = Moment {
                time_ms: self.now_ms,
                shard_id: SHARD.to_owned(),
                place,
            };
            let arrived = sampler
                .time_of(value)
                .map(|time| time.unwrap_or(self.now_ms));
            match arrived.and_then(|arrived| sampler.sample(value, &moment, arrived)) {
                Ok(sample) => samples.push(sample),
                Err(error) => {
                    tried.rejected = Some(error.to_string());
                    return;
                }
            }
        }
        let window = |sample: &crate::window::Sample| {
            (
                sample.window_ms,
                serde_json::from_str(&sample.by).unwrap_or_default(),
            )
        };
        tried.windows = samples.iter().map(window).collect();
        let number = self.records.to_string();
        let place = millstream_consumer::ExtendedSequenceNumber::new(&number, 0).expect("a number");
        self.tally.count(plan, &place, self.now_ms, &samples);
    }

    /// The results of all windows, as if all shards had passed their ends.
    pub fn results(mut self) -> Vec<Value> {
        let Some(plan) = &self.pipeline.window else {
            return Vec::new();
        };
        self.tally.pass(i64::MAX);
        let mut merger = Merger::new();
        let merged = merger.add(plan, self.tally.piece(plan));
        merged.expect("one piece of the same plan can be merged");
        let open = OpenShard {
            shard_id: SHARD.to_owned(),
            parents: Default::default(),
        };
        merger.decide(plan, &[open], self.now_ms);
        merger
            .outbox(plan)
            .into_iter()
            .map(|result| result.value)
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_step_of_each_record_is_shown_and_where_it_fails() {
        let text = "name = \"abc\"\n[source]\nstream = \"s\"\n[[step]]\nfilter = \".n > 0\"\n[[step]]\nmap = \"{n, k: (.k | ascii_upcase)}\"\n\
                    [window]\nevery = \"1m\"\ntime = \".at\"\nby = \".k\"\nvalues = { sum = \"sum .n\" }\n[[sink]]\nstdout = {}\n";
        let text = text.replace(
            "{n, k: (.k | ascii_upcase)}",
            "{n, at, k: (.k | ascii_upcase)}",
        );
        let pipeline = Pipeline::parse(&text).unwrap();
        let thread = std::thread::Builder::new().stack_size(crate::evaluator::STACK_BYTES);
        let trial = thread.spawn(move || {
            let mut trial = Trial::new(&pipeline, 1_000_000);
            let lines = [
                r#"{"n":1,"k":"a","at":"2026-11-02T12:00:30Z"}"#,
                r#"{"n":0,"k":"a","at":1}"#,
                r#"{"n":1,"k":5,"at":1}"#,
                r#"{"n":2,"k":"A","at":"2026-11-02T12:00:59Z"}"#,
                "nonsense",
            ];
            let tried: Vec<Tried> = lines
                .iter()
                .map(|line| trial.record(&Bytes::from(*line)))
                .collect();
            (tried, trial.results())
        });
        let (tried, results) = trial.unwrap().join().unwrap();
        assert_eq!((tried[0].stages.len(), tried[0].windows.len()), (3, 1));
        assert!(tried[1].stages[1].is_empty() && tried[1].rejected.is_none());
        assert!(
            tried[2]
                .rejected
                .as_ref()
                .unwrap()
                .starts_with("step 2 (map "),
            "{:?}",
            tried[2]
        );
        assert!(
            tried[4]
                .rejected
                .as_ref()
                .unwrap()
                .starts_with("source.decode: not JSON"),
            "{:?}",
            tried[4]
        );
        let expected = r#"{"window":"2026-11-02T12:00:00.000Z","by":"A","sum":3,"complete":true,"revision":1}"#;
        assert_eq!(
            results.iter().map(ToString::to_string).collect::<Vec<_>>(),
            [expected]
        );
    }
}
