//! Mergeable partial results of the functions of a window.

use std::cmp::Ordering;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::exact_sum::ExactSum;
use super::order::compare;
use super::sketches::{Distinct, Quantile};
use super::top::Top;

/// Longest value of `min`, `max`, `first`, `last` and `top`, as JSON.
pub(super) const VALUE_BYTES_MAX: usize = 4096;

/// Where and when a value was: what `first` and `last` go by.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Moment {
    /// The record's time, in milliseconds since 1970.
    #[serde(rename = "t")]
    pub time_ms: i64,
    /// Its shard.
    #[serde(rename = "s")]
    pub shard_id: String,
    /// Its sequence number, padded so that texts compare as numbers do; and what it is among the record's values.
    #[serde(rename = "n")]
    pub place: String,
}

/// A value and its moment.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Timed {
    #[serde(flatten)]
    moment: Moment,
    #[serde(rename = "v")]
    pub(super) value: Value,
}

/// What was aggregated of some of the records; partials of disjoint records merge, in any order.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Partial {
    /// See `Function::Count`.
    Count(u64),
    /// See `Function::Sum`.
    Sum(ExactSum),
    /// See `Function::Mean`.
    Mean {
        /// Of the values.
        sum: ExactSum,
        /// Of the values.
        count: u64,
    },
    /// See `Function::Min`.
    Min(Option<Value>),
    /// See `Function::Max`.
    Max(Option<Value>),
    /// See `Function::First`.
    First(Option<Timed>),
    /// See `Function::Last`.
    Last(Option<Timed>),
    /// See `Function::Distinct`.
    Distinct(Box<Distinct>),
    /// See `Function::Quantile`.
    Quantile(Box<Quantile>),
    /// See `Function::Top`.
    Top(Top),
}

/// Why a value cannot be aggregated.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotAggregated {
    /// A function of numbers got something else.
    #[error("{0} is no number")]
    NoNumber(String),
    /// The value would make the window's state too large.
    #[error("a value of {0} bytes is longer than the {VALUE_BYTES_MAX} bytes that a window keeps")]
    TooLong(usize),
    /// Two partials of different functions.
    #[error("the window's functions were changed while the pipeline had windows open")]
    Different,
}

impl Partial {
    /// Adds a value that `Function::check` has let pass; null is passed over.
    pub fn add(&mut self, value: &Value, moment: &Moment) {
        if value.is_null() {
            return;
        }
        let timed = || {
            Some(Timed {
                moment: moment.clone(),
                value: value.clone(),
            })
        };
        match self {
            Self::Count(count) => *count += 1,
            Self::Sum(sum) => sum.add_value(value),
            Self::Mean { sum, count } => {
                sum.add_value(value);
                *count += 1;
            }
            Self::Min(least) => replace(least, value, Ordering::Less),
            Self::Max(greatest) => replace(greatest, value, Ordering::Greater),
            Self::First(first) => {
                if first.as_ref().is_none_or(|first| *moment < first.moment) {
                    *first = timed();
                }
            }
            Self::Last(last) => {
                if last.as_ref().is_none_or(|last| *moment > last.moment) {
                    *last = timed();
                }
            }
            Self::Distinct(distinct) => distinct.add(value),
            Self::Quantile(quantile) => quantile.add(value),
            Self::Top(top) => top.add(value),
        }
    }

    /// Adds what the other has aggregated.
    ///
    /// # Errors
    /// [`NotAggregated::Different`] if they are not of one function.
    pub fn merge(&mut self, other: &Self) -> Result<(), NotAggregated> {
        match (self, other) {
            (Self::Count(count), Self::Count(more)) => *count += more,
            (Self::Sum(sum), Self::Sum(more)) => sum.merge(more),
            (
                Self::Mean { sum, count },
                Self::Mean {
                    sum: more,
                    count: many,
                },
            ) => {
                sum.merge(more);
                *count += many;
            }
            (Self::Min(least), Self::Min(Some(value))) => replace(least, value, Ordering::Less),
            (Self::Max(greatest), Self::Max(Some(value))) => {
                replace(greatest, value, Ordering::Greater)
            }
            (Self::Min(_), Self::Min(None)) | (Self::Max(_), Self::Max(None)) => {}
            (Self::First(first), Self::First(other)) => {
                let earlier = |other: &Timed| {
                    first
                        .as_ref()
                        .is_none_or(|first| other.moment < first.moment)
                };
                if let Some(other) = other.as_ref().filter(|other| earlier(other)) {
                    *first = Some(other.clone());
                }
            }
            (Self::Last(last), Self::Last(other)) => {
                let later =
                    |other: &Timed| last.as_ref().is_none_or(|last| other.moment > last.moment);
                if let Some(other) = other.as_ref().filter(|other| later(other)) {
                    *last = Some(other.clone());
                }
            }
            (Self::Distinct(distinct), Self::Distinct(other)) => distinct.merge(other),
            (Self::Quantile(quantile), Self::Quantile(other)) => {
                if !quantile.merge(other) {
                    return Err(NotAggregated::Different);
                }
            }
            (Self::Top(top), Self::Top(other)) => top.merge(other),
            _ => return Err(NotAggregated::Different),
        }
        Ok(())
    }

    /// About how many bytes it takes, in memory and on the way.
    pub fn bytes(&self) -> usize {
        let of = |value: &Value| match value {
            Value::String(text) => text.len() + 16,
            Value::Array(_) | Value::Object(_) => value.to_string().len() * 2,
            Value::Null | Value::Bool(_) | Value::Number(_) => 16,
        };
        match self {
            Self::Count(_) => 24,
            Self::Sum(sum) | Self::Mean { sum, .. } => sum.bytes() + 16,
            Self::Min(value) | Self::Max(value) => value.as_ref().map_or(16, of),
            Self::First(at) | Self::Last(at) => at.as_ref().map_or(16, |at| of(&at.value) + 160),
            Self::Distinct(distinct) => distinct.bytes(),
            Self::Quantile(quantile) => quantile.bytes(),
            Self::Top(top) => top.bytes(),
        }
    }
}

fn replace(kept: &mut Option<Value>, value: &Value, when: Ordering) {
    if kept
        .as_ref()
        .is_none_or(|kept| compare(value, kept) == when)
    {
        *kept = Some(value.clone());
    }
}

impl ExactSum {
    fn add_value(&mut self, value: &Value) {
        if let Value::Number(number) = value {
            self.add(number);
        }
    }
}
