//! jq's order of values: null, false, true, numbers, strings, arrays, objects.

use std::cmp::Ordering;

use serde_json::{Number, Value};

/// Compares two values.
pub(super) fn compare(one: &Value, other: &Value) -> Ordering {
    let kind = |value: &Value| match value {
        Value::Null => 0,
        Value::Bool(false) => 1,
        Value::Bool(true) => 2,
        Value::Number(_) => 3,
        Value::String(_) => 4,
        Value::Array(_) => 5,
        Value::Object(_) => 6,
    };
    match (one, other) {
        (Value::Number(one), Value::Number(other)) => numbers(one, other),
        (Value::String(one), Value::String(other)) => one.cmp(other),
        (Value::Array(one), Value::Array(other)) => {
            let unequal = one
                .iter()
                .zip(other)
                .map(|(one, other)| compare(one, other));
            let first = unequal.into_iter().find(|order| order.is_ne());
            first.unwrap_or_else(|| one.len().cmp(&other.len()))
        }
        (Value::Object(one), Value::Object(other)) => {
            let (mut names, mut others): (Vec<_>, Vec<_>) =
                (one.keys().collect(), other.keys().collect());
            names.sort_unstable();
            others.sort_unstable();
            let values = || names.iter().map(|name| compare(&one[*name], &other[*name]));
            names.cmp(&others).then_with(|| {
                values()
                    .find(|order| order.is_ne())
                    .unwrap_or(Ordering::Equal)
            })
        }
        _ => kind(one).cmp(&kind(other)),
    }
}

/// Integers exactly, others as floats; equal ones by their text, so that which of them is kept is no accident.
fn numbers(one: &Number, other: &Number) -> Ordering {
    let integer = |number: &Number| {
        number
            .as_i64()
            .map(i128::from)
            .or_else(|| number.as_u64().map(i128::from))
    };
    let order = match (integer(one), integer(other)) {
        (Some(one), Some(other)) => one.cmp(&other),
        _ => one
            .as_f64()
            .unwrap_or(0.0)
            .total_cmp(&other.as_f64().unwrap_or(0.0)),
    };
    order.then_with(|| one.to_string().cmp(&other.to_string()))
}
