//! From a value to its part in a window.

use jaq_json::Val;
use serde_json::Value;

use super::partial::{Moment, NotAggregated, VALUE_BYTES_MAX};
use super::plan::Plan;
use super::tally::Sample;
use crate::jq::{Limits, Program, RunError};
use crate::moment;
use crate::value::{self, NotJson};

/// A record may claim a time so much after its arrival.
const AHEAD_MAX_MS: i64 = 24 * 60 * 60 * 1000;
/// Longest key, as JSON.
const KEY_BYTES_MAX: usize = 1024;

/// Why a value has no part in a window.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum NotSampled {
    /// An expression fails.
    #[error("{what}: {cause}")]
    Expression {
        /// Which one.
        what: String,
        /// Why.
        cause: RunError,
    },
    /// An expression has no result, or several.
    #[error("{what} has {results} results instead of one")]
    Results {
        /// Which one.
        what: String,
        /// How many.
        results: usize,
    },
    /// A result is too large.
    #[error("{what}: {cause}")]
    TooLarge {
        /// Of which expression.
        what: String,
        /// Why.
        cause: NotJson,
    },
    /// A value does not fit its function.
    #[error("{what}: {cause}")]
    Value {
        /// Which one.
        what: String,
        /// Why.
        cause: NotAggregated,
    },
    /// The time is none.
    #[error("window.time: {0} is no time: RFC 3339, or seconds or milliseconds since 1970")]
    Time(String),
    /// The record arrived too long after its time.
    #[error(
        "too late: it arrived {behind_ms} ms after its time, and late and revise allow {allowed_ms} ms"
    )]
    TooLate {
        /// How long after.
        behind_ms: i64,
        /// How long is allowed.
        allowed_ms: i64,
    },
    /// The record claims a time long after its arrival.
    #[error("its time is {0} ms after its arrival, more than a day")]
    Ahead(i64),
}

/// Computes samples.
#[derive(Debug)]
pub struct Sampler<'a> {
    plan: &'a Plan,
    limits: &'a Limits,
}

impl<'a> Sampler<'a> {
    /// A sampler for the windows.
    pub fn new(plan: &'a Plan, limits: &'a Limits) -> Self {
        Self { plan, limits }
    }

    /// The value's part in its window. Depends on nothing but the arguments, so a record that comes again is sampled
    /// alike.
    ///
    /// # Errors
    /// See [`NotSampled`].
    pub fn sample(
        &self,
        input: &Val,
        moment: &Moment,
        arrived_ms: i64,
    ) -> Result<Sample, NotSampled> {
        let plan = self.plan;
        let time_ms = self.time_of(input)?.unwrap_or(arrived_ms);
        if time_ms - arrived_ms > AHEAD_MAX_MS {
            return Err(NotSampled::Ahead(time_ms - arrived_ms));
        }
        let window_ms = plan.window_of(time_ms);
        if arrived_ms >= plan.gone_ms(window_ms) {
            return Err(NotSampled::TooLate {
                behind_ms: arrived_ms - time_ms,
                allowed_ms: plan.late_ms + plan.revise_ms,
            });
        }
        let by = match &plan.by {
            None => Value::Null,
            Some(by) => self.one(|| "window.by".to_owned(), by, input)?,
        };
        let by = by.to_string();
        if by.len() > KEY_BYTES_MAX {
            let (what, cause) = ("window.by".to_owned(), NotJson::TooLarge(KEY_BYTES_MAX));
            return Err(NotSampled::TooLarge { what, cause });
        }
        let mut values = Vec::with_capacity(plan.values.len());
        for aggregate in &plan.values {
            let what = || format!("window.values.{}", aggregate.name);
            let value = match &aggregate.of {
                None => Value::Bool(true),
                Some(of) => self.one(what, of, input)?,
            };
            let checked = aggregate.function.check(&value);
            checked.map_err(|cause| NotSampled::Value {
                what: what(),
                cause,
            })?;
            values.push(value);
        }
        let moment = Moment {
            time_ms,
            ..moment.clone()
        };
        Ok(Sample {
            window_ms,
            by,
            moment,
            values,
        })
    }

    /// The value's own time, if the windows go by one, in milliseconds since 1970.
    ///
    /// # Errors
    /// If it has none.
    pub fn time_of(&self, input: &Val) -> Result<Option<i64>, NotSampled> {
        let Some(time) = &self.plan.time else {
            return Ok(None);
        };
        let told = self.one(|| "window.time".to_owned(), time, input)?;
        moment::of_json(&told)
            .map(Some)
            .ok_or_else(|| NotSampled::Time(shown(&told)))
    }

    /// The one result of a program, which is called `what` where it has another number of them.
    fn one(
        &self,
        what: impl Fn() -> String,
        program: &Program,
        input: &Val,
    ) -> Result<Value, NotSampled> {
        let results = program.run(input.clone(), self.limits);
        let results = results.map_err(|cause| NotSampled::Expression {
            what: what(),
            cause,
        })?;
        let [result] = results.as_slice() else {
            return Err(NotSampled::Results {
                what: what(),
                results: results.len(),
            });
        };
        let json = value::to_json(result, VALUE_BYTES_MAX * 64);
        json.map_err(|cause| NotSampled::TooLarge {
            what: what(),
            cause,
        })
    }
}

fn shown(value: &Value) -> String {
    let mut text = value.to_string();
    text.truncate(text.floor_char_boundary(60));
    text
}
