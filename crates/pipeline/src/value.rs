//! Values: read from JSON, and written as JSON within a limit.

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use jaq_json::{Num, Val};
use serde::Deserialize;
use serde_json::{Map, Number, Value};

/// A value that nests deeper is refused, read or written.
pub const DEPTH_MAX: usize = 128;
/// What a value takes beside its text.
const NODE_BYTES: usize = size_of::<Value>();
/// What a member of an object takes beside its name and its value.
const MEMBER_BYTES: usize = 48;

/// Why a value cannot be written.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotJson {
    /// It is larger than it may be.
    #[error("the result takes more than {0} bytes in memory")]
    TooLarge(usize),
    /// It nests deeper than [`DEPTH_MAX`].
    #[error("the result nests deeper than {DEPTH_MAX} levels")]
    TooDeep,
    /// A member's name is no text.
    #[error("the name of a member is no text")]
    Name,
}

/// Reads one or several JSON values.
///
/// # Errors
/// Where and why it is not JSON; a value that nests deeper than [`DEPTH_MAX`] is refused.
pub fn parse(bytes: &[u8]) -> Result<Vec<Val>, serde_json::Error> {
    let mut values = Vec::with_capacity(1);
    for value in serde_json::Deserializer::from_slice(bytes).into_iter::<Val>() {
        values.push(value?);
    }
    Ok(values)
}

/// A JSON value as a value.
pub fn of_json(json: &Value) -> Val {
    Val::deserialize(json).expect("every JSON value is a value")
}

/// The value as JSON that takes at most so many bytes in memory, about. Byte strings become base64; a number without an
/// end (NaN, infinity) becomes null.
///
/// # Errors
/// See [`NotJson`].
pub fn to_json(value: &Val, bytes_max: usize) -> Result<Value, NotJson> {
    let mut left = bytes_max;
    to_json_within(value, &mut left).map_err(|error| match error {
        NotJson::TooLarge(_) => NotJson::TooLarge(bytes_max),
        other => other,
    })
}

/// As [`to_json`], with the bytes taken off what is left.
///
/// # Errors
/// See [`NotJson`]; [`NotJson::TooLarge`] names what was left.
pub fn to_json_within(value: &Val, left: &mut usize) -> Result<Value, NotJson> {
    let before = *left;
    convert(value, 0, left).map_err(|error| error.unwrap_or(NotJson::TooLarge(before)))
}

/// The error is none where there is no more room.
fn convert(value: &Val, depth: usize, left: &mut usize) -> Result<Value, Option<NotJson>> {
    if depth > DEPTH_MAX {
        return Err(Some(NotJson::TooDeep));
    }
    let text = match value {
        Val::TStr(text) => text.len(),
        Val::BStr(bytes) => bytes.len().div_ceil(3) * 4,
        Val::Null | Val::Bool(_) | Val::Num(_) | Val::Arr(_) | Val::Obj(_) => 0,
    };
    *left = left.checked_sub(NODE_BYTES + text).ok_or(None)?;
    Ok(match value {
        Val::Null => Value::Null,
        Val::Bool(truth) => Value::Bool(*truth),
        Val::Num(number) => self::number(number),
        Val::TStr(text) => Value::String(String::from_utf8_lossy(text).into_owned()),
        Val::BStr(bytes) => Value::String(BASE64_STANDARD.encode(&**bytes)),
        Val::Arr(items) => {
            let items = items.iter().map(|item| convert(item, depth + 1, left));
            Value::Array(items.collect::<Result<_, _>>()?)
        }
        Val::Obj(members) => {
            let mut object = Map::with_capacity(members.len().min(1024));
            for (name, value) in members.iter() {
                let Val::TStr(name) = name else {
                    return Err(Some(NotJson::Name));
                };
                *left = left.checked_sub(MEMBER_BYTES + name.len()).ok_or(None)?;
                let name = String::from_utf8_lossy(name).into_owned();
                object.insert(name, convert(value, depth + 1, left)?);
            }
            Value::Object(object)
        }
    })
}

fn number(number: &Num) -> Value {
    let float = |float: f64| Number::from_f64(float).map_or(Value::Null, Value::Number);
    match number {
        Num::Int(int) => Value::from(*int as i64),
        Num::BigInt(int) => match u64::try_from(&**int) {
            Ok(int) => Value::from(int),
            Err(_) => float(num_traits::ToPrimitive::to_f64(&**int).unwrap_or(f64::NAN)),
        },
        Num::Float(value) => float(*value),
        Num::Dec(digits) => float(digits.parse().unwrap_or(f64::NAN)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_comes_back_as_it_was() {
        for text in [
            r#"{"b":1,"a":[true,null,"é\n",-2.5,18446744073709551615]}"#,
            "10.0",
            "[]",
        ] {
            let value = parse(text.as_bytes()).unwrap().remove(0);
            assert_eq!(to_json(&value, 2000).unwrap().to_string(), text);
        }
        assert_eq!(parse(b"1 2\n3").unwrap().len(), 3);
        assert!(parse(b"").unwrap().is_empty());
    }

    #[test]
    fn what_is_too_deep_or_too_large_is_refused() {
        let deep = [vec![b'['; 100_000], vec![b']'; 100_000]].concat();
        assert!(parse(&deep).unwrap_err().to_string().contains("recursion"));
        let long = format!("{:?}", "x".repeat(1000));
        let value = parse(long.as_bytes()).unwrap().remove(0);
        assert_eq!(to_json(&value, 500), Err(NotJson::TooLarge(500)));
    }
}
