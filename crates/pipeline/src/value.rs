//! Values: read from JSON, and written as JSON within a limit.

mod reader;

use std::cell::Cell;
use std::sync::Arc;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use jaq_json::{Num, Val};
use serde::Deserialize;
use serde_json::{Map, Number, Value};

pub(crate) use reader::{Members, read};

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
    *left = left
        .checked_sub(NODE_BYTES + text_bytes(value))
        .ok_or(None)?;
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

/// As [`to_json_within`], as text: what `serde_json` writes of that, at a part of the cost. Nothing if there is a name that is
/// not UTF-8, which might be there twice once it is; the bytes that are left mean nothing then.
///
/// # Errors
/// As for [`to_json_within`].
pub fn to_text_within(value: &Val, left: &mut usize) -> Result<Option<Arc<str>>, NotJson> {
    let before = *left;
    let mut text = TEXT.take();
    text.clear();
    let written = match write(value, 0, left, &mut text) {
        Ok(()) => Ok(str::from_utf8(&text).ok().map(Arc::from)),
        Err(NotText::TooLarge) => Err(NotJson::TooLarge(before)),
        Err(NotText::NotJson(error)) => Err(error),
        Err(NotText::Name) => Ok(None),
    };
    if text.capacity() <= TEXT_BYTES_KEPT {
        TEXT.set(text);
    }
    written
}

thread_local! {
    /// Room for a text that is being written.
    static TEXT: Cell<Vec<u8>> = const { Cell::new(Vec::new()) };
}

/// A text that was longer leaves no room behind.
const TEXT_BYTES_KEPT: usize = 64 * 1024;

enum NotText {
    TooLarge,
    NotJson(NotJson),
    Name,
}

fn write(value: &Val, depth: usize, left: &mut usize, to: &mut Vec<u8>) -> Result<(), NotText> {
    if depth > DEPTH_MAX {
        return Err(NotText::NotJson(NotJson::TooDeep));
    }
    *left = left
        .checked_sub(NODE_BYTES + text_bytes(value))
        .ok_or(NotText::TooLarge)?;
    match value {
        Val::Null => to.extend_from_slice(b"null"),
        Val::Bool(true) => to.extend_from_slice(b"true"),
        Val::Bool(false) => to.extend_from_slice(b"false"),
        Val::Num(number) => json(&self::number(number), to),
        Val::TStr(text) => json(&*String::from_utf8_lossy(text), to),
        Val::BStr(bytes) => json(&BASE64_STANDARD.encode(&**bytes), to),
        Val::Arr(items) => {
            to.push(b'[');
            for (index, item) in items.iter().enumerate() {
                if index > 0 {
                    to.push(b',');
                }
                write(item, depth + 1, left, to)?;
            }
            to.push(b']');
        }
        Val::Obj(members) => {
            to.push(b'{');
            for (index, (name, value)) in members.iter().enumerate() {
                let Val::TStr(name) = name else {
                    return Err(NotText::NotJson(NotJson::Name));
                };
                *left = left
                    .checked_sub(MEMBER_BYTES + name.len())
                    .ok_or(NotText::TooLarge)?;
                if index > 0 {
                    to.push(b',');
                }
                json(str::from_utf8(name).map_err(|_| NotText::Name)?, to);
                to.push(b':');
                write(value, depth + 1, left, to)?;
            }
            to.push(b'}');
        }
    }
    Ok(())
}

fn json<T: serde::Serialize + ?Sized>(value: &T, to: &mut Vec<u8>) {
    serde_json::to_writer(to, value).expect("memory takes every value");
}

/// What a value's text takes beside the value.
fn text_bytes(value: &Val) -> usize {
    match value {
        Val::TStr(text) => text.len(),
        Val::BStr(bytes) => bytes.len().div_ceil(3) * 4,
        Val::Null | Val::Bool(_) | Val::Num(_) | Val::Arr(_) | Val::Obj(_) => 0,
    }
}

/// About how many bytes values take as JSON in memory, but no more than `most`. What is shared counts each time that it is
/// there, and what nests too deep to be written does not.
pub fn bytes_of<'v>(values: impl IntoIterator<Item = &'v Val>, most: usize) -> usize {
    let mut left = most;
    for value in values {
        take_bytes(value, 0, &mut left);
        if left == 0 {
            break;
        }
    }
    most - left
}

fn take_bytes(value: &Val, depth: usize, left: &mut usize) {
    if depth > DEPTH_MAX || *left == 0 {
        return;
    }
    *left = left.saturating_sub(NODE_BYTES + text_bytes(value));
    match value {
        Val::Arr(items) => items
            .iter()
            .for_each(|item| take_bytes(item, depth + 1, left)),
        Val::Obj(members) => {
            for (name, value) in members.iter() {
                *left = left.saturating_sub(MEMBER_BYTES);
                take_bytes(name, depth + 1, left);
                take_bytes(value, depth + 1, left);
            }
        }
        _ => {}
    }
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

    #[test]
    fn the_text_is_what_the_json_says_and_takes_as_much() {
        for program in [
            ".",
            "[1, -1, 0.1, 1e300, 5e-324, -0.0, 18446744073709551615, 100000000000000000000000, nan, infinite]",
            "{b: [], a: {}, c: [{}, [[]]], \"\": null, t: true, f: false}",
            "\"\\u0000\\n\\\"\\\\ é😀\"",
            "[\"/+==\", @base64 \"abc\"]",
            "reduce range(127) as $i (0; [.])",
            "reduce range(200) as $i (0; [.])",
            "{a: (\"x\" * 100000)}",
        ] {
            let compiled = crate::jq::Program::compile(program).unwrap();
            let input = of_json(&serde_json::json!({"n": 1, "text": "é"}));
            let results = compiled.run(input, &crate::jq::Limits::default()).unwrap();
            let (mut of_json, mut of_text) = (50_000, 50_000);
            let value = to_json_within(&results[0], &mut of_json);
            let text = to_text_within(&results[0], &mut of_text);
            let written = value.map(|value| Some(value.to_string()));
            let text = text.map(|text| text.map(|text| text.to_string()));
            assert_eq!(text, written, "{program}");
            if written.is_ok() {
                assert_eq!(of_text, of_json, "{program}");
            }
        }
    }
}
