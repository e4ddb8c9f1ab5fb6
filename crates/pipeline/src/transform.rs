//! Decode and all steps, in order: what records become.

use std::sync::Arc;

use bytes::Bytes;
use jaq_json::Val;

use crate::decode::{DecodeError, Encoding};
use crate::jq::{self, Limits};
use crate::step::{self, LooksAt, Step, StepError};
use crate::value::{self, Members};

/// Records go through the steps together as long as they have no more bytes than this once they are decompressed; but
/// for the last of them.
const TOGETHER_BYTES_MAX: usize = 1024 * 1024;
/// Once what a step has made of some records takes so many bytes, the records behind them wait.
pub(crate) const MADE_BYTES_MAX: usize = 64 * 1024 * 1024;
/// Most bytes of values of one record on their way to the sinks, in memory.
pub(crate) const RECORD_ITEMS_BYTES_MAX: usize = 32 * 1024 * 1024;
/// Once the values of some records on their way to the sinks have so many bytes, the other records wait.
pub(crate) const ITEMS_BYTES_MAX: usize = 4 * 1024 * 1024;

/// What records become on their way to windows and sinks.
#[derive(Debug, Clone)]
pub struct Transform {
    /// How records are read.
    pub encoding: Encoding,
    /// What happens to them then.
    pub steps: Arc<[Arc<dyn Step>]>,
    /// What a step may spend on one value.
    pub limits: Limits,
}

/// What one record becomes: all its values, or nothing of it goes on.
pub type Transformed = Result<Vec<Val>, Rejection>;

/// Why a record is rejected.
#[derive(Debug, thiserror::Error)]
pub enum Rejection {
    /// It cannot be read.
    #[error("source.decode: {0}")]
    Decode(#[from] DecodeError),
    /// A step fails.
    #[error("step {number} ({step}): {cause}")]
    Step {
        /// Which one, from 1.
        number: usize,
        /// In words.
        step: String,
        /// Why.
        cause: StepError,
    },
    /// One record becomes too many values.
    #[error("the record becomes more than {0} values")]
    Values(usize),
}

/// A step does not work, whatever the record: the pipeline must stop.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("step {number} ({step}) does not work: {cause}")]
pub struct StepBroken {
    /// Which one, from 1.
    pub number: usize,
    /// In words.
    pub step: String,
    /// Why.
    pub cause: String,
}

impl Transform {
    /// What the first of the records become, at least one if there is any: as many as go through the steps together, and
    /// no more than what they become has room for.
    ///
    /// # Errors
    /// [`StepBroken`]: then nothing can be said of any of the records.
    pub fn apply<'r>(
        &self,
        records: impl IntoIterator<Item = &'r Bytes>,
    ) -> Result<Vec<Transformed>, StepBroken> {
        let decoded = self.decode(records, &self.members_looked_at());
        self.take_steps(decoded, |_, _| {})
    }

