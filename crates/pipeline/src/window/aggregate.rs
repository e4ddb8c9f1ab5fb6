//! What a window computes: functions, and their mergeable partial results.

use std::cmp::Ordering;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use datasketches::hll::{HllSketch, HllType, HllUnion};
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::{Number, Value};
use sketches_ddsketch::{Config, DDSketch};

use super::exact_sum::ExactSum;
use super::order::compare;
use super::top::Top;

/// Binary logarithm of the registers of a distinct count: a standard error of about 1.6 %.
const DISTINCT_LG_K: u8 = 12;
/// Relative error of a quantile.
const QUANTILE_ERROR: f64 = 0.01;
/// Most bins of a quantile; wide enough for all but absurd ranges.
const QUANTILE_BINS: u32 = 2048;
/// Smallest size of a number that a quantile tells from 0.
const QUANTILE_SMALLEST: f64 = 1e-9;
/// Longest value of `min`, `max`, `first`, `last` and `top`, as JSON.
pub(super) const VALUE_BYTES_MAX: usize = 4096;

/// A function over the records of a window.
#[derive(Debug, Clone, PartialEq)]
pub enum Function {
    /// How many records; with an expression, how many for which it is not null.
    Count,
    /// The exact sum.
    Sum,
    /// The least value, in the order of jq.
    Min,
    /// The greatest value, in the order of jq.
    Max,
    /// The exact sum by the count.
    Mean,
    /// The value of the earliest record.
    First,
    /// The value of the latest record.
    Last,
    /// About how many different values.
    Distinct,
    /// About the value below which this share of all lies.
    Quantile(f64),
    /// The most frequent values.
    Top(usize),
}

impl Function {
    /// Nothing aggregated yet.
    pub fn start(&self) -> Partial {
        match self {
            Self::Count => Partial::Count(0),
            Self::Sum => Partial::Sum(ExactSum::default()),
            Self::Mean => Partial::Mean {
                sum: ExactSum::default(),
                count: 0,
            },
            Self::Min => Partial::Min(None),
            Self::Max => Partial::Max(None),
            Self::First => Partial::First(None),
            Self::Last => Partial::Last(None),
            Self::Distinct => Partial::Distinct(Box::new(Distinct::new())),
            Self::Quantile(_) => Partial::Quantile(Box::new(Quantile::new())),
            Self::Top(_) => Partial::Top(Top::default()),
        }
    }

    /// Checks that a partial of this function will take the value.
    ///
    /// # Errors
    /// Why it will not.
    pub fn check(&self, value: &Value) -> Result<(), NotAggregated> {
        if value.is_null() {
            return Ok(());
        }
        match self {
            Self::Sum | Self::Mean | Self::Quantile(_) => number(value).map(drop),
            Self::Count | Self::Distinct => Ok(()),
            Self::Min | Self::Max | Self::First | Self::Last | Self::Top(_) => {
                short(value).map(drop)
            }
        }
    }

    /// The result that goes out; null where nothing was aggregated.
    pub fn result(&self, partial: &Partial) -> Value {
        let number = |number: Option<Number>| number.map_or(Value::Null, Value::Number);
        match (self, partial) {
            (_, Partial::Count(count)) => Value::from(*count),
            (_, Partial::Sum(sum)) => number(sum.to_number()),
            (_, Partial::Mean { count: 0, .. }) => Value::Null,
            (_, Partial::Mean { sum, count }) => {
                number(Number::from_f64(sum.to_f64() / *count as f64))
            }
            (_, Partial::Min(value) | Partial::Max(value)) => value.clone().unwrap_or_default(),
            (_, Partial::First(at) | Partial::Last(at)) => {
                at.clone().map_or(Value::Null, |at| at.value)
            }
            (_, Partial::Distinct(distinct)) => Value::from(distinct.estimate()),
            (Self::Quantile(share), Partial::Quantile(quantile)) => number(quantile.at(*share)),
            (Self::Top(n), Partial::Top(top)) => top.report(*n),
            (_, Partial::Quantile(_) | Partial::Top(_)) => Value::Null,
        }
    }
}

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
    value: Value,
}

/// What was aggregated of some of the records; partials of disjoint records merge, in any order.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Partial {
    /// See [`Function::Count`].
    Count(u64),
    /// See [`Function::Sum`].
    Sum(ExactSum),
    /// See [`Function::Mean`].
    Mean {
        /// Of the values.
        sum: ExactSum,
        /// Of the values.
        count: u64,
    },
    /// See [`Function::Min`].
    Min(Option<Value>),
    /// See [`Function::Max`].
    Max(Option<Value>),
    /// See [`Function::First`].
    First(Option<Timed>),
    /// See [`Function::Last`].
    Last(Option<Timed>),
    /// See [`Function::Distinct`].
    Distinct(Box<Distinct>),
    /// See [`Function::Quantile`].
    Quantile(Box<Quantile>),
    /// See [`Function::Top`].
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

fn short(value: &Value) -> Result<&Value, NotAggregated> {
    let bytes = match value {
        Value::String(text) => text.len(),
        Value::Array(_) | Value::Object(_) => value.to_string().len(),
        Value::Null | Value::Bool(_) | Value::Number(_) => 0,
    };
    if bytes > VALUE_BYTES_MAX {
        return Err(NotAggregated::TooLong(bytes));
    }
    Ok(value)
}

fn number(value: &Value) -> Result<&Number, NotAggregated> {
    match value {
        Value::Number(number) => Ok(number),
        other => {
            let mut text = other.to_string();
            text.truncate(text.floor_char_boundary(40));
            Err(NotAggregated::NoNumber(text))
        }
    }
}

