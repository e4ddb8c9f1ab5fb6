//! What a window computes: functions, and what they take.

use serde_json::{Number, Value};

use super::exact_sum::ExactSum;
use super::partial::{NotAggregated, Partial, VALUE_BYTES_MAX};
use super::sketches::{Distinct, Quantile};
use super::top::Top;

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

    /// Whether it matters to it when and where a record was, beside its window.
    pub fn needs_moments(&self) -> bool {
        match self {
            Self::First | Self::Last => true,
            Self::Count
            | Self::Sum
            | Self::Min
            | Self::Max
            | Self::Mean
            | Self::Distinct
            | Self::Quantile(_)
            | Self::Top(_) => false,
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

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::window::partial::Moment;

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