    /// As [`apply`](Self::apply); `watch` sees the values before the first step (0) and after each.
    ///
    /// # Errors
    /// See [`apply`](Self::apply).
    pub fn apply_watched<'r>(
        &self,
        records: impl IntoIterator<Item = &'r Bytes>,
        mut watch: impl FnMut(usize, &[Transformed]),
    ) -> Result<Vec<Transformed>, StepBroken> {
        let decoded = self.decode(records, &Members::All);
        watch(0, &decoded);
        self.take_steps(decoded, watch)
    }

    /// Those members of an object that may make a difference to what becomes of it.
    fn members_looked_at(&self) -> Members {
        let mut names = Vec::new();
        for step in &*self.steps {
            match step.looks_at() {
                LooksAt::Everything => return Members::All,
                LooksAt::Members { of, passes_on } => {
                    names.extend(of);
                    if !passes_on {
                        return Members::Named(names);
                    }
                }
            }
        }
        Members::All
    }

    fn take_steps(
        &self,
        mut records: Vec<Transformed>,
        mut watch: impl FnMut(usize, &[Transformed]),
    ) -> Result<Vec<Transformed>, StepBroken> {
        for (index, step) in self.steps.iter().enumerate() {
            self.take_step(index + 1, &**step, &mut records)?;
            watch(index + 1, &records);
        }
        Ok(records)
    }

    fn decode<'r>(
        &self,
        records: impl IntoIterator<Item = &'r Bytes>,
        members: &Members,
    ) -> Vec<Transformed> {
        let records = records.into_iter();
        let mut decoded = Vec::with_capacity(records.size_hint().0);
        let mut bytes = 0;
        for data in records {
            if bytes >= TOGETHER_BYTES_MAX {
                break;
            }
            let values = self
                .encoding
                .decode_sized(data, members)
                .map(|(values, plain_bytes)| {
                    bytes += plain_bytes;
                    values
                });
            decoded.push(values.map_err(Rejection::from));
        }
        decoded
    }

    /// One step of all records that are still on their way, with nothing lost; of fewer, if they become too much.
    fn take_step(
        &self,
        number: usize,
        step: &dyn Step,
        records: &mut Vec<Transformed>,
    ) -> Result<(), StepBroken> {
        if step.gains_by_many() {
            return self.take_step_together(number, step, records);
        }
        jq::take_made_bytes();
        let mut made_bytes = 0;
        for index in 0..records.len() {
            let Ok(values) = &mut records[index] else {
                continue;
            };
            let values = std::mem::take(values).into_iter();
            let answers = values.map(|value| step::caught(step, value, &self.limits));
            records[index] = self.of_record(number, step, joined(answers));
            made_bytes += jq::take_made_bytes();
            if made_bytes < MADE_BYTES_MAX as u64 {
                continue;
            }
            // That is what was made; what was kept of it may be little.
            let kept = records[..=index].iter().flatten().flatten();
            made_bytes = value::bytes_of(kept, MADE_BYTES_MAX) as u64;
            if made_bytes >= MADE_BYTES_MAX as u64 {
                records.truncate(index + 1);
                break;
            }
        }
        Ok(())
    }

    fn take_step_together(
        &self,
        number: usize,
        step: &dyn Step,
        records: &mut [Transformed],
    ) -> Result<(), StepBroken> {
        let mut values = Vec::new();
        let mut counts = Vec::with_capacity(records.len());
        for record in records.iter_mut() {
            let taken = record.as_mut().map(std::mem::take).unwrap_or_default();
            counts.push(taken.len());
            values.extend(taken);
        }
        let given = values.len();
        let broken = |cause: String| StepBroken {
            number,
            step: step.describe(),
            cause,
        };
        let answers = step.apply_all(values, &self.limits);
        let answers = answers.map_err(|error| broken(error.0))?;
        if answers.len() != given {
            let answered = answers.len();
            return Err(broken(format!(
                "it was given {given} values and answered for {answered}"
            )));
        }
        let mut answers = answers.into_iter();
        for (record, count) in records.iter_mut().zip(counts) {
            let of_record = joined(answers.by_ref().take(count));
            if record.is_ok() {
                *record = self.of_record(number, step, of_record);
            }
        }
        Ok(())
    }

    /// What a record becomes by a step with these results.
    fn of_record(
        &self,
        number: usize,
        step: &dyn Step,
        results: Result<Vec<Val>, StepError>,
    ) -> Transformed {
        match results {
            Ok(results) if results.len() > self.limits.results_max => {
                Err(Rejection::Values(self.limits.results_max))
            }
            Ok(results) => Ok(results),
            Err(cause) => Err(Rejection::Step {
                number,
                step: step.describe(),
                cause,
            }),
        }
    }
}

