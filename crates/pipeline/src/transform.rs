//! Decode and all steps, in order: what one record becomes.

use std::sync::Arc;

use bytes::Bytes;
use jaq_json::Val;

use crate::decode::{DecodeError, Encoding};
use crate::jq::Limits;
use crate::step::{Step, StepError};

/// What one record becomes on its way to windows and sinks.
#[derive(Debug, Clone)]
pub struct Transform {
    /// How records are read.
    pub encoding: Encoding,
    /// What happens to them then.
    pub steps: Arc<[Arc<dyn Step>]>,
    /// What a step may spend on one value.
    pub limits: Limits,
}

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

impl Transform {
    /// All values that the record becomes, with nothing lost between the steps.
    ///
    /// # Errors
    /// See [`Rejection`]: then nothing of the record goes on.
    pub fn apply(&self, data: &Bytes) -> Result<Vec<Val>, Rejection> {
        self.apply_watched(data, |_, _| {})
    }

    /// As [`apply`](Self::apply); `watch` sees the values before the first step (0) and after each.
    ///
    /// # Errors
    /// See [`apply`](Self::apply).
    pub fn apply_watched(
        &self,
        data: &Bytes,
        mut watch: impl FnMut(usize, &[Val]),
    ) -> Result<Vec<Val>, Rejection> {
        let mut values = self.encoding.decode(data)?;
        watch(0, &values);
        for (index, step) in self.steps.iter().enumerate() {
            let mut next = Vec::with_capacity(values.len());
            for value in values {
                let results = step.apply(value, &self.limits);
                let results = results.map_err(|cause| Rejection::Step {
                    number: index + 1,
                    step: step.describe(),
                    cause,
                })?;
                next.extend(results);
                if next.len() > self.limits.results_max {
                    return Err(Rejection::Values(self.limits.results_max));
                }
            }
            values = next;
            watch(index + 1, &values);
        }
        Ok(values)
    }
}
