//! Attribute values in JSON: their types, and the order of two.

use std::cmp::Ordering;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;

const TYPES: [&str; 10] = ["S", "N", "B", "SS", "NS", "BS", "M", "L", "BOOL", "NULL"];

/// The type of an attribute value; `None` if it is none.
pub(crate) fn type_of(value: &Value) -> Option<&'static str> {
    TYPES
        .into_iter()
        .find(|name| value.get(name).is_some_and(|inner| !inner.is_null()))
}

/// What BETWEEN requires of its bounds and does not find, in DynamoDB's words; `None` if the lower is of the upper's type
/// and not above it.
pub(crate) fn out_of_order(lower: &Value, upper: &Value) -> Option<String> {
    let what = if type_of(lower) != type_of(upper) {
        "same data type for lower and upper bounds"
    } else if compare(lower, upper) == Some(Ordering::Greater) {
        "upper bound to be greater than or equal to lower bound"
    } else {
        return None;
    };
    Some(format!(
        "{what}; lower bound operand: AttributeValue: {}, upper bound operand: AttributeValue: {}",
        shown(lower),
        shown(upper)
    ))
}

/// A value as errors show it.
fn shown(value: &Value) -> String {
    let kind = type_of(value).unwrap_or_default();
    match &value[kind] {
        Value::String(text) => format!("{{{kind}:{text}}}"),
        inner => format!("{{{kind}:{inner}}}"),
    }
}

/// The order of two values; `None` if they have none, or are not of one type.
fn compare(left: &Value, right: &Value) -> Option<Ordering> {
    let text = |value: &Value, kind: &str| value[kind].as_str().map(str::to_owned);
    let both = |kind: &str| Some((text(left, kind)?, text(right, kind)?));
    if let Some((left, right)) = both("S") {
        Some(left.as_bytes().cmp(right.as_bytes()))
    } else if let Some((left, right)) = both("B") {
        Some(
            STANDARD
                .decode(left)
                .ok()?
                .cmp(&STANDARD.decode(right).ok()?),
        )
    } else {
        let (left, right) = both("N")?;
        Some(Number::read(&left)?.compare(&Number::read(&right)?))
    }
}

/// A number as `0.DIGITS × 10^exponent`, without zeros at the start and at the end; zero has no digits.
struct Number {
    is_negative: bool,
    digits: String,
    exponent: i64,
}

impl Number {
    fn read(text: &str) -> Option<Self> {
        let (is_negative, unsigned) = match text.strip_prefix('-') {
            Some(rest) => (true, rest),
            None => (false, text.strip_prefix('+').unwrap_or(text)),
        };
        let (mantissa, exponent) = match unsigned.split_once(['e', 'E']) {
            Some((mantissa, exponent)) => (mantissa, exponent.parse::<i64>().ok()?),
            None => (unsigned, 0),
        };
        let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
        let all = [whole, fraction].concat();
        if all.is_empty() || !all.bytes().all(|byte| byte.is_ascii_digit()) {
            return None;
        }
        let significant = all.trim_start_matches('0');
        let zeros = i64::try_from(all.len() - significant.len()).ok()?;
        let whole = i64::try_from(whole.len()).ok()?;
        Some(Self {
            is_negative,
            exponent: exponent.checked_add(whole - zeros)?,
            digits: significant.trim_end_matches('0').to_owned(),
        })
    }

    fn compare(&self, other: &Self) -> Ordering {
        let sign = |number: &Self| match (number.digits.is_empty(), number.is_negative) {
            (true, _) => 0,
            (false, true) => -1,
            (false, false) => 1,
        };
        let by_size = (self.exponent, &self.digits).cmp(&(other.exponent, &other.digits));
        sign(self).cmp(&sign(other)).then(match sign(self) {
            0 => Ordering::Equal,
            1 => by_size,
            _ => by_size.reverse(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn numbers_are_compared_by_what_they_are() {
        let ascending = [
            "-1e125",
            "-100.5",
            "-100",
            "-1e-130",
            "0",
            "1e-130",
            "0.001",
            "0.01",
            "9",
            "10",
            "10.0001",
            "1e2",
            "101",
            "12345678901234567890123456789012345678",
            "1e125",
        ];
        for (at, left) in ascending.iter().enumerate() {
            for (other, right) in ascending.iter().enumerate() {
                let found = compare(&json!({"N": left}), &json!({"N": right}));
                assert_eq!(found, Some(at.cmp(&other)), "{left} {right}");
            }
        }
        for (left, right) in [
            ("0", "-0.0"),
            ("1", "+1.00"),
            ("100", "1e2"),
            ("0.5", "5E-1"),
        ] {
            let found = compare(&json!({"N": left}), &json!({"N": right}));
            assert_eq!(found, Some(Ordering::Equal), "{left} {right}");
        }
    }

    #[test]
    fn bounds_are_of_one_type_and_in_order() {
        let shown = |lower: Value, upper: Value| out_of_order(&lower, &upper);
        assert_eq!(shown(json!({"S": "a"}), json!({"S": "a"})), None);
        assert_eq!(shown(json!({"B": "AA=="}), json!({"B": "AQ=="})), None);
        assert_eq!(
            shown(json!({"N": "3"}), json!({"N": "2"})).unwrap(),
            "upper bound to be greater than or equal to lower bound; lower bound operand: AttributeValue: {N:3}, upper \
             bound operand: AttributeValue: {N:2}"
        );
        assert_eq!(
            shown(json!({"N": "3"}), json!({"S": "a"})).unwrap(),
            "same data type for lower and upper bounds; lower bound operand: AttributeValue: {N:3}, upper bound \
             operand: AttributeValue: {S:a}"
        );
    }
}