/// All results of a record's values, or the first error. All answers are taken.
fn joined(
    mut answers: impl Iterator<Item = Result<Vec<Val>, StepError>>,
) -> Result<Vec<Val>, StepError> {
    // Most records have one value, whose results are the record's.
    let first = answers.next().unwrap_or_else(|| Ok(Vec::new()));
    answers.fold(first, |all, more| match (all, more) {
        (Ok(mut all), Ok(more)) => {
            all.extend(more);
            Ok(all)
        }
        (Err(error), _) | (Ok(_), Err(error)) => Err(error),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::step::{Broken, Map};

    #[derive(Debug)]
    struct Odd;

    impl Step for Odd {
        fn apply(&self, value: Val, _: &Limits) -> Result<Vec<Val>, StepError> {
            match &value {
                Val::Null => std::panic::resume_unwind(Box::new("told to")),
                Val::Bool(_) => Ok(Vec::new()),
                _ => Ok(vec![value.clone(), value]),
            }
        }

        fn describe(&self) -> String {
            "odd".to_owned()
        }
    }

    #[derive(Debug)]
    struct Forgetful;

    impl Step for Forgetful {
        fn gains_by_many(&self) -> bool {
            true
        }

        fn apply(&self, _: Val, _: &Limits) -> Result<Vec<Val>, StepError> {
            Ok(Vec::new())
        }

        fn apply_all(
            &self,
            mut values: Vec<Val>,
            _: &Limits,
        ) -> Result<Vec<Result<Vec<Val>, StepError>>, Broken> {
            values.pop();
            Ok(values.into_iter().map(|value| Ok(vec![value])).collect())
        }

        fn describe(&self) -> String {
            "forgetful".to_owned()
        }
    }

    fn transform(steps: Vec<Arc<dyn Step>>) -> Transform {
        Transform {
            encoding: Encoding::Json,
            steps: steps.into(),
            limits: Limits::default(),
        }
    }

    #[test]
    fn records_that_go_together_are_rejected_each_for_itself() {
        let map = crate::jq::Program::compile(". + 1").unwrap();
        let transform = transform(vec![Arc::new(Odd), Arc::new(Map(map))]);
        let records = ["1 2", "null", "no json", "3 true", "4 \"x\"", "true"].map(Bytes::from);
        let shown: Vec<String> = transform
            .apply(&records)
            .unwrap()
            .into_iter()
            .map(|record| match record {
                Ok(values) => format!("{} values", values.len()),
                Err(rejection) => rejection.to_string(),
            })
            .collect();
        assert_eq!(
            (&*shown[0], &*shown[3], &*shown[5]),
            ("4 values", "2 values", "0 values")
        );
        assert!(shown[1].starts_with("step 1 (odd): "), "{shown:?}");
        assert!(shown[2].starts_with("source.decode"), "{shown:?}");
        assert!(shown[4].starts_with("step 2 (map"), "{shown:?}");
    }

    #[test]
    fn a_step_that_answers_for_too_few_values_loses_none() {
        let transform = transform(vec![Arc::new(Forgetful)]);
        let broken = transform.apply(&[Bytes::from("1"), Bytes::from("2")]);
        assert!(
            broken
                .unwrap_err()
                .to_string()
                .contains("2 values and answered for 1")
        );
    }

    #[test]
    fn large_records_go_one_by_one() {
        let large = Bytes::from(format!("\"{}\"", "x".repeat(TOGETHER_BYTES_MAX)));
        let transform = transform(Vec::new());
        let records = [Bytes::from("1"), large.clone(), large];
        assert_eq!(transform.apply(&records).unwrap().len(), 2);
        assert_eq!(transform.apply(&records[2..]).unwrap().len(), 1);
        assert!(transform.apply(&[]).unwrap().is_empty());
    }

    /// A map whose program makes much of little once filled the memory with what half a thousand small records became.
    #[test]
    fn small_records_that_become_large_go_few_at_a_time() {
        let map = |program: &str| -> Arc<dyn Step> {
            Arc::new(Map(crate::jq::Program::compile(program).unwrap()))
        };
        let records = vec![Bytes::from("1"); 100];
        let large = transform(vec![map("\"x\" * 10000000"), map("{text: .}")]);
        let become_large = large.apply(&records).unwrap();
        assert_eq!(become_large.len(), MADE_BYTES_MAX.div_ceil(10_000_000));
        assert!(become_large.iter().all(Result::is_ok));
        // What a program makes and does not keep holds nobody up.
        let small = transform(vec![map("\"x\" * 10000000 | length")]);
        assert_eq!(small.apply(&records).unwrap().len(), 100);
    }
}