impl Partial {
    /// Adds a value that [`Function::check`] has let pass; null is passed over.
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
            Self::Distinct(distinct) => distinct.0.update(value.to_string()),
            Self::Quantile(quantile) => quantile.0.add(value.as_f64().unwrap_or(0.0)),
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
                quantile
                    .0
                    .merge(&other.0)
                    .map_err(|_| NotAggregated::Different)?;
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
            Self::Distinct(distinct) => distinct.0.serialize().len() * 4 / 3 + 64,
            Self::Quantile(quantile) => quantile.0.length() * 8 + 256,
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

/// A sketch of the different values.
#[derive(Debug, Clone, PartialEq)]
pub struct Distinct(HllSketch);

impl Distinct {
    fn new() -> Self {
        let sketch = HllSketch::new(DISTINCT_LG_K, HllType::Hll8);
        Self(sketch.expect("the number of registers is in bounds"))
    }

    fn merge(&mut self, other: &Self) {
        let mut union = HllUnion::new(DISTINCT_LG_K).expect("the number of registers is in bounds");
        union.update(&self.0);
        union.update(&other.0);
        self.0 = union.to_sketch(HllType::Hll8);
    }

    /// By the registers alone, so that it does not depend on the order.
    fn estimate(&self) -> u64 {
        self.0.composite_estimate().round() as u64
    }
}

impl Serialize for Distinct {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&BASE64_STANDARD.encode(self.0.serialize()))
    }
}

impl<'de> Deserialize<'de> for Distinct {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let bytes = BASE64_STANDARD.decode(text).map_err(D::Error::custom)?;
        HllSketch::deserialize(&bytes)
            .map(Self)
            .map_err(D::Error::custom)
    }
}

/// A sketch of how the values are spread.
#[derive(Clone, Serialize, Deserialize)]
#[serde(from = "Option<DDSketch>", into = "Option<DDSketch>")]
pub struct Quantile(DDSketch);

impl From<Option<DDSketch>> for Quantile {
    fn from(stored: Option<DDSketch>) -> Self {
        stored.map_or_else(Self::new, Self)
    }
}

impl From<Quantile> for Option<DDSketch> {
    /// One without values has infinite bounds, for which JSON has no number.
    fn from(quantile: Quantile) -> Self {
        Some(quantile.0).filter(|sketch| sketch.count() > 0)
    }
}

impl Quantile {
    fn new() -> Self {
        Self(DDSketch::new(Config::new(
            QUANTILE_ERROR,
            QUANTILE_BINS,
            QUANTILE_SMALLEST,
        )))
    }

    fn at(&self, share: f64) -> Option<Number> {
        let value = self.0.quantile(share).ok().flatten()?;
        Number::from_f64(value)
    }
}

impl std::fmt::Debug for Quantile {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Quantile of {} values", self.0.count())
    }
}

impl PartialEq for Quantile {
    /// Whether all quantiles are the same, to the percent.
    fn eq(&self, other: &Self) -> bool {
        (0..=100).all(|percent| {
            self.at(f64::from(percent) / 100.0) == other.at(f64::from(percent) / 100.0)
        })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const ALL: [Function; 10] = [
        Function::Count,
        Function::Sum,
        Function::Mean,
        Function::Min,
        Function::Max,
        Function::First,
        Function::Last,
        Function::Distinct,
        Function::Quantile(0.9),
        Function::Top(2),
    ];

    fn moment(time_ms: i64) -> Moment {
        Moment {
            time_ms,
            shard_id: "s".into(),
            place: "1".into(),
        }
    }

    #[test]
    fn what_has_seen_nothing_or_something_comes_back_as_it_was() {
        for function in ALL {
            let mut partial = function.start();
            for value in [Value::Null, json!(3), json!(0.1), json!(-7)] {
                partial.add(&value, &moment(5));
                let text = serde_json::to_string(&partial).unwrap();
                let back: Partial = serde_json::from_str(&text).unwrap();
                assert_eq!(function.result(&back), function.result(&partial), "{text}");
            }
        }
    }

    #[test]
    fn results_of_known_values() {
        let mut partials = ALL.map(|function| function.start());
        for (time, value) in [
            (3, json!(30)),
            (1, json!(10)),
            (2, json!(20)),
            (9, Value::Null),
            (4, json!(20)),
        ] {
            for partial in &mut partials {
                partial.add(&value, &moment(time));
            }
        }
        let results: Vec<Value> = ALL
            .iter()
            .zip(&partials)
            .map(|(function, partial)| function.result(partial))
            .collect();
        let top = json!([{"value": 20, "count": 2}, {"value": 10, "count": 1}]);
        assert_eq!(
            results[..8],
            [
                json!(4),
                json!(80),
                json!(20.0),
                json!(10),
                json!(30),
                json!(10),
                json!(20),
                json!(3)
            ]
        );
        let quantile = results[8].as_f64().unwrap();
        assert!((19.8..=30.3).contains(&quantile), "{quantile}");
        assert_eq!(results[9], top);
    }

    #[test]
    fn what_a_function_cannot_take_is_refused() {
        assert!(Function::Sum.check(&json!("1")).is_err());
        assert!(
            Function::Max
                .check(&json!("x".repeat(VALUE_BYTES_MAX + 1)))
                .is_err()
        );
        assert!(
            Function::Distinct
                .check(&json!("x".repeat(VALUE_BYTES_MAX + 1)))
                .is_ok()
        );
        assert!(Function::Sum.check(&Value::Null).is_ok());
    }
}
